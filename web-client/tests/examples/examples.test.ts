import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFailed,
  onTestFinished,
  test,
} from 'vitest';
import { Participant, RED } from '../browser/participant.ts';
import { built, mint } from '../browser/server.ts';
import { documented } from './documented.ts';
import { phpExample, Processes, REPOSITORY } from './processes.ts';
import { Visitor } from './visitor.ts';

const SERVER = 'http://localhost:8080';
/** Each page by another backend. */
const PLAIN_BY_NODE = 'http://localhost:3000';
const REACT_BY_PYTHON = 'http://localhost:3001';
const VUE_BY_PHP = 'http://localhost:3002';
/** A page with nothing but the frame. */
const FRAMING = 'http://localhost:3003';
const BACKENDS = [
  ['node', PLAIN_BY_NODE],
  ['python', REACT_BY_PYTHON],
  ['php', VUE_BY_PHP],
] as const;

const folder = mkdtempSync(join(tmpdir(), 'quietroom-examples-'));
const processes = new Processes();
let browser: Participant | undefined;
const visitors: Visitor[] = [];

beforeAll(async () => {
  await mint(folder, 'any', 'client');
  const config = join(folder, 'quietroom.toml');
  const origins = JSON.stringify([SERVER, ...BACKENDS.map(([, origin]) => origin)]);
  writeFileSync(
    config,
    `[http]\nallowed_origins = ${origins}\nframe_origins = ["${FRAMING}"]\n` +
      `[media]\nport = 0\nworkers = 1\n[metrics]\nlisten = ""\n` +
      `[access]\njwks = "${join(folder, 'key.jwks.json')}"\n`,
  );
  processes.start([built('debug', 'quietroom'), 'serve', '--config', config]);
  const environment = (page: string, origin: string): Record<string, string> => ({
    KEY: join(folder, 'key.pem'),
    PAGES: join(REPOSITORY, 'target/examples', page),
    PORT: new URL(origin).port,
    PYTHONPATH: join(REPOSITORY, 'target/tools/pyjwt'),
  });
  processes.start(['node', 'examples/node/server.js'], environment('plain-html', PLAIN_BY_NODE));
  processes.start(['python3', 'examples/python/server.py'], environment('react', REACT_BY_PYTHON));
  processes.start(
    ['php', '-S', new URL(VUE_BY_PHP).host, phpExample(folder)],
    environment('vue', VUE_BY_PHP),
  );
  const starting = Participant.start(RED, { width: 320, height: 180, frames: 10 });
  const answers = [`${SERVER}/healthz`, ...BACKENDS.map(([, origin]) => `${origin}/`)].map((url) =>
    processes.answering(url),
  );
  browser = await starting;
  await Promise.all(answers);
});

afterAll(async () => {
  await browser?.close();
  await processes.end();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  onTestFailed(() => {
    console.error(processes.output.join(''));
    for (const { page, console: lines } of visitors) {
      console.error(`${page.url()}:\n${lines.join('\n')}`);
    }
  });
});

async function arrive(origin: string, person: string): Promise<Visitor> {
  const visitor = await visit();
  await visitor.page.goto(`${origin}/sign-in?person=${person}`);
  await visitor.join();
  return visitor;
}

async function visit(): Promise<Visitor> {
  if (browser === undefined) throw new Error('there is no browser');
  const visitor = await Visitor.start(browser);
  visitors.push(visitor);
  return visitor;
}

interface Answer {
  readonly status: number;
  readonly policy: string;
  readonly body: string;
}

/** Sends a path as it is, which `fetch` would tidy. */
function ask(origin: string, path: string, person?: string, body?: string): Promise<Answer> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        hostname,
        port,
        path,
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          'content-type': 'application/json',
          ...(person !== undefined && { cookie: `person=${person}` }),
          ...(body !== undefined && { 'content-length': body.length }),
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            policy: String(response.headers['content-security-policy']),
            body: text,
          });
        });
      },
    );
    asked.once('error', reject);
    asked.end(body);
  });
}

const TOKEN_PATH = '/appointments/4711/token';
const THUMBPRINT = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs';

describe.each(BACKENDS)('the backend in %s', (_, origin) => {
  test('gives a person a token of five minutes for one key', async () => {
    const { status, body } = await ask(
      origin,
      TOKEN_PATH,
      'person-1',
      JSON.stringify({ thumbprint: THUMBPRINT }),
    );

    expect(status, body).toBe(200);
    const { token } = JSON.parse(body) as { readonly token: string };
    const claims = JSON.parse(
      Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(),
    ) as Record<string, unknown>;
    expect(claims).toEqual({
      sub: 'person-1',
      room: 'appointment-4711',
      role: 'host',
      cnf: { jkt: THUMBPRINT },
      jti: expect.any(String) as unknown,
      iat: expect.any(Number) as unknown,
      exp: Number(claims['iat']) + 300,
    });
  });

  test('gives a person the same token id for the same key, so that who was let in still is', async () => {
    const id = async (person: string, thumbprint: string): Promise<unknown> => {
      const { body } = await ask(origin, TOKEN_PATH, person, JSON.stringify({ thumbprint }));
      const { token } = JSON.parse(body) as { readonly token: string };
      const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
      return (JSON.parse(claims) as { readonly jti: unknown }).jti;
    };
    const first = await id('person-1', THUMBPRINT);

    expect(await id('person-1', THUMBPRINT)).toBe(first);
    expect(await id('person-1', THUMBPRINT.replace('N', 'M'))).not.toBe(first);
    expect(await id('person-2', THUMBPRINT)).not.toBe(first);
  });

  test('gives nobody else any, and none for what is no thumbprint', async () => {
    const good = JSON.stringify({ thumbprint: THUMBPRINT });

    expect((await ask(origin, TOKEN_PATH, undefined, good)).status).toBe(403);
    expect((await ask(origin, TOKEN_PATH, 'person-9', good)).status).toBe(403);
    expect((await ask(origin, TOKEN_PATH, 'toString', good)).status).toBe(403);
    const other = await ask(origin, '/appointments/4712/token', 'person-1', good);
    expect([403, 404]).toContain(other.status);
    for (const bad of [
      '',
      '{',
      'null',
      '[]',
      '{"thumbprint": 1}',
      `{"thumbprint": "${'x'.repeat(2_000)}"}`,
    ]) {
      expect((await ask(origin, TOKEN_PATH, 'person-1', bad)).status, bad).toBe(400);
    }
  });

  test('serves the pages under a strict policy, and no other file', async () => {
    const page = await ask(origin, '/');

    expect(page.status).toBe(200);
    expect(page.policy).toContain("script-src 'self'; style-src 'self'; worker-src 'self'");
    expect(page.policy).not.toContain('unsafe');
    for (const path of [
      '/../../clinic-key.pem',
      '/..%2f..%2fMakefile',
      '/%2e%2e/%2e%2e/Makefile',
    ]) {
      expect([400, 404]).toContain((await ask(origin, path)).status);
    }
  });
});

describe('people meet from pages of the clinic', () => {
  let therapist: Visitor;
  let client: Visitor;

  test('two in plain HTML, with the clinic’s own words around', async () => {
    therapist = await arrive(PLAIN_BY_NODE, 'person-1');
    client = await arrive(PLAIN_BY_NODE, 'person-2');

    await Promise.all([therapist.sees(1), client.sees(1)]);
    expect(await client.page.getByRole('status').first().textContent()).toBe(
      'You are in the session.',
    );
    const role = await therapist.page.evaluate(
      () => document.querySelector('quiet-room')?.room?.localParticipant.role,
    );
    expect(role).toBe('host');
  });

  test('a third from React, who is gone when the component is', async () => {
    const third = await arrive(REACT_BY_PYTHON, 'person-3');

    await Promise.all([third.sees(2), therapist.sees(2)]);
    await third.page.getByText('Others in the session: 2').waitFor();
    await third.page.getByRole('button', { name: 'Close', exact: true }).click();
    await therapist.sees(1);
    expect(await third.page.locator('quiet-room').count()).toBe(0);
    expect(third.forbidden).toEqual([]);
    await third.page.close();
  });

  test('a third from Vue, whose page hears of the end', async () => {
    const third = await arrive(VUE_BY_PHP, 'person-3');

    await Promise.all([third.sees(2), therapist.sees(2)]);
    await third.page.evaluate(() => document.querySelector('quiet-room')?.room?.leave());
    await third.page.getByText('Goodbye.').first().waitFor();
    await therapist.sees(1);
    expect(third.forbidden).toEqual([]);
    await third.page.close();
  });

  test('a third in a frame of the server’s own page, from the origins that it names only', async () => {
    const [frame = ''] = documented('docs/embedding.md', 'html', '<iframe');
    const token = await mint(folder, 'appointment-4711', 'client');
    const html = frame.replace('TOKEN', `${token}&green-room=skip`);
    // Browsers let no page that was made up go to this machine in a frame.
    const framing = createServer((_, response) => {
      response.setHeader('Content-Type', 'text/html').end(html);
    });
    onTestFinished(() => void framing.close());
    framing.listen(new URL(FRAMING).port);
    const third = await visit();
    const refusals: string[] = [];
    third.page.on('requestfailed', (failed) => {
      if (failed.url().startsWith(SERVER)) refusals.push(failed.failure()?.errorText ?? '');
    });

    await third.page.goto(FRAMING.replace('localhost', '127.0.0.1'));
    await expect.poll(() => refusals).toEqual(['net::ERR_BLOCKED_BY_RESPONSE']);
    await third.page.goto(FRAMING);
    const addresses = (): string[] => third.page.frames().map((one) => one.url());
    await expect.poll(addresses).toContainEqual(expect.stringContaining(SERVER));
    const framed = third.page.frames().find((one) => one.url().startsWith(SERVER));
    await Promise.all([third.sees(2, framed), therapist.sees(2)]);
    await third.page.close();
  });

  test('under a policy without anything inline or evaluated, which nothing broke', () => {
    expect([...therapist.forbidden, ...client.forbidden]).toEqual([]);
  });
});
