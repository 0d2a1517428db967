import { decodeMlsMessage, encodeMlsMessage, joinGroupExternal } from 'ts-mls';
import { ratchetTreeFromExtension } from 'ts-mls/groupInfo.js';
import { beforeAll, expect, test, vi } from 'vitest';
import { seededRandom } from '../seeded-random';
import { toBase64url } from './base64url';
import { anybody, CARELESS, found, loadSuite } from './careless';
import type { Credential } from './credential';
import type { Mls } from './mls';
import { loadTsMls } from './ts-mls';
import { everybodyMay, VirtualRoom, type VirtualMember } from './virtual-room';
import type { Told } from './virtual-server';

const FAST = { latency: 20, jitter: 5, loss: 0, resend: 0 };

// Public keys take their time on a machine that does other things too.
vi.setConfig({ testTimeout: 60_000 });

let mls: Mls;

beforeAll(async () => {
  mls = await loadTsMls();
});

/** A room with so many in it, settled. */
async function gather(count: number, seed = 1): Promise<[VirtualRoom, VirtualMember[]]> {
  const room = new VirtualRoom(mls, FAST, seededRandom(seed));
  for (let name = 1; name <= count; name++) await room.join(name);
  await room.run(3000);
  return [room, [...room.members.values()]];
}

function expectOneKey(room: VirtualRoom): void {
  const members = [...room.members.values()];
  const keys = members.map(({ group, keys }) => keys.get(group?.epoch ?? -1n));
  expect(keys).not.toContain(undefined);
  expect(new Set(keys).size).toBe(1);
  expect(members[0]!.group!.members).toHaveLength(members.length);
}

function credential(name: number, room = 'room'): Credential {
  return { participantId: name.toString(16).padStart(16, '0'), room, role: 'client' };
}

test('somebody who was removed and still gets all traffic reads nothing more', async () => {
  const [room, [first, , removed]] = await gather(4);
  const kept = removed!;
  const later: Told[] = [];
  room.tamper = (told) => {
    later.push(told);
    return [told];
  };
  room.leave(kept);
  await room.run(6000);
  room.deliver([]);
  await room.perform(first!, () => first!.session.send({ type: 'chat', text: 'secret' }, room.now));
  await room.run(7000);

  const heard = kept.heard.length;
  for (const [, message] of later) {
    await room.perform(kept, () => kept.session.handleMessage(message, room.now));
  }

  expectOneKey(room);
  expect(later.some(([, { type }]) => type === 'mls-commit')).toBe(true);
  expect(later.some(([, { type }]) => type === 'mls-message')).toBe(true);
  expect([...kept.keys.values()]).not.toContain(first!.keys.get(first!.group!.epoch));
  expect(kept.heard).toHaveLength(heard);
});

test('removing even one member brings new secrets for all others', async () => {
  const [, [first]] = await gather(4);
  const group = first!.group!;
  const before = leafKey(await group.groupInfo(), group.ownLeaf);
  const bystander = group.members.find(({ leaf }) => leaf !== group.ownLeaf)!;

  const staged = await group.commit([], [bystander.leaf]);

  expect(leafKey(staged.groupInfo, group.ownLeaf)).not.toBe(before);
});

test('a newcomer reads nothing from before', async () => {
  const [room, [first]] = await gather(3);
  const earlier: Told[] = [];
  room.tamper = (told) => {
    earlier.push(told);
    return [told];
  };
  await room.perform(first!, () => first!.session.send({ type: 'chat', text: 'before' }, room.now));
  await room.run(4000);
  const newcomer = await room.join(9);
  await room.run(6000);

  const formerEpoch = [...first!.keys.keys()].at(-2)!;
  for (const [, message] of earlier.filter(([, { type }]) => type === 'mls-message')) {
    await room.perform(newcomer, () => newcomer.session.handleMessage(message, room.now));
  }

  expectOneKey(room);
  expect(newcomer.heard.flat()).not.toContainEqual({ type: 'chat', text: 'before' });
  expect([...newcomer.keys.values()]).not.toContain(first!.keys.get(formerEpoch));
});

test('a key package for another room is not added, and its welcome not taken', async () => {
  const [, [first]] = await gather(2);
  const stranger = await mls.createIdentity(credential(7, 'elsewhere'));
  const keyPackage = await stranger.createKeyPackage();

  await expect(first!.group!.commit([keyPackage.message], [])).rejects.toThrow('credential');

  const { welcome } = await found(await anybody(credential(8, 'room')), [keyPackage.message]);
  await expect(
    mls.joinByWelcome(welcome, [keyPackage], stranger, everybodyMay),
  ).rejects.toMatchObject({ name: 'RefusedError' });
});

test('a welcome is taken once, and by nobody else', async () => {
  const [room, [first, second]] = await gather(2);
  const welcomes: Told[] = [];
  room.tamper = (told) => {
    if (told[1].type === 'mls-welcome') welcomes.push(told);
    return [told];
  };
  const newcomer = await room.join(3);
  await room.run(6000);
  const { epoch } = newcomer.group!;

  for (const member of [first!, second!, newcomer]) {
    for (const [, message] of welcomes) {
      await room.perform(member, () => member.session.handleMessage(message, room.now));
    }
  }

  expect(welcomes).toHaveLength(1);
  expect(newcomer.group!.epoch).toBe(epoch);
  expect(room.refusals).toHaveLength(3);
  expectOneKey(room);
});

test('commits that come twice, late or in the wrong order change nothing in the end', async () => {
  const [room] = await gather(5);
  const random = seededRandom(7);
  room.tamper = (told) => {
    if (told[1].type !== 'mls-commit') return [told];
    if (random() < 0.3) {
      room.at(room.now + random() * 3000, () => {
        const { tamper } = room;
        room.tamper = (late) => [late];
        room.deliver([told]);
        room.tamper = tamper;
        return Promise.resolve();
      });
      return [];
    }
    return random() < 0.5 ? [told, told] : [told];
  };
  for (let name = 10; name < 20; name++) {
    const member = await room.join(name);
    await room.run(room.now + 400);
    if (name % 2 === 0) room.leave(member);
    await room.run(room.now + 400);
  }
  room.tamper = (told) => [told];

  await room.run(room.now + 60_000);

  expectOneKey(room);
});

test('a member from whom commits are withheld comes back by its own key', async () => {
  const [room, members] = await gather(4);
  const starved = members[3]!;
  const former = starved.group!.members.find(({ leaf }) => leaf === starved.group!.ownLeaf)!;
  room.tamper = (told) =>
    told[0] === starved.id && told[1].type === 'mls-commit' && starved.group!.epoch < 20n
      ? []
      : [told];
  for (let name = 20; name < 31; name++) {
    room.leave(await room.join(name));
    await room.run(room.now + 800);
  }
  room.tamper = (told) => [told];
  await room.join(40);

  await room.run(room.now + 30_000);

  expectOneKey(room);
  const present = starved.group!.members.find(({ leaf }) => leaf === starved.group!.ownLeaf)!;
  expect(present.signatureKey).toEqual(former.signatureKey);
});

test('garbage of every kind is refused', async () => {
  const [room, [first]] = await gather(3);
  const random = seededRandom(3);
  const commit = (await first!.group!.commit([], [])).commit;
  const samples = [new Uint8Array(), commit, await first!.group!.groupInfo()];
  const { epoch } = first!.group!;

  for (let round = 0; round < 120; round++) {
    const bytes = Uint8Array.from(samples[round % samples.length]!);
    for (let flips = 0; flips < 3; flips++) {
      if (bytes.length > 0) bytes[Math.floor(random() * bytes.length)]! ^= 1 + random() * 255;
    }
    const text = round % 10 === 9 ? 'not base64url!' : toBase64url(bytes.subarray(round % 7));
    const messages = [
      { type: 'mls-commit', epoch: Number(epoch), commit: text },
      { type: 'mls-welcome', welcome: text },
      { type: 'mls-message', message: text },
      { type: 'mls-key-package', participantId: 'x', keyPackage: text },
    ] as const;
    const message = messages[round % messages.length]!;
    await room.perform(room.members.get(members(room)[1]!)!, () =>
      room.members.get(members(room)[1]!)!.session.handleMessage(message, room.now),
    );
  }
  await room.run(room.now + 20_000);

  expect(room.refusals.length).toBeGreaterThan(80);
  expectOneKey(room);
});

test('nobody gets in by an external commit, not even under a name that is inside', async () => {
  const [, [first, second]] = await gather(3);
  const groupInfo = decodeMlsMessage(await first!.group!.groupInfo(), 0)![0];
  if (groupInfo.wireformat !== 'mls_group_info') throw new Error('a group info was made');
  const suite = await loadSuite();
  const inside = second!.group!.members.find(({ leaf }) => leaf === second!.group!.ownLeaf)!;

  for (const claimed of [inside.credential, credential(77)]) {
    const { publicPackage, privatePackage } = await anybody(claimed);
    const { publicMessage } = await joinGroupExternal(
      groupInfo.groupInfo,
      publicPackage,
      privatePackage,
      false,
      suite,
      undefined,
      CARELESS,
    );
    const commit = encodeMlsMessage({
      version: 'mls10',
      wireformat: 'mls_public_message',
      publicMessage,
    });

    await expect(first!.group!.process(commit)).rejects.toMatchObject({ name: 'RefusedError' });
  }
});

test('an epoch that is over is no way back', async () => {
  const [room, [first, second]] = await gather(3);
  const old = await first!.group!.groupInfo();
  await room.join(5);
  await room.run(6000);
  const identity = await mls.createIdentity(credential(2));

  await expect(mls.resync(old, second!.group!, identity, everybodyMay)).rejects.toMatchObject({
    message: 'an epoch that is over',
  });
});

test('a commit is not in force before the server has accepted it', async () => {
  const [room, members] = await gather(3);
  room.tamper = (told) => (told[1].type === 'mls-accepted' ? [] : [told]);
  const epochs = members.map(({ group }) => group!.epoch);

  room.leave(members[2]!);
  await room.run(4000);

  const [committer, follower] = [members[0]!, members[1]!];
  const waiting = [committer, follower].filter(
    (member, index) => member.group!.epoch === epochs[index],
  );
  expect(waiting).toHaveLength(1);
});

test('a commit or its acceptance that was lost is sent again, and in force once', async () => {
  for (const type of ['mls-commit', 'mls-accepted'] as const) {
    const [room, members] = await gather(3);
    let losses = 0;
    const isLost = (message: { readonly type: string }): boolean =>
      message.type === type && losses++ === 0;
    if (type === 'mls-commit') room.loses = (_, message) => isLost(message);
    else room.tamper = (told) => (isLost(told[1]) ? [] : [told]);

    room.leave(members[2]!);
    await room.run(room.now + 20_000);

    expect(losses).toBeGreaterThan(0);
    expectOneKey(room);
  }
});

test('a member whose commits never arrive does not stall the room', async () => {
  const [room, members] = await gather(4);
  const committer = members.find(({ group }) => group!.ownLeaf === 0)!;
  room.loses = (from, { type }) =>
    from === committer && (type === 'mls-commit' || type === 'mls-claim');

  const leaver = members.find((member) => member !== committer)!;
  room.leave(leaver);
  await room.join(9);
  await room.run(room.now + 8000);

  expectOneKey(room);
});

function members(room: VirtualRoom): string[] {
  return [...room.members.keys()];
}

/** The public key by which the member at `leaf` is reached. */
function leafKey(groupInfo: Uint8Array, leaf: number): string {
  const message = decodeMlsMessage(groupInfo, 0)![0];
  if (message.wireformat !== 'mls_group_info') throw new Error('not a group info');
  const node = ratchetTreeFromExtension(message.groupInfo)?.[2 * leaf];
  if (node?.nodeType !== 'leaf') throw new Error(`nobody is at leaf ${leaf}`);
  return toBase64url(node.leaf.hpkePublicKey);
}

test('a member who is asked for a key package out of turn goes on as a member', async () => {
  const [room, [, asked]] = await gather(3);

  room.deliver([
    [asked!.id, { type: 'mls-key-package-wanted' }],
    [asked!.id, { type: 'mls-key-package-wanted' }],
  ]);
  await room.run(room.now + 3000);
  await room.join(4);
  await room.run(room.now + 5000);

  expectOneKey(room);
});

test('somebody whose welcome was lost is put out and added anew', async () => {
  const [room] = await gather(4);
  let losses = 0;
  room.tamper = (told) => (told[1].type === 'mls-welcome' && losses++ === 0 ? [] : [told]);

  const newcomer = await room.join(5);
  await room.run(room.now + 9000);

  expect(losses).toBe(2);
  expect(newcomer.group).toBeDefined();
  expectOneKey(room);
});

test('a member that is shown no way back to believe in is added anew', async () => {
  const [room, members] = await gather(4);
  const lost = members[2]!;
  let isWelcomed = false;
  room.tamper = ([to, message]) => {
    if (to !== lost.id) return [[to, message]];
    if (message.type === 'mls-welcome') isWelcomed = true;
    if (message.type === 'mls-commit' && !isWelcomed) return [];
    if (message.type !== 'mls-group-info') return [[to, message]];
    return [[to, { ...message, groupInfo: 'AAAA' }]];
  };
  for (let name = 20; name < 31; name++) {
    room.leave(await room.join(name));
    await room.run(room.now + 800);
  }
  const unfitting = { type: 'mls-commit', epoch: 999, commit: 'AAAA' } as const;
  await room.perform(lost, () => lost.session.handleMessage(unfitting, room.now));

  await room.run(room.now + 40_000);

  expect(isWelcomed).toBe(true);
  expectOneKey(room);
});
