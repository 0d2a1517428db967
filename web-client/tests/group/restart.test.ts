import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../../src/e2ee/worker/seeded-random';
import { BadLine } from '../browser/bad-line';
import { Server } from '../browser/server';
import { Member } from './member';

let server: Server;
let line: BadLine;

beforeAll(async () => {
  // While no host is there, its seat is kept.
  server = await Server.startWithKeys({ capacity: PEOPLE + 1 });
  // A websocket loses nothing while it lives: what is lost here is the socket.
  line = await BadLine.to(server.origin, BAD, seededRandom(7));
});

afterAll(async () => {
  line.close();
  await server.stop();
});

test('over a bad line and a restart of the server, all who stay end in one epoch with one key', async () => {
  const startedAt = performance.now();
  const random = seededRandom(11);
  const tokens = await Promise.all(Array.from({ length: PEOPLE }, () => server.token('one')));
  const members = tokens.map((token) => new Member(line.origin, token));
  await expectOneKey(members);
  console.log(`${PEOPLE} are in one group after ${since(startedAt)} s`);

  const leaving = Array.from({ length: LEAVERS }, async () => {
    await pause(random() * LEAVING_MS);
    const [leaver] = members.splice(Math.floor(random() * members.length), 1);
    leaver!.leave();
  });
  await pause(LEAVING_MS / 2);
  const crashedAt = performance.now();
  await server.crash(500);
  await Promise.all(leaving);
  await expect
    .poll(() => members.filter(({ rejoined }) => rejoined === 0).map(({ refusals }) => refusals), {
      timeout: 30_000,
    })
    .toEqual([]);
  await expectOneKey(members);

  const resumed = members.reduce((sum, member) => sum + member.resumed, 0);
  console.log(
    `one key ${since(crashedAt)} s after the crash; ${line.cuts} cuts, ${resumed} resumed, ` +
      `each joined again ${Math.min(...members.map(({ rejoined }) => rejoined))} times or more`,
  );
  expect(members.every(({ rejoined }) => rejoined >= 1)).toBe(true);
  expect(resumed).toBeGreaterThan(0);
  members[0]!.say('Guten Tag');
  for (const member of members.slice(1)) {
    await expect.poll(() => member.told, { timeout: 20_000 }).toHaveLength(1);
  }
  for (const member of members) member.leave();
}, 120_000);

/** All are in one epoch with one key, and are the only ones. */
async function expectOneKey(members: readonly Member[]): Promise<void> {
  await expect
    .poll(
      () => {
        const ids = JSON.stringify(members.map(idOf).sort());
        const isAmongAll = ({ epoch }: Member): boolean =>
          JSON.stringify(epoch?.members.map(({ participantId }) => participantId).sort()) === ids;
        const keys = new Set(members.map(({ key, epoch }) => `${key} ${epoch?.safetyCode}`));
        return {
          others: members.filter((member) => !isAmongAll(member)).map(tell),
          keys: keys.size,
        };
      },
      { timeout: 60_000, interval: 100 },
    )
    .toEqual({ others: [], keys: 1 });
}

/** For whoever reads of a failure. */
function tell(member: Member): string {
  const { epoch, resumed, rejoined, refusals } = member;
  const group =
    epoch === undefined ? 'no group' : `epoch ${epoch.epoch} of ${epoch.members.length}`;
  return `${idOf(member)}: ${group}, ${resumed} resumed, ${rejoined} rejoined, ${refusals.join('; ')}`;
}

function idOf({ credential }: Member): string {
  return credential.participantId;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function since(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(1);
}

const PEOPLE = 25;
const LEAVERS = 10;
const LEAVING_MS = 4000;
const BAD = { latency: 200, jitter: 100, loss: 0.02 };
