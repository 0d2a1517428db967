import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const REPOSITORY = join(import.meta.dirname, '../../..');

/** The folder that is packed, and the package that `make package` made of it. */
export const FOLDER = join(REPOSITORY, 'web-client/package');
export const TARBALL = join(REPOSITORY, 'target/quietroom-client.tgz');

/** The package's files, as they are unpacked in `folder`. */
export function unpack(folder: string): Map<string, string> {
  execFileSync('tar', ['-xzf', TARBALL, '-C', folder]);
  const root = join(folder, 'package');
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(files.map((file) => [file.slice(root.length + 1), readFileSync(file, 'utf8')]));
}
