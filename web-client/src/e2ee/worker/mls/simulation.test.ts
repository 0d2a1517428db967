import { expect, test } from 'vitest';
import { seededRandom } from '../seeded-random';
import type { Mls } from './mls';
import { GroupSession } from './session';
import { loadTsMls } from './ts-mls';
import { everybodyMay, VirtualRoom, type VirtualMember } from './virtual-room';

const SLOW = { latency: 200, jitter: 100, loss: 0.02, resend: 600 };

test.each([1, 2])(
  '25 come together, 10 leave at random and the server restarts: one epoch, one key (seed %i)',
  async (seed) => {
    const random = seededRandom(seed);
    const room = new VirtualRoom(await loadTsMls(), SLOW, random);
    for (let name = 1; name <= 25; name++) await room.join(name);
    const leavers = [...room.members.values()].sort(() => random() - 0.5).slice(0, 10);
    for (const leaver of leavers) {
      room.at(4000 + random() * 16_000, () => {
        room.leave(leaver);
        return Promise.resolve();
      });
    }
    room.at(5000 + random() * 10_000, () => {
      room.restart(2000);
      return Promise.resolve();
    });

    await room.run(60_000);

    expectOneEpoch(room, 15);
    expect(room.refusals).toEqual([]);
    for (const leaver of leavers) {
      const last = [...room.members.values()][0]!;
      expect([...leaver.keys.values()]).not.toContain(last.keys.get(last.group!.epoch));
    }
  },
  120_000,
);

test.each([3, 4, 6, 8])(
  'people come and go at random, on a link that loses much (seed %i)',
  async (seed) => {
    const random = seededRandom(seed);
    const room = new VirtualRoom(await loadTsMls(), { ...SLOW, loss: 0.1 }, random);
    let present = 0;
    for (let name = 1; name <= 20; name++) {
      const comes = random() * 20_000;
      const goes = random() < 0.5 ? comes + 500 + random() * 15_000 : undefined;
      if (goes === undefined) present += 1;
      room.at(comes, async () => {
        const member = await room.join(name);
        // Also while some are out of the group, who must not keep the old name.
        for (const stay of [3000, 9000, 15_000]) {
          room.at(room.now + stay, async () => {
            if (!member.hasLeft) await room.rename(member, `${member.name}, later`);
          });
        }
        if (goes === undefined) return;
        room.at(goes, () => {
          room.leave(member);
          return Promise.resolve();
        });
      });
    }

    await room.run(75_000);

    expectOneEpoch(room, present);
    // What belongs to another branch, or to an epoch that one was not in, is made up for.
    expect(room.refusals.filter((refusal) => !/ mls-(message|commit): /.test(refusal))).toEqual([]);
  },
  120_000,
);

test('a server that restarts when somebody waits loses nobody', async () => {
  const room = new VirtualRoom(await loadTsMls(), SLOW, seededRandom(5));
  for (let name = 1; name <= 4; name++) await room.join(name);
  await room.run(5000);
  await room.join(5);
  await room.run(5300);

  room.restart(3000);
  await room.run(40_000);

  expectOneEpoch(room, 5);
  expect(room.refusals).toEqual([]);
});

test('a timer that is far too late has what came meanwhile be read first', async () => {
  const session = await sessionOf(await loadTsMls(), '01');
  await session.createKeyPackage(0);
  const due = session.nextTimeout ?? NaN;

  expect(await session.handleTimeout(due + 5000)).toEqual([]);
  const next = session.nextTimeout ?? NaN;
  expect(next).toBeGreaterThan(due + 5000);
  expect(await session.handleTimeout(next)).toMatchObject([
    { type: 'send', message: { type: 'mls-key-package' } },
  ]);
});

test('a newcomer who is asked many times before its welcome comes is in by what it gave first', async () => {
  const mls = await loadTsMls();
  const [member, newcomer] = await Promise.all(['01', '02'].map((id) => sessionOf(mls, id)));
  const keyPackage = await newcomer!.createKeyPackage(0);
  const participantId = '02'.padStart(16, '0');
  await member!.handleMessage({ type: 'mls-create' }, 0);
  await member!.handleConnected([participantId], 0);
  const kept = await member!.handleMessage(
    { type: 'mls-key-package', participantId, keyPackage },
    0,
  );
  const committed = [...kept, ...(await member!.handleTimeout(member!.nextTimeout ?? NaN))];
  const welcome = committed
    .flatMap((event) => (event.type === 'send' && 'welcome' in event.message ? event.message : []))
    .flatMap(({ welcome }) => welcome ?? [])[0];

  for (let asked = 0; asked < 10; asked++) {
    await newcomer!.handleMessage({ type: 'mls-key-package-wanted' }, 1000 + asked);
  }
  const entered = await newcomer!.handleMessage(
    { type: 'mls-welcome', welcome: welcome ?? 'none' },
    1100,
  );

  expect(entered).toContainEqual(expect.objectContaining({ type: 'epoch' }));
});

async function sessionOf(mls: Mls, id: string): Promise<GroupSession> {
  const participantId = id.padStart(16, '0');
  const credential = { participantId, room: 'room', role: 'client', sub: `sub-${id}` } as const;
  return new GroupSession(mls, await mls.createIdentity(credential), everybodyMay);
}

/** All who are there have the same members, names, epoch and key, and the server knows the epoch. */
function expectOneEpoch(room: VirtualRoom, count: number): void {
  const members = [...room.members.values()];
  expect(members).toHaveLength(count);
  const ids = members.map(({ id }) => id).sort();
  for (const member of members) {
    expect(idsInGroup(member), `members as ${member.id} has them`).toEqual(ids);
  }
  expect(new Set(members.map(({ group }) => group?.epoch))).toEqual(
    new Set([BigInt(room.server.epoch ?? -1)]),
  );
  for (const member of members) {
    const others = members.filter((other) => other !== member);
    const names = others.map(({ id }) => member.names.get(id));
    expect(names, `names as ${member.id} has them`).toEqual(others.map(({ name }) => name));
  }
  expect(new Set(members.map(({ group, keys }) => keys.get(group?.epoch ?? -1n))).size).toBe(1);
}

function idsInGroup({ group }: VirtualMember): string[] {
  return (group?.members ?? []).map(({ credential }) => credential.participantId).sort();
}
