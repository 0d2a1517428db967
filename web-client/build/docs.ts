import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SENTENCES } from '../src/error.ts';
import { readReference, type Reference } from './reference.ts';

const DOCS = join(import.meta.dirname, '../../docs');

/** The pages that are made from the sources, by their names in `docs/`. */
export function generatedPages({ text, clientErrorCodes }: Reference): ReadonlyMap<string, string> {
  return new Map([
    ['reference.md', text],
    ['errors.md', errorPage(new Set(clientErrorCodes))],
  ]);
}

export async function writeDocs(): Promise<void> {
  for (const [name, text] of generatedPages(readReference()))
    await writeFile(join(DOCS, name), text);
}

function errorPage(ofClient: ReadonlySet<string>): string {
  const rows = Object.entries(SENTENCES).map(([code, [message, mend]]) => ({
    code,
    row: `| \`${code}\` | ${message} | ${mend} |`,
  }));
  const table = (isOfClient: boolean): string =>
    rows
      .filter(({ code }) => ofClient.has(code) === isOfClient)
      .map(({ row }) => row)
      .join('\n');
  return `# Errors

A \`QuietroomError\` has a \`code\` for programs, which stays as it is; a \`message\`, a sentence for the person; and a \`mend\`, what that person can do about it. Its \`cause\` is for a developer's console. \`<quiet-room>\` shows both sentences in the person's language. This page is made from the sources by \`npm --prefix web-client run docs\`.

## What the server says

| code | message | mend |
| --- | --- | --- |
${table(false)}

## What the browser finds

| code | message | mend |
| --- | --- | --- |
${table(true)}
`;
}
