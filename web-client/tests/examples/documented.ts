import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './processes.ts';

/** The code blocks of a language in a Markdown file that have `text` in them, as they are. */
export function documented(file: string, language: string, text: string): string[] {
  const page = readFileSync(join(REPOSITORY, file), 'utf8');
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm'))]
    .map(([, block = '']) => block)
    .filter((block) => block.includes(text));
}
