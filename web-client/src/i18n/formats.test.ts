import { afterEach, expect, test, vi } from 'vitest';
import { listed, timeOfDay } from './formats';

const AFTERNOON = new Date(2026, 5, 1, 15, 4);

afterEach(() => {
  vi.unstubAllGlobals();
});

function prefer(...languages: string[]): void {
  vi.stubGlobal('navigator', { languages });
}

test('times are as the browser’s language of the same name has them', () => {
  prefer('de-DE', 'en-GB', 'en');
  expect(timeOfDay(AFTERNOON, 'en')).toBe('15:04');
  prefer('en-US');
  expect(timeOfDay(AFTERNOON, 'en')).toMatch(/^0?3:04\sPM$/);
  expect(timeOfDay(AFTERNOON, 'es')).toBe('15:04');
});

test.each(['no_such', 'pt_BR', ''])(
  'what no browser knows as a language, as %j, stops nothing',
  (language) => {
    prefer('en-GB');
    expect(timeOfDay(AFTERNOON, language)).toMatch(/04/);
    expect(listed(['Ana', 'Ben'], language)).toMatch(/^Ana.+Ben$/);
  },
);

test('names are listed as the language lists them', () => {
  expect(listed(['Ana', 'Ben'], 'es')).toBe('Ana y Ben');
});
