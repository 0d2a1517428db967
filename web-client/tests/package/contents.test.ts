import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, expect, test } from 'vitest';
import { FOLDER, unpack } from './tarball.ts';

const folder = mkdtempSync(join(tmpdir(), 'quietroom-contents-'));
const files = unpack(folder);
const manifest = JSON.parse(files.get('package.json') ?? '{}') as {
  readonly version: string;
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
};

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function named(pattern: RegExp): string[] {
  return [...files.keys()].filter((name) => pattern.test(name)).sort();
}

test('the package has what is imported and hosted, and nothing else', () => {
  expect(named(/^[^/]+$/)).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
  expect(named(/^hosted\//)).toEqual([
    'hosted/LICENSES.txt',
    'hosted/quietroom-worker.js',
    'hosted/quietroom-worker.js.map',
    'hosted/quietroom.js',
    'hosted/quietroom.js.map',
  ]);
  const modules = named(/^lib\/.*\.js$/).map((name) => name.slice(0, -'.js'.length));
  expect(modules).toEqual(
    expect.arrayContaining(['lib/index', 'lib/element/index', 'lib/react', 'lib/room/room']),
  );
  for (const module of modules) expect(files.keys()).toContain(`${module}.d.ts`);
  expect(named(/^lib\//).filter((name) => !/\.(js|js\.map|d\.ts)$/.test(name))).toEqual([]);
  expect(named(/\.test\.|fake-|virtual-|careless/)).toEqual([]);
  // The worker's modules are in its own file, but for what both sides need.
  expect(named(/^lib\/e2ee\/worker\/.*\.js$/)).toEqual([
    'lib/e2ee/worker/mls/application.js',
    'lib/e2ee/worker/mls/base64url.js',
    'lib/e2ee/worker/notices.js',
  ]);
});

test('every module has a source map with its source in it', () => {
  for (const name of named(/\.js$/)) {
    // Some only pass on what others export.
    if (/^((import|export) .*\n?)*$/.test(files.get(name) ?? '')) continue;
    const map = JSON.parse(files.get(`${name}.map`) ?? '{}') as {
      readonly sources?: string[];
      readonly sourcesContent?: (string | null)[];
    };
    expect(map.sources?.length, name).toBeGreaterThan(0);
    expect(map.sourcesContent, name).toHaveLength(map.sources?.length ?? -1);
    expect(
      map.sourcesContent?.every((text) => text !== null),
      name,
    ).toBe(true);
    expect(files.get(name), name).toContain(
      `//# sourceMappingURL=${name.slice(dirname(name).length + 1)}.map`,
    );
  }
});

test('no file tells on which machine it was built', () => {
  const repository = join(import.meta.dirname, '../../..');
  for (const [name, text] of files) {
    for (const place of [repository, homedir(), tmpdir(), 'file://']) {
      expect(text.includes(`${place}/`), `${name} names ${place}`).toBe(false);
    }
    if (!name.endsWith('.map')) continue;
    const { sources } = JSON.parse(text) as { readonly sources: string[] };
    expect(sources.filter((source) => source.startsWith('/') || source.includes(':'))).toEqual([]);
  }
});

test('what it imports is what it depends on', () => {
  const imported = [...files]
    .filter(([name]) => /^lib\/.*\.js$/.test(name))
    .flatMap(([, text]) => [...text.matchAll(/\bfrom ?["']([^."'][^"']*)["']/g)])
    .map(([, specifier = '']) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0]);

  expect([...new Set(imported)].sort()).toEqual(Object.keys(manifest.dependencies).sort());
});

test('React is asked for from 19 on: 18 writes a false attribute as one that is there', () => {
  expect(manifest.peerDependencies).toEqual({ '@types/react': '>=19' });
});

test('the licences of what is bundled go with it', () => {
  const licences = files.get('hosted/LICENSES.txt') ?? '';

  for (const name of [
    'lit',
    'lit-html',
    'ts-mls',
    '@noble/curves',
    '@noble/hashes',
    '@hpke/core',
  ]) {
    expect(licences).toMatch(new RegExp(`^${name} \\d+\\.`, 'm'));
  }
});

test('its version is a semantic one, and the latest of the changelog', () => {
  const changelog = files.get('CHANGELOG.md') ?? '';

  expect(manifest.version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(/^## .*?(\d+\.\d+\.\d+)/m.exec(changelog)?.[1]).toBe(manifest.version);
});

test('publint has nothing to say', async () => {
  const { messages, pkg } = await publint({ pkgDir: FOLDER, pack: false, strict: true });

  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
});
