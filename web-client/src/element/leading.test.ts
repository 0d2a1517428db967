// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { english } from '../i18n/english';
import { addLanguage } from '../i18n/languages';
import { OWN_ID } from '../room/fake-environment';
import type { Participant } from '../signaling/protocol/Participant';
import type { Permission } from '../signaling/protocol/Permission';
import { FakeElement, stubMedia } from './fake-element';
import { roughShare } from './talk-time';

const ORDINARY: Permission[] = ['microphone', 'camera', 'screen', 'receive', 'chat'];
const DEVICES = { microphone: true, camera: false, reconnecting: false } as const;
const BEN: Participant = { id: 'ben', role: 'client', ...DEVICES };
const CAT: Participant = { id: 'cat', role: 'client', ...DEVICES };
const KIM: Participant = { id: 'kim', role: 'observer', ...DEVICES, microphone: false };

let element: FakeElement;

beforeEach(async () => {
  stubMedia();
  element = new FakeElement();
  await element.begin();
});

afterEach(() => {
  element.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function press(selector: string): Promise<void> {
  element.find(selector)!.click();
  await element.rendered();
}

function texts(parts: readonly HTMLElement[]): string[] {
  return parts.map(({ textContent }) => textContent.replace(/\s+/g, ' ').trim());
}

function listed(selector: string): string[] {
  return texts(element.inside('quiet-room-people', selector));
}

test('who leads sees which text each of the others has agreed to, and who has not', async () => {
  const others = [{ ...BEN, consented: '7' }, CAT];
  await element.enter('host', [...ORDINARY, 'admit'], others);
  await press('.people-toggle');
  expect(listed('.consent')).toEqual([
    'Agreed to the text, version 7',
    'Has not agreed to the text',
  ]);

  await element.say({ type: 'participant-updated', participant: { ...CAT, consented: '8' } });
  expect(listed('.consent')[1]).toBe('Agreed to the text, version 8');
});

test('where there is no text nothing is said of one, and to nobody else ever', async () => {
  await element.enter('host', [...ORDINARY, 'admit'], [BEN, CAT]);
  await press('.people-toggle');
  expect(listed('.consent')).toEqual([]);

  await element.say({ type: 'permissions', permissions: ORDINARY });
  await element.say({ type: 'participant-updated', participant: { ...BEN, consented: '7' } });
  expect(listed('.consent')).toEqual([]);
});

test('several hands have an order, the first to rise first', async () => {
  await element.enter('host', [...ORDINARY, 'admit'], [BEN, CAT]);
  await press('.people-toggle');
  await element.tell('cat', { type: 'profile', name: 'Cat', handRaised: true });
  expect(listed('.hand')).toEqual(['']);

  await press('.controls .hand');
  await element.tell('ben', { type: 'profile', name: 'Ben', handRaised: true });
  const inTurn = (): string[] =>
    element
      .inside('quiet-room-people', 'li')
      .filter((entry) => entry.querySelector('.hand') !== null)
      .map((entry) => `${texts([entry.querySelector('.name')!])[0]} ${placeOf(entry)}`);
  expect(inTurn()).toEqual(['You 2', 'Ben 3', 'Cat 1']);
  const [own] = element.inside('quiet-room-people', '.hand');
  expect(own?.getAttribute('aria-label')).toBe('Hand raised, number 2 in turn');

  await element.tell('cat', { type: 'profile', name: 'Cat', handRaised: false });
  expect(inTurn()).toEqual(['You 1', 'Ben 2']);
});

test('who talks how much is told roughly, to those who lead, without those who only listen', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
  element.token = 'another token';
  await element.rendered();
  element.environment.socket.accept();
  await element.enter('host', [...ORDINARY, 'admit'], [BEN, KIM]);
  await press('.people-toggle');
  const rows = (): string[] => texts(element.inside('quiet-room-talk-time', 'tbody tr'));
  expect(element.inside('quiet-room-talk-time', 'details[open]')).toEqual([]);
  expect(rows()).toEqual([]);

  await element.say({ type: 'speakers', participantIds: ['ben'] });
  vi.advanceTimersByTime(60_000);
  await element.say({ type: 'speakers', participantIds: [] });
  vi.advanceTimersByTime(60_000);
  await element.rendered();
  expect(rows()).toEqual(['You Hardly any', 'Participant Nearly all']);

  // Another session begins with nothing.
  element.token = 'a third token';
  await element.rendered();
  element.environment.socket.accept();
  await element.enter('host', [...ORDINARY, 'admit'], [BEN]);
  expect(rows()).toEqual([]);

  await element.say({ type: 'permissions', permissions: ORDINARY });
  expect(element.find('quiet-room-talk-time')).toBeNull();
});

test.each([
  [0, 'hardly-any'],
  [0.1, 'little'],
  [0.25, 'quarter'],
  [0.36, 'third'],
  [0.5, 'half'],
  [0.62, 'two-thirds'],
  [0.8, 'three-quarters'],
  [1, 'nearly-all'],
])('a share of %d is told as "%s"', (share, word) => {
  expect(roughShare(share)).toBe(word);
});

test('who comes and goes is said together, by name, and who was there is not', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
  await element.enter('client', ORDINARY, [BEN]);
  await vi.advanceTimersByTimeAsync(5000);
  const announced = (): string[] =>
    texts([...element.renderRoot.querySelectorAll<HTMLElement>('.announcer p')]);
  expect(announced()).toEqual(['One other person is here.']);

  await element.say({ type: 'participant-joined', participant: CAT });
  await element.say({ type: 'participant-joined', participant: KIM });
  await element.say({ type: 'participant-left', participantId: 'ben' });
  expect(announced()).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(5000);
  await element.rendered();

  const [, went, came] = announced();
  expect(came).toBe('Participant and Observer came in.');
  // By a number, as another one came without a name.
  expect(went).toMatch(/^Participant \d+ left\.$/);
  // The line that counts them is not said again each time.
  expect(element.find('.status')?.closest('[role=status], [aria-live]')).toBeNull();
});

test('whose connection is gone is said once, on the tile too, and is not said to have left', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], shouldAdvanceTime: true });
  await element.enter('client', ORDINARY, [BEN]);
  const said = (): string[] =>
    texts([...element.renderRoot.querySelectorAll<HTMLElement>('.announcer p')]).slice(1);
  const words = (): string[] => texts(element.inside('[data-participant=ben]', '.away'));
  const become = async (reconnecting: boolean): Promise<void> => {
    await element.say({ type: 'participant-updated', participant: { ...BEN, reconnecting } });
  };

  await become(true);
  await vi.advanceTimersByTimeAsync(1000);
  await become(false);
  await vi.advanceTimersByTimeAsync(5000);
  expect([said(), words()]).toEqual([[], []]);

  await become(true);
  await vi.advanceTimersByTimeAsync(5000);
  await element.rendered();
  expect([said(), words()]).toEqual([['Participant is reconnecting.'], ['Reconnecting…']]);

  await become(false);
  expect(words()).toEqual([]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(said().at(-1)).toBe('Participant is connected again.');

  await become(true);
  await element.say({ type: 'participant-left', participantId: 'ben' });
  await vi.advanceTimersByTimeAsync(5000);
  await element.rendered();
  expect(said().slice(2)).toEqual(['Participant lost the connection.']);
});

test('the own bad connection is a line with its cause, unless what follows from it says so', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
  await element.enter('client', ORDINARY, [BEN]);
  const quality = { type: 'quality', participantId: OWN_ID, level: 'poor' } as const;
  const line = (): string[] =>
    texts([...element.renderRoot.querySelectorAll<HTMLElement>('[role=status] .own-quality')]);

  await element.say({ ...quality, participantId: 'ben' });
  await element.say({ ...quality, cause: 'slow-downlink' });
  expect(line(), 'it may pass').toEqual([]);
  await vi.advanceTimersByTimeAsync(6000);
  await element.rendered();
  expect(line()).toEqual(['Your connection is poor: too slow for all video.']);

  await element.say({ type: 'audio-only', audioOnly: true });
  expect(line()).toEqual([]);
  await element.say({ type: 'audio-only', audioOnly: false });
  expect(line()).toHaveLength(1);

  // What comes of the next connection is not known.
  element.environment.socket.drop();
  await element.rendered();
  expect(line()).toEqual([]);
});

test('who is here by another stay, as after a reload, is not said to have lost the connection', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], shouldAdvanceTime: true });
  await element.enter('client', ORDINARY, [BEN, CAT, { ...CAT, id: 'dan' }]);
  const said = async (): Promise<string | undefined> => {
    await vi.advanceTimersByTimeAsync(5000);
    await element.rendered();
    return texts([...element.renderRoot.querySelectorAll<HTMLElement>('.announcer p')]).at(-1);
  };
  const update = async (one: Participant): Promise<void> => {
    await element.say({ type: 'participant-updated', participant: { ...one, reconnecting: true } });
  };
  for (const id of ['ben', 'cat', 'dan']) {
    await element.tell(id, {
      type: 'profile',
      name: id === 'dan' ? 'Dan' : 'Ben',
      handRaised: false,
    });
  }

  // Somebody else of the same name was here all along.
  await update(BEN);
  expect(await said()).toMatch(/ is reconnecting\.$/);
  await element.say({ type: 'participant-left', participantId: 'ben' });
  expect(await said()).toMatch(/^Ben.* lost the connection\.$/);

  await update(CAT);
  expect(await said()).toMatch(/^Ben.* is reconnecting\.$/);
  await element.say({ type: 'participant-joined', participant: { ...CAT, id: 'cat2' } });
  const members = [OWN_ID, 'cat', 'dan', 'cat2'].map((id, leaf) => {
    return { participantId: id, leaf, room: 'room', role: 'client', key: id } as const;
  });
  const safetyCode = '2'.repeat(30);
  element.environment.worker.report({ type: 'epoch', epoch: 2n, safetyCode, members });
  await element.tell('cat2', { type: 'profile', name: 'Ben', handRaised: false });
  expect(await said()).toMatch(/^Ben.* came in\.$/);
  await element.say({ type: 'participant-left', participantId: 'cat' });
  expect(await said()).toMatch(/^Ben.* came in\.$/);
});

test('hands that rise together are said together, and one that is down again is not', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], shouldAdvanceTime: true });
  const DAN = { ...CAT, id: 'dan' };
  await element.enter('client', ORDINARY, [BEN, CAT, DAN]);
  for (const [id, name] of [
    ['ben', 'Ben'],
    ['cat', 'Cat'],
    ['dan', 'Dan'],
  ] as const) {
    await element.tell(id, { type: 'profile', name, handRaised: true });
  }
  await element.tell('dan', { type: 'profile', name: 'Dan', handRaised: false });
  await element.tell('cat', { type: 'profile', name: 'Cat', handRaised: false });
  await element.tell('cat', { type: 'profile', name: 'Cat', handRaised: true });
  await vi.advanceTimersByTimeAsync(4000);
  await element.rendered();
  expect(
    texts([...element.renderRoot.querySelectorAll<HTMLElement>('.announcer p')]).slice(1),
  ).toEqual(['Ben raised a hand.', 'Cat raised a hand.']);
});

test('how somebody is connected is in the list of people, in words', async () => {
  await element.enter('host', [...ORDINARY, 'admit'], [BEN, CAT]);
  await press('.people-toggle');
  expect(listed('.connection')).toEqual([]);

  await element.say({ type: 'quality', participantId: 'ben', level: 'weak', cause: 'delay' });
  expect(listed('li:has(.connection) .name')).toEqual(listed('[data-key=ben] .name'));
  expect(listed('.connection')).toEqual(['Weak connection: long delay']);
});

test('before there are keys the list has who is here, who can be removed', async () => {
  await element.say({
    type: 'joined',
    participantId: OWN_ID,
    role: 'host',
    participants: [BEN, CAT],
    slots: 2,
    screenSlots: 1,
    iceServers: [],
    permissions: [...ORDINARY, 'remove'],
    locked: false,
  });
  await press('.people-toggle');
  expect(listed('li .role')).toEqual(Array(2).fill('Participant (not confirmed)'));
  expect(listed('.pending')).toEqual([english.notYetEncrypted]);
  expect(listed('.code, .keyless')).toEqual([]);

  element.inside('quiet-room-people', '.remove')[1]!.click();
  await element.rendered();
  element.inside('quiet-room-confirmation', '.confirm')[0]!.click();
  expect(element.environment.socket.sent.at(-1)).toEqual({ type: 'remove', participantId: 'cat' });
});

test('who is here without keys is in the list, says so, and can be removed', async () => {
  await element.enter('host', [...ORDINARY, 'remove'], [BEN]);
  await press('.people-toggle');
  await element.say({ type: 'participant-joined', participant: CAT });

  expect(listed('li')).toHaveLength(3);
  expect(listed('.keyless')).toEqual(['Not yet in the encrypted session']);
  expect(listed('li:has(.keyless) .role')).toEqual(['Participant (not confirmed)']);
  expect(element.inside('quiet-room-people', 'li:has(.keyless) input')).toEqual([]);

  element.inside('quiet-room-people', 'li:has(.keyless) .remove')[0]!.click();
  await element.rendered();
  element.inside('quiet-room-confirmation', '.confirm')[0]!.click();
  await element.rendered();
  const removed = element.environment.socket.sent.filter(({ type }) => type === 'remove');
  expect(removed).toEqual([{ type: 'remove', participantId: 'cat' }]);
});

test('a language that the browser has no lists for is told by commas', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
  addLanguage({ ...english, language: 'no_such' });
  element.lang = 'no_such';
  await element.enter('client', ORDINARY, []);
  await element.say({ type: 'participant-joined', participant: BEN });
  await element.say({ type: 'participant-joined', participant: KIM });
  await vi.advanceTimersByTimeAsync(5000);
  await element.rendered();

  const said = texts([...element.renderRoot.querySelectorAll<HTMLElement>('.announcer p')]);
  expect(said.at(-1)).toBe('Participant, Observer came in.');
});

function placeOf(entry: HTMLElement): string {
  return entry.querySelector('.place')?.textContent ?? '';
}
