import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import ts from 'typescript';
import { build as viteBuild, type Rolldown } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TARBALL } from './tarball.ts';

/** An empty project that installs the package as a clinic does. */
const project = mkdtempSync(join(tmpdir(), 'quietroom-consumer-'));

beforeAll(() => {
  write('package.json', '{"type": "module", "private": true}');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--silent'];
  execFileSync('npm', ['install', ...quiet, TARBALL], { cwd: project, stdio: 'inherit' });
});

afterAll(() => {
  rmSync(project, { recursive: true });
});

function write(name: string, text: string): void {
  writeFileSync(join(project, name), text);
}

interface Bundle {
  readonly size: number;
  readonly modules: readonly string[];
}

/** What esbuild makes of a file's text: bytes after gzip, and the modules whose code is in it. */
async function bundle(contents: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: project },
    absWorkingDir: project,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    metafile: true,
    outdir: 'out',
    logLevel: 'error',
  });
  const [output] = Object.values(metafile.outputs);
  const modules = Object.entries(output?.inputs ?? {})
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([name]) => name);
  return { size: gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length, modules };
}

test('the SDK takes less than 60 KB, and brings no user interface', async () => {
  const { size, modules } = await bundle(`export * from '@quietroom/client';`);

  console.log(`the SDK: ${size} bytes`);
  expect(size).toBeLessThan(60_000);
  expect(modules.filter((name) => /\/(lit|lit-html|@lit|element|i18n)\//.test(name))).toEqual([]);
  expect(modules).toContain('node_modules/@quietroom/client/lib/room/room.js');
});

test('what a page does not use is left out', async () => {
  const { size, modules } = await bundle(`export { QuietroomError } from '@quietroom/client';`);

  expect(modules.filter((name) => name.includes('node_modules'))).toEqual([
    'node_modules/@quietroom/client/lib/error.js',
  ]);
  expect(size).toBeLessThan(5_000);
});

test('the element takes less than 100 KB, SDK and all', async () => {
  const { size, modules } = await bundle(`import '@quietroom/client/element';`);

  console.log(`the element with the SDK: ${size} bytes`);
  expect(size).toBeLessThan(100_000);
  expect(modules).toContain('node_modules/@quietroom/client/lib/element/quiet-room.js');
});

test('the files to host take no more, and the worker less than 90 KB', () => {
  const size = (name: string): number =>
    gzipSync(readFileSync(join(project, 'node_modules/@quietroom/client/hosted', name)), {
      level: 9,
    }).length;

  expect(size('quietroom.js')).toBeLessThan(100_000);
  expect(size('quietroom-worker.js')).toBeLessThan(90_000);
});

test('Vite takes the worker along by itself', async () => {
  write('index.html', '<script type="module" src="./main.js"></script>');
  write('main.js', `import '@quietroom/client/element';`);
  const { output } = (await viteBuild({
    root: project,
    configFile: false,
    logLevel: 'error',
    build: { write: false },
  })) as Rolldown.RolldownOutput;

  const worker = output.find(({ fileName }) => fileName.includes('quietroom-worker'))?.fileName;
  expect(worker).toMatch(/^assets\/quietroom-worker-.*\.js$/);
  expect(output.some((file) => file.type === 'chunk' && file.code.includes(`/${worker}`))).toBe(
    true,
  );
});

const PAGE = `
import { Room, QuietroomError, type RemoteParticipant } from '@quietroom/client';
import { QuietRoomElement, addLanguage, english } from '@quietroom/client/element';

const room = new Room({ workerUrl: '/quietroom-worker.js', camera: false });
room.on('participantJoined', (participant: RemoteParticipant) => participant.name.trim());
// @ts-expect-error There is no such event.
room.on('participantVanished', () => undefined);
await room.join('token', { name: 'Ben' });

const element: QuietRoomElement | null = document.querySelector('quiet-room');
element?.addEventListener('left', ({ detail }) => {
  const error: QuietroomError | undefined = detail.error;
  console.log(error?.code, error?.mend);
});
element?.addEventListener('click', (event) => event.clientX);
// @ts-expect-error It has no number for a name.
element.name = 1;
// @ts-expect-error What is internal is not in the types.
element?.createRoom({});
addLanguage({ ...english, language: 'pt' });
`;

const COMPONENT = `
import type {} from '@quietroom/client/react';

export const good = <quiet-room token-url="/token" skip-green-room className="large" />;
// @ts-expect-error It is there or not.
export const bad = <quiet-room skip-green-room="yes" />;
// @ts-expect-error There is no such attribute.
export const worse = <quiet-room tokenAddress="/token" />;
`;

test('its types hold, as Node resolves modules, which is stricter than bundlers', () => {
  write('page.ts', PAGE);
  write('component.tsx', COMPONENT);
  const types = join(project, 'node_modules/@types');
  mkdirSync(types, { recursive: true });
  rmSync(join(types, 'react'), { force: true });
  symlinkSync(join(import.meta.dirname, '../../node_modules/@types/react'), join(types, 'react'));
  const program = ts.createProgram([join(project, 'page.ts'), join(project, 'component.tsx')], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    jsx: ts.JsxEmit.ReactJSX,
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  });

  const complaints = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, '\n');
    return `${file?.fileName.slice(project.length) ?? ''}: ${message}`;
  });
  expect(complaints).toEqual([]);
});
