import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rolldown, type OutputOptions, type RolldownOptions } from 'rolldown';
import { writeDeclarations } from './declarations.ts';
import { oneCipherSuite } from './one-cipher-suite.ts';
import { thirdPartyLicences } from './third-party-licences.ts';
import { tsMlsCorrection } from './ts-mls-correction.ts';

const ROOT = join(import.meta.dirname, '..');
const source = (path: string): string => join(ROOT, 'src', path);

/**
 * Writes the npm package to `folder`, whose former content goes:
 *
 * - `lib/`: a module for each source file, with its types, for bundlers;
 * - `hosted/`: the encryption worker, and everything in one file for pages
 *   without a bundler, both to be hosted as they are;
 * - `package.json`, `README.md`, `LICENSE`, `CHANGELOG.md`.
 */
export async function buildPackage(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await Promise.all([
    buildModules(join(folder, 'lib')),
    buildHosted(join(folder, 'hosted')),
    writeManifest(folder),
    copyFile(join(ROOT, 'README.md'), join(folder, 'README.md')),
    copyFile(join(ROOT, '../LICENSE'), join(folder, 'LICENSE')),
    copyFile(join(ROOT, '../CHANGELOG.md'), join(folder, 'CHANGELOG.md')),
  ]);
  // Last, as it keeps this thread for seconds.
  await writeDeclarations(
    ENTRIES.map((entry) => source(`${entry}.ts`)),
    { from: join(ROOT, 'src'), to: join(folder, 'lib') },
  );
}

/** What may be imported, below `src/`. */
const ENTRIES = ['index', 'element/index', 'react', 'script'] as const;

async function buildModules(dir: string): Promise<void> {
  await bundle(
    {
      input: { index: source('index.ts'), 'element/index': source('element/index.ts') },
      external: /^(lit|@noble\/hashes)(\/|$)/,
      plugins: [workerAt('../../hosted/quietroom-worker.js')],
    },
    {
      dir,
      preserveModules: true,
      preserveModulesRoot: source(''),
      entryFileNames: '[name].js',
      sourcemap: true,
    },
  );
  // Its types are all there is to it; whoever imports it without `type` gets nothing.
  await writeFile(join(dir, 'react.js'), 'export {};\n');
}

async function buildHosted(dir: string): Promise<void> {
  const ids = await Promise.all([
    bundle(
      { input: source('script.ts'), plugins: [workerAt('./quietroom-worker.js')] },
      { file: join(dir, 'quietroom.js'), minify: true, sourcemap: true },
    ),
    bundle(
      {
        input: source('e2ee/worker/worker.ts'),
        plugins: [tsMlsCorrection(), oneCipherSuite()],
      },
      {
        file: join(dir, 'quietroom-worker.js'),
        codeSplitting: false,
        minify: true,
        sourcemap: true,
      },
    ),
  ]);
  await writeFile(join(dir, 'LICENSES.txt'), await thirdPartyLicences(ids.flat()));
}

/** Returns the files that went in. */
async function bundle(
  options: Omit<RolldownOptions, 'output'>,
  output: OutputOptions,
): Promise<string[]> {
  const build = await rolldown({
    cwd: ROOT,
    platform: 'browser',
    transform: { target: 'es2022' },
    onLog(level, log) {
      if (level === 'warn') throw new Error(`the package's build warns: ${log.message}`);
    },
    ...options,
  });
  try {
    const { output: files } = await build.write({ format: 'es', ...output });
    return files.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
  } finally {
    await build.close();
  }
}

/**
 * Has the worker be where the package has it. Bundlers that know
 * `new Worker(new URL(…, import.meta.url))` take it along from there.
 */
function workerAt(path: string): NonNullable<RolldownOptions['plugins']> {
  const asWritten = '../e2ee/worker/worker.ts';
  return {
    name: 'quietroom:worker-at',
    transform: {
      filter: { id: /\/src\/browser\/environment\.ts$/ },
      handler(code: string) {
        if (code.split(asWritten).length !== 2) {
          throw new Error('browser/environment.ts does not start the worker as the build expects');
        }
        return { code: code.replace(asWritten, path), map: null };
      },
    },
  };
}

async function writeManifest(folder: string): Promise<void> {
  const text = await readFile(join(ROOT, 'package.json'), 'utf8');
  const { name, version, description, license, type, engines, dependencies } = JSON.parse(
    text,
  ) as Manifest;
  const module = (path: string): object => ({
    types: `./lib/${path}.d.ts`,
    default: `./lib/${path}.js`,
  });
  const manifest = {
    name,
    version,
    description,
    license,
    type,
    engines,
    keywords: ['webrtc', 'video', 'sfu', 'e2ee', 'telehealth', 'web-component'],
    main: './lib/index.js',
    types: './lib/index.d.ts',
    exports: {
      '.': module('index'),
      './element': module('element/index'),
      './react': module('react'),
      './script': { types: './lib/script.d.ts', default: './hosted/quietroom.js' },
      './worker': './hosted/quietroom-worker.js',
      './package.json': './package.json',
    },
    files: ['lib', 'hosted', 'CHANGELOG.md'],
    sideEffects: ['./lib/element/*.js', './hosted/*.js'],
    dependencies: Object.fromEntries(
      Object.entries(dependencies).filter(([dependency]) => IMPORTED.includes(dependency)),
    ),
    peerDependencies: { '@types/react': '>=19' },
    peerDependenciesMeta: { '@types/react': { optional: true } },
  };
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly type: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** What `lib/` imports; all else is in the worker's file. */
const IMPORTED = ['lit', '@noble/hashes'];
