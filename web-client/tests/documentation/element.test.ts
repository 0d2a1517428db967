// @vitest-environment happy-dom
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { QuietRoomElement } from '../../src/element/quiet-room';
import { SHORTCUT_KEYS } from '../../src/element/shortcuts';

const ROOT = join(import.meta.dirname, '../../..');
const CLIENT = join(ROOT, 'web-client/src');
const PAGE = readFileSync(join(ROOT, 'docs/element.md'), 'utf8');
const SOURCES = sourcesIn(join(CLIENT, 'element'));

function sourcesIn(folder: string): string {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.endsWith('.test.ts'))
    .map((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? sourcesIn(path) : readFileSync(path, 'utf8');
    })
    .join('\n');
}

/** The rows of the table under a heading of the page, each cell without its ticks. */
function table(heading: string): string[][] {
  const section = PAGE.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.replaceAll('`', '').trim()),
    );
}

function column(heading: string, index: number): string[] {
  return table(heading)
    .flatMap((row) => (row[index] ?? '').split(', '))
    .sort();
}

function found(pattern: RegExp, text = SOURCES): string[] {
  const all = [...text.matchAll(pattern)].flatMap((match) => (match[1] ?? '').split(', '));
  return [...new Set(all)].sort();
}

test('every attribute and its property are documented, and no other', () => {
  const { elementProperties } = QuietRoomElement;
  const documented = table('Attributes').map(([attribute, property]) => [property, attribute]);

  expect(column('Attributes', 0)).toEqual([...QuietRoomElement.observedAttributes].sort());
  expect(documented.map(([property]) => property).sort()).toEqual(
    [...elementProperties.keys()].sort(),
  );
  for (const [property = '', attribute] of documented) {
    expect(elementProperties.get(property)?.attribute ?? property.toLowerCase()).toBe(attribute);
  }
});

test('every event is documented, and no other', () => {
  const [map = ''] = /interface QuietRoomEventMap \{[^}]*(\}[^}]*)*?\n\}/.exec(SOURCES) ?? [];

  expect(column('Events', 0)).toEqual(found(/^ {2}(\w+): CustomEvent/gm, map));
});

test('every slot is documented, and no other', () => {
  expect(column('Slots', 0)).toEqual(found(/<slot name="([\w-]+)"/g));
});

test('every part is documented, and no other', () => {
  expect(column('Parts', 0)).toEqual(found(/[\s"']part="([\w-]+)"/g));
  // What is inside another element of ours reaches the page only so.
  expect(found(/exportparts="([^"]+)"/g)).toEqual(['join', 'preview']);
});

test('every custom property is documented with its default, and no other', () => {
  expect(column('Colours', 0)).toEqual(found(/(--quiet-room-[\w-]+)/g));
  for (const [name = '', value = ''] of table('Colours')) {
    const defaults = new RegExp(`var\\(\\s*${name},\\s*([^()]+|color-mix\\(.*)\\)`).exec(SOURCES);
    const written = defaults?.[1]?.trim() ?? '';
    expect(value, name).toBe(written.startsWith('color-mix') ? 'follows' : written);
  }
});

test('every key is documented', () => {
  expect(column('Keys', 0)).toEqual(Object.values(SHORTCUT_KEYS).sort());
});

test('what is kept in the browser is documented, and nothing else is kept', () => {
  const media = sourcesIn(join(CLIENT, 'media'));
  const kept = found(/'(quietroom\.[a-z]+)'/g, SOURCES + media);

  expect(found(/`(quietroom\.[a-z]+)`/g, PAGE)).toEqual(kept);
});
