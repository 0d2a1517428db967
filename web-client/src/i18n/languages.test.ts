import { afterEach, expect, test } from 'vitest';
import { english } from './english';
import { addLanguage, knownLanguages, messagesFor } from './languages';
import type { Messages } from './messages';
import { spanish } from './spanish';

type FunctionKey = {
  [Key in keyof Messages]: Messages[Key] extends (...values: never[]) => string ? Key : never;
}[keyof Messages];

const QUALITIES: readonly Parameters<Messages['quality']>[] = [
  ['weak', undefined],
  ['poor', 'delay'],
  ['poor', 'uplink-loss'],
  ['poor', 'downlink-loss'],
  ['poor', 'slow-uplink'],
  ['poor', 'slow-downlink'],
];

/** What each text with gaps is tried with. */
const FILLINGS: { [Key in FunctionKey]: readonly Parameters<Messages[Key]>[] } = {
  youNamed: [['⟦name⟧']],
  participant: [
    ['host', undefined],
    ['co-host', 417],
    ['client', 417],
    ['observer', 417],
    ['interpreter', 417],
  ],
  toldApart: [['⟦name⟧', '⟦who⟧']],
  roleNotConfirmed: [['⟦role⟧']],
  tile: [
    ['⟦name⟧', true, false],
    ['⟦name⟧', false, true],
  ],
  quality: QUALITIES,
  ownQuality: QUALITIES,
  pin: [['⟦name⟧']],
  screenOf: [['⟦name⟧']],
  notTold: [['⟦names⟧']],
  reacted: [
    ['⟦name⟧', 1, '⟦reaction⟧'],
    ['⟦name⟧', 417, '⟦reaction⟧'],
  ],
  raisedHand: [
    ['⟦name⟧', 1],
    ['⟦name⟧', 2],
    ['⟦name⟧', 417],
  ],
  handRaisedAs: [[417]],
  cameIn: [
    ['⟦name⟧', 1],
    ['⟦name⟧', 2],
    ['⟦name⟧', 417],
  ],
  wentAway: [
    ['⟦name⟧', 1],
    ['⟦name⟧', 2],
    ['⟦name⟧', 417],
  ],
  lostConnection: [
    ['⟦name⟧', 1],
    ['⟦name⟧', 2],
    ['⟦name⟧', 417],
  ],
  connectionGone: [
    ['⟦name⟧', 1],
    ['⟦name⟧', 2],
    ['⟦name⟧', 417],
  ],
  connectionBack: [
    ['⟦name⟧', 1],
    ['⟦name⟧', 2],
    ['⟦name⟧', 417],
  ],
  peopleWaiting: [[417]],
  chatUnread: [[1], [417]],
  wrote: [['⟦name⟧', '⟦text⟧']],
  comparedWith: [['⟦name⟧']],
  others: [[1], [417]],
  consentVersion: [['⟦version⟧']],
  consented: [['⟦version⟧']],
  somebodyWaits: [
    [1, '⟦name⟧'],
    [1, ''],
    [417, '⟦name⟧'],
  ],
  admitPerson: [['⟦name⟧']],
  refusePerson: [['⟦name⟧']],
  noted: [
    ['⟦name⟧', '⟦text⟧'],
    ['', '⟦text⟧'],
  ],
  actionsOn: [['⟦name⟧']],
  removeTitle: [['⟦name⟧']],
  asked: [
    ['⟦name⟧', 'microphone'],
    ['⟦name⟧', 'camera'],
  ],
  mutedBy: [
    ['⟦name⟧', 'microphone'],
    ['⟦name⟧', 'camera'],
  ],
  shareStoppedBy: [['⟦name⟧']],
  sessionEnding: [[1], [417]],
  inactivity: [[417]],
  emergencyOf: [['⟦name⟧']],
  unnamedDevice: [['⟦kind⟧', 417]],
  useDevice: [['⟦label⟧']],
  microphoneReplaced: [['⟦label⟧'], ['']],
  wasInBackground: [
    [true, true],
    [true, false],
    [false, true],
  ],
};

/** Every text of a language by its path, those with gaps once for each filling. */
function texts(value: unknown, path: string, fillings: readonly unknown[][]): [string, string][] {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value === 'function') {
    const fill = value as (...values: unknown[]) => string;
    return fillings.map((filling) => [`${path}(${filling.join()})`, fill(...filling)]);
  }
  return Object.entries(value as object).flatMap(([key, inner]) =>
    texts(inner, `${path}.${key}`, fillings),
  );
}

function fillingsOf(key: string): readonly unknown[][] {
  const fillings: Partial<Record<string, readonly (readonly unknown[])[]>> = FILLINGS;
  return (fillings[key] ?? [['⟦name⟧']]).map((filling) => [...filling]);
}

function textsOf(messages: Messages): Map<string, string> {
  return new Map(
    Object.entries(messages).flatMap(([key, value]) => texts(value, key, fillingsOf(key))),
  );
}

/** How many steps help takes may differ by language; what else there is may not. */
const isStep = (path: string): boolean => path.startsWith('permissionSteps.');

function gaps(text: string): string[] {
  return (text.match(/⟦\w+⟧|417/g) ?? []).sort();
}

const others = knownLanguages().filter((messages) => messages !== english);

test('there is more than one language', () => {
  expect(others).toContain(spanish);
});

test.each(others)('$language has every text, and fills the same gaps', (messages) => {
  const wanted = textsOf(english);
  const had = textsOf(messages);
  const keys = (map: Map<string, string>): string[] =>
    [...map.keys()].filter((path) => !isStep(path)).sort();

  expect(keys(had)).toEqual(keys(wanted));
  for (const [path, text] of had) {
    expect(text.trim(), path).not.toBe('');
    if (!isStep(path)) expect(gaps(text), path).toEqual(gaps(wanted.get(path) ?? ''));
  }
});

test.each(others)('$language is not English that was left standing', (messages) => {
  const had = textsOf(messages);
  const same = [...textsOf(english)].filter(
    ([path, text]) => /[a-z]{3}/i.test(text.replace(/⟦\w+⟧/g, '')) && had.get(path) === text,
  );

  expect(same.map(([, text]) => text).filter((text) => text !== 'Chat' && text !== 'ltr')).toEqual(
    [],
  );
});

afterEach(() => {
  addLanguage(english);
  addLanguage(spanish);
});

test.each([
  [['es'], 'es'],
  [['es-MX'], 'es'],
  [['ES-419', 'en'], 'es'],
  [['fr', 'es-AR'], 'es'],
  [['fr'], 'en'],
  [[''], 'en'],
  [[], 'en'],
])('who wants %s is served in %s', (tags, language) => {
  expect(messagesFor(tags).language).toBe(language);
});

test('a clinic can add a language, and one of a region goes before the general one', () => {
  const rioplatense = { ...spanish, language: 'es-AR', mute: 'Silenciate' };
  addLanguage(rioplatense);

  expect(messagesFor(['es-ar'])).toBe(rioplatense);
  expect(messagesFor(['es-CL'])).toBe(spanish);
});
