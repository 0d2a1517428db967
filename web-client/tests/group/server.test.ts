import { afterAll, beforeAll, expect, test } from 'vitest';
import { Server } from '../browser/server';
import { Member } from './member';

let server: Server;

beforeAll(async () => {
  // While no host is there, its seat is kept.
  server = await Server.startWithKeys({ capacity: 9 });
});

afterAll(async () => {
  await server.stop();
});

async function enter(room: string, count: number): Promise<Member[]> {
  const tokens = await Promise.all(Array.from({ length: count }, () => server.token(room)));
  return tokens.map((token) => new Member(server.origin, token));
}

/** All are in one epoch with one key, and are the only ones. */
async function expectOneKey(members: readonly Member[]): Promise<void> {
  const ids = members.map(({ credential }) => credential.participantId).sort();
  await expect
    .poll(
      () =>
        members.map(({ epoch }) => epoch?.members.map(({ participantId }) => participantId).sort()),
      { timeout: 20_000 },
    )
    .toEqual(members.map(() => ids));
  await expect
    .poll(() => new Set(members.map(({ key, epoch }) => `${key} ${epoch?.safetyCode}`)).size)
    .toBe(1);
}

test('through the real server, all who come at once and stay have one key', async () => {
  const members = await enter('one', 8);
  await expectOneKey(members);
  const { key } = members[0]!;

  for (const leaver of members.splice(2, 3)) leaver.leave();
  await expectOneKey(members);
  expect(members[0]!.key).not.toBe(key);

  const [newcomer] = await enter('one', 1);
  members.push(newcomer!);
  await expectOneKey(members);

  newcomer!.say('Guten Tag');
  const said = [newcomer!.credential.participantId, 'Guten Tag'];
  for (const member of members.slice(0, -1)) {
    await expect.poll(() => member.told).toContainEqual(said);
  }
  expect(members.flatMap(({ refusals }) => refusals)).toEqual([]);
  expect(server.output.join('')).not.toContain('Guten');
  for (const member of members) member.leave();
});

test('two rooms have nothing in common', async () => {
  const [one, two] = await Promise.all([enter('left', 3), enter('right', 3)]);
  await Promise.all([expectOneKey(one), expectOneKey(two)]);

  expect(one[0]!.key).not.toBe(two[0]!.key);
  one[0]!.say('for the left');
  await expect.poll(() => one[1]!.told).toHaveLength(1);
  expect(two.flatMap(({ told }) => told)).toEqual([]);
});

test.each([
  ['without a key package', {}, 'encryption-required'],
  ['under an id of another form', { keyPackage: 'AAAA', participantId: 'me' }, 'invalid-message'],
  ['with a key package that is no base64url', { keyPackage: 'A=' }, 'invalid-message'],
])('who joins %s is refused', async (_, fields, code) => {
  const token = await server.token('one');
  const socket = new WebSocket(`${server.origin.replace('http', 'ws')}/v1/signal`, 'quietroom.v1');
  const answer = new Promise((resolve) => {
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const message = JSON.parse(data) as { type: string };
      if (message.type !== 'challenge') resolve(message);
    });
  });

  socket.addEventListener('open', () => {
    socket.send(JSON.stringify({ type: 'join', token, ...fields }));
  });

  await expect(answer).resolves.toMatchObject({ type: 'error', code, fatal: true });
});
