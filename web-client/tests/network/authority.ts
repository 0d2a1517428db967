import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A certificate and its key, as files. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority that only the test's browsers know. */
export class Authority {
  readonly server: CertificateFiles;
  /** For Chromium to have as its `HOME`. */
  readonly home: string;
  /** For Firefox to have as its profile. */
  readonly profile: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.server = { certificate: join(folder, 'server.pem'), key: join(folder, 'server.key') };
    this.home = join(folder, 'home');
    this.profile = join(folder, 'profile');
  }

  /** Vouches for a server at these addresses and of this name. */
  static async make(addresses: readonly string[], name: string): Promise<Authority> {
    const folder = await mkdtemp(join(tmpdir(), 'quietroom-authority-'));
    const authority = new Authority(folder);
    const [root, rootKey] = [join(folder, 'root.pem'), join(folder, 'root.key')];
    const { certificate, key } = authority.server;
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    const days = ['-nodes', '-days', '2'];
    const mayVouch = ['-addext', 'basicConstraints=critical,CA:true'];
    const names = [`DNS:${name}`, ...addresses.map((address) => `IP:${address}`)].join(',');
    await run(
      'openssl',
      [...request, ...days, ...mayVouch].concat([
        '-subj',
        '/CN=Test authority',
        '-keyout',
        rootKey,
        '-out',
        root,
      ]),
    );
    await run(
      'openssl',
      [...request, ...days, '-CA', root, '-CAkey', rootKey]
        .concat(['-addext', `subjectAltName=${names}`, '-addext', 'basicConstraints=CA:false'])
        .concat(['-subj', '/CN=Test server', '-keyout', key, '-out', certificate]),
    );
    for (const store of [join(authority.home, '.pki', 'nssdb'), authority.profile]) {
      await mkdir(store, { recursive: true });
      await run('certutil', ['-N', '-d', `sql:${store}`, '--empty-password']);
      await run('certutil', ['-A', '-d', `sql:${store}`, '-n', 'test', '-t', 'C,,', '-i', root]);
    }
    return authority;
  }

  /** A file that ends with the authority. */
  async write(name: string, text: string): Promise<string> {
    const path = join(this.#folder, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const run = promisify(execFile);
