import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

/**
 * Writes the types of `entries` and of what they reach, without what is
 * `@internal`. Imports get the ending that Node's resolution asks for. Throws
 * with the compiler's words when the types do not hold.
 */
export async function writeDeclarations(
  entries: readonly string[],
  place: { readonly from: string; readonly to: string },
): Promise<void> {
  const program = ts.createProgram(entries, {
    ...compilerOptions(join(place.from, '../tsconfig.json')),
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    stripInternal: true,
    rootDir: place.from,
    outDir: place.to,
  });
  const files = new Map<string, string>();
  const { diagnostics } = program.emit(undefined, (path, text) => files.set(path, text));
  const errors = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (errors.length > 0) {
    throw new Error(
      ts.formatDiagnostics(errors, {
        getCanonicalFileName: (name) => name,
        getCurrentDirectory: () => place.from,
        getNewLine: () => '\n',
      }),
    );
  }
  for (const [path, text] of files) {
    if (relative(place.to, path).startsWith('..')) throw new Error(`${path} is out of place`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text.replace(RELATIVE_IMPORT, '$1.js$2'));
  }
}

/** As a `tsconfig.json` has them. */
export function compilerOptions(path: string): ts.CompilerOptions {
  const read = ts.readConfigFile(path, (file) => ts.sys.readFile(file));
  if (read.error !== undefined) {
    throw new Error(ts.flattenDiagnosticMessageText(read.error.messageText, '\n'));
  }
  return ts.parseJsonConfigFileContent(read.config, ts.sys, dirname(path)).options;
}

const RELATIVE_IMPORT = /((?:from |import |import\()["']\.{1,2}\/[^"']*)(["'])/g;
