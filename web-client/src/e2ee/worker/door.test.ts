import { expect, test } from 'vitest';
import { Door, MAX_NOTE_LENGTH, type DoorClientMessage, type DoorEvent } from './door';
import { fromBase64url, toBase64url } from './mls/base64url';
import type { GroupPolicy, Mls } from './mls/mls';
import { loadTsMls } from './mls/ts-mls';
import { everybodyMay } from './mls/virtual-room';
import { encodeTexts, sealingInfo, sealToEach } from './sealing';

const ANN = '00000000000000a1';
const BEN = '00000000000000b2';

test('a host reads who waits, and who waits reads the host', async () => {
  const mls = await loadTsMls();
  const host = await doorOf(mls, ANN);
  const caller = await doorOf(mls, BEN, 'Ben Ąž');
  const key = await keyOf(host);

  const knock = said(await caller.handle(waiting(key)), 'knock');
  const [met] = await host.handle(list([BEN, knock.sealedName]));

  expect(met).toEqual({ type: 'caller', participantId: BEN, name: 'Ben Ąž', isReachable: true });
  const note = said(await host.tell(BEN, 'Dr. Ada', 'Five minutes.'), 'tell-waiting');
  expect(note.participantId).toBe(BEN);
  const message = { type: 'waiting-message', message: note.message } as const;
  expect(await caller.handle(message)).toEqual([
    { type: 'note', from: 'Dr. Ada', text: 'Five minutes.' },
  ]);
});

test('what the server passes on shows neither names nor notes, nor their length', async () => {
  const mls = await loadTsMls();
  const host = await doorOf(mls, ANN);
  const key = await keyOf(host);
  const lengths = new Set<number>();
  for (const name of ['', 'Ben', 'ж'.repeat(80)]) {
    const caller = await doorOf(mls, BEN, name);
    const { sealedName } = said(await caller.handle(waiting(key)), 'knock');
    lengths.add(sealedName.length);
    expect(bytesOf(sealedName)).not.toContain('Ben');
    await host.handle(list([BEN, sealedName]));
    const { message } = said(await host.tell(BEN, 'Ada', 'Five minutes.'), 'tell-waiting');
    expect(bytesOf(message)).not.toContain('minutes');
  }
  expect(lengths.size).toBe(1);
});

test('the name is sealed anew for a host who comes later, and not without need', async () => {
  const mls = await loadTsMls();
  const [first, second] = [await doorOf(mls, ANN), await doorOf(mls, ANN)];
  const caller = await doorOf(mls, BEN, 'Ben');
  const [one, two] = [await keyOf(first), await keyOf(second)];

  expect(await caller.handle(waiting())).toEqual([]);
  const early = said(await caller.handle(waiting(one)), 'knock');
  expect(await caller.handle(waiting(one))).toEqual([]);
  expect(namesIn(await second.handle(list([BEN, early.sealedName])))).toEqual([]);
  const late = said(await caller.handle(waiting(one, two)), 'knock');
  expect(await caller.handle(waiting(two))).toEqual([]);

  for (const host of [first, second]) {
    expect(namesIn(await host.handle(list([BEN, late.sealedName])))).toEqual(['Ben']);
  }
  // A server that was restarted has forgotten it.
  caller.forget();
  said(await caller.handle(waiting(two)), 'knock');
});

test('a sealed name is of the one who sealed it, and of that room', async () => {
  const mls = await loadTsMls();
  const host = await doorOf(mls, ANN);
  const key = await keyOf(host);
  const caller = await doorOf(mls, BEN, 'Ben');
  const { sealedName } = said(await caller.handle(waiting(key)), 'knock');

  const events = await host.handle(list(['00000000000000c3', sealedName]));

  expect(events.map(({ type }) => type)).toEqual(['refused']);
  expect(await host.tell('00000000000000c3', 'Ada', 'x')).toEqual([]);
  const elsewhere = await doorOf(mls, BEN, 'Ben', everybodyMay, 'another room');
  const there = await elsewhere.handle(waiting(key));
  expect(there.map(({ type }) => type)).toEqual(['refused']);
});

test('nothing is sealed to keys that are forged, or of somebody who is not believed', async () => {
  const mls = await loadTsMls();
  const key = await keyOf(await doorOf(mls, ANN));
  const forged = fromBase64url(key);
  forged[40]! ^= 1;
  const caller = await doorOf(mls, BEN, 'Ben');
  for (const bad of ['', 'AAAA', '!', toBase64url(forged)]) {
    const events = await caller.handle(waiting(bad));
    expect(events.map(({ type }) => type)).toEqual(['refused']);
  }
  const believesNobody = { ...everybodyMay, verifyCredential: () => Promise.resolve(false) };
  const careful = await doorOf(mls, BEN, 'Ben', believesNobody);
  expect((await careful.handle(waiting(key))).map(({ type }) => type)).toEqual(['refused']);
});

test('garbage from the server opens nothing and ends nothing', async () => {
  const mls = await loadTsMls();
  const host = await doorOf(mls, ANN);
  const caller = await doorOf(mls, BEN, 'Ben');
  const knock = said(await caller.handle(waiting(await keyOf(host))), 'knock');
  for (const garbage of ['', 'A', 'AAAA', '=', 'AQhA', 'A'.repeat(2000)]) {
    expect(namesIn(await host.handle(list([BEN, garbage])))).toEqual([]);
    const note = await caller.handle({ type: 'waiting-message', message: garbage });
    expect(note.map(({ type }) => type)).toEqual(['refused']);
  }
  expect(namesIn(await host.handle(list([BEN, knock.sealedName])))).toEqual(['Ben']);
  expect(await host.tell(BEN, 'Ada', 'x'.repeat(MAX_NOTE_LENGTH + 1))).toEqual([]);
});

test('whoever waits with a key that is none ends nothing for the host', async () => {
  const mls = await loadTsMls();
  const host = await doorOf(mls, ANN);
  const { initKey } = await mls.inspectKeyPackage(fromBase64url(await keyOf(host)));
  for (const [answerKey, isKey] of [
    ['', false],
    ['AAAA', false],
    [toBase64url(new Uint8Array(32)), true],
  ] as const) {
    const content = encodeTexts('Ben', answerKey);
    const sealed = await sealToEach(mls, [initKey], sealingInfo('Door Name', 'room', BEN), content);
    expect(await host.handle(list([BEN, toBase64url(sealed)]))).toEqual([
      { type: 'caller', participantId: BEN, name: 'Ben', isReachable: isKey },
    ]);

    const events = await host.tell(BEN, 'Ada', 'Five minutes.');

    // Only by use it is seen that the last one is no key either.
    expect(events.map(({ type }) => type)).toEqual(isKey ? ['refused'] : []);
  }
});

test('a host knows whom it can no longer answer, and again when it can', async () => {
  const mls = await loadTsMls();
  const [host, other] = [await doorOf(mls, ANN), await doorOf(mls, ANN)];
  const caller = await doorOf(mls, BEN, 'Ben');
  const [key, otherKey] = [await keyOf(host), await keyOf(other)];
  const known = said(await caller.handle(waiting(key)), 'knock');
  const forOther = said(await caller.handle(waiting(otherKey)), 'knock');
  await host.handle(list([BEN, known.sealedName]));

  expect(await host.handle(list([BEN, forOther.sealedName]))).toEqual([
    { type: 'refused', what: 'name', reason: expect.any(String) as string },
    { type: 'caller', participantId: BEN, name: 'Ben', isReachable: false },
  ]);
  expect(await host.tell(BEN, 'Ada', 'Five minutes.')).toEqual([]);

  const again = said(await caller.handle(waiting(key, otherKey)), 'knock');
  expect(await host.handle(list([BEN, again.sealedName]))).toEqual([
    { type: 'caller', participantId: BEN, name: 'Ben', isReachable: true },
  ]);
});

async function doorOf(
  mls: Mls,
  participantId: string,
  name = '',
  policy: GroupPolicy = everybodyMay,
  room = 'room',
): Promise<Door> {
  const role = participantId === ANN ? 'host' : 'client';
  const identity = await mls.createIdentity({ participantId, room, role });
  return new Door(mls, identity, policy, name);
}

async function keyOf(host: Door): Promise<string> {
  return said(await host.open(), 'door-key').key;
}

/** Each byte as a character. */
function bytesOf(sealed: string): string {
  return String.fromCharCode(...fromBase64url(sealed));
}

function waiting(...doorKeys: string[]) {
  return { type: 'waiting', reason: 'admission', doorKeys } as const;
}

function list(...people: [string, string][]) {
  const listed = people.map(([id, sealedName]) => ({ id, role: 'client', sealedName }) as const);
  return { type: 'waiting-list', people: listed } as const;
}

function said<Type extends DoorClientMessage['type']>(
  events: readonly DoorEvent[],
  type: Type,
): Extract<DoorClientMessage, { type: Type }> {
  const messages = events.flatMap((event) => (event.type === 'send' ? [event.message] : []));
  expect(messages.map((message) => message.type)).toEqual([type]);
  return messages[0] as Extract<DoorClientMessage, { type: Type }>;
}

function namesIn(events: readonly DoorEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'caller' ? [event.name] : []));
}
