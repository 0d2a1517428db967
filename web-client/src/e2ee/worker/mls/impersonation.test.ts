import { beforeAll, expect, test, vi } from 'vitest';
import { seededRandom } from '../seeded-random';
import { encodeApplicationMessage } from './application';
import { fromBase64url, toBase64url } from './base64url';
import { anybody, commit, decodeKeyPackage, encrypted, enter, found } from './careless';
import { encodeCredential, type Credential } from './credential';
import type { Member, Mls } from './mls';
import { GroupSession } from './session';
import { loadTsMls } from './ts-mls';
import { everybodyMay, VirtualRoom, type VirtualMember } from './virtual-room';

// Public keys take their time on a machine that does other things too.
vi.setConfig({ testTimeout: 60_000 });

let mls: Mls;

beforeAll(async () => {
  mls = await loadTsMls();
});

test('a member cannot put somebody of its own in the place of another', async () => {
  const session = new GroupSession(mls, await mls.createIdentity(credential(1)), everybodyMay);
  const keyPackage = fromBase64url(await session.createKeyPackage(0));
  const [hostile, victim, puppet] = await Promise.all([
    anybody(credential(2)),
    anybody(credential(3)),
    anybody({ ...credential(3), role: 'host' }),
  ]);
  const before = await found(hostile, [keyPackage, victim.keyPackage]);
  await session.handleMessage({ type: 'mls-welcome', welcome: toBase64url(before.welcome) }, 0);
  const after = await commit(before.state, [
    { proposalType: 'remove', remove: { removed: 2 } },
    { proposalType: 'add', add: { keyPackage: decodeKeyPackage(puppet.keyPackage) } },
  ]);
  const words = encodeApplicationMessage({ type: 'chat', text: 'I am the victim' });
  const { message } = await encrypted(await enter(after.welcome, puppet), words);

  const events = [
    ...(await session.handleMessage(
      { type: 'mls-commit', epoch: 1, commit: toBase64url(after.commit) },
      0,
    )),
    ...(await session.handleMessage({ type: 'mls-message', message: toBase64url(message) }, 0)),
  ];

  expect(events).toMatchObject([
    { type: 'refused', reason: 'somebody who may not be in the group' },
  ]);
});

test('the server cannot have a member replaced by its own guest', async () => {
  const [room, members] = await gather(3);
  const [committer, victim] = members as Four;
  const puppet = await anybody(self(victim).credential);
  const key = toBase64url(self(victim).signatureKey);

  room.deliver([
    [
      committer.id,
      {
        type: 'mls-key-package',
        participantId: victim.id,
        keyPackage: toBase64url(puppet.keyPackage),
      },
    ],
  ]);
  await room.run(room.now + 10_000);

  expect(keyIn(committer, victim)).toBe(key);
  expect(room.refusals.join()).toContain('the key package is of somebody else');
});

test('the server cannot lead a member into a group of people with the same names', async () => {
  const [room, members] = await gather(3);
  const [first, victim, third] = members as Four;
  const authenticator = victim.group!.epochAuthenticator;
  const events = await victim.session.handleMessage({ type: 'mls-key-package-wanted' }, room.now);
  const given = events.find(
    (event) => event.type === 'send' && event.message.type === 'mls-key-package',
  );
  if (given?.type !== 'send' || given.message.type !== 'mls-key-package') throw new Error('none');
  const keyPackage = fromBase64url(given.message.keyPackage);
  const [creator, other] = await Promise.all(
    [first, third].map((member) => anybody(self(member).credential)),
  );
  const { welcome } = await found(creator!, [keyPackage, other!.keyPackage]);

  await room.perform(victim, () =>
    victim.session.handleMessage({ type: 'mls-welcome', welcome: toBase64url(welcome) }, room.now),
  );

  expect(victim.group!.epochAuthenticator).toEqual(authenticator);
  expect(victim.losses).toBe(0);
});

test('somebody who left cannot come back as somebody else under the same id', async () => {
  const [room, members] = await gather(3);
  const [committer, leaver] = members as Four;
  const { credential } = self(leaver);
  room.leave(leaver);
  await room.run(room.now + 3000);
  const { keyPackage } = await anybody(credential);

  await room.perform(committer, () =>
    committer.session.handleMessage(
      {
        type: 'mls-key-package',
        participantId: leaver.id,
        keyPackage: toBase64url(keyPackage),
      },
      room.now,
    ),
  );

  expect(room.refusals.join()).toContain('the key package is of somebody else');
});

test.each<[string, Partial<Credential>]>([
  ['id', { participantId: '00000000000000bb' }],
  ['role', { role: 'host' }],
])('a committer cannot take another %s', async (_, change) => {
  const [, members] = await gather(2);
  const [committer, follower] = members as Four;
  const claimed: Credential = { participantId: '00000000000000aa', room: 'room', role: 'client' };
  const hostile = await anybody(claimed);
  const staged = await committer.group!.commit([hostile.keyPackage], []);
  await follower.group!.process(staged.commit);
  const state = await enter(staged.welcome!, hostile);
  const at = 2 * state.privatePath.leafIndex;
  const node = state.ratchetTree[at];
  if (node?.nodeType !== 'leaf') throw new Error('it is in the tree');
  const credential = {
    credentialType: 'basic',
    identity: encodeCredential({ ...claimed, ...change }),
  } as const;
  const ratchetTree = [...state.ratchetTree];
  ratchetTree[at] = { ...node, leaf: { ...node.leaf, credential } };
  const changed = await commit({ ...state, ratchetTree }, []);

  await expect(follower.group!.process(changed.commit)).rejects.toThrow(
    'a committer that becomes somebody else',
  );
  expect(follower.group!.members.at(-1)?.credential).toEqual(claimed);
});

test('a group that outgrows the key ids of frames is not followed', async () => {
  const hostile = await mls.createIdentity(credential(1));
  const group = await mls.createGroup(hostile, everybodyMay);
  const victim = await mls.createIdentity(credential(2));
  const keyPackage = await victim.createKeyPackage();
  const added = await group.commit([keyPackage.message], []);
  added.merge();
  const followed = await mls.joinByWelcome(added.welcome!, [keyPackage], victim, everybodyMay);
  const puppets = await Promise.all(
    Array.from({ length: 255 }, (_, at) => anybody(credential(1000 + at))),
  );

  await expect(
    group.commit(
      puppets.map((puppet) => puppet.keyPackage),
      [],
    ),
  ).rejects.toThrow('more members than have keys');
  const most = puppets.slice(0, 254).map((puppet) => puppet.keyPackage);
  const staged = await group.commit(most, []);
  expect(await followed.process(staged.commit)).toBe(true);
  expect(followed.leafCount).toBe(256);
});

test('a member whose place is given to another in one commit knows that it is out', async () => {
  const [, members] = await gather(3);
  const [committer, removed] = members as Four;
  const { keyPackage } = await anybody(credential(9));
  const staged = await committer.group!.commit([keyPackage], [removed.group!.ownLeaf]);

  expect(await removed.group!.process(staged.commit)).toBe(false);
});

test('whoever is put out says so, keeps what it would say, and says it when it is in again', async () => {
  const [room, members] = await gather(3);
  const [committer, removed] = members as Four;
  const staged = await committer.group!.commit([], [removed.group!.ownLeaf]);
  const epoch = Number(committer.group!.epoch);
  const message = { type: 'mls-commit', epoch, commit: toBase64url(staged.commit) } as const;

  await room.perform(removed, () => removed.session.handleMessage(message, room.now));
  expect(removed.losses).toBe(1);
  expect(removed.group).toBeUndefined();
  const chat = { type: 'chat', text: 'not lost' } as const;
  await room.perform(removed, () => removed.session.send(chat, room.now));
  await room.run(room.now + 20_000);

  expect(removed.group).toBeDefined();
  expect(committer.heard).toContainEqual([removed.id, chat]);
});

test('commits use no key twice, as they use none', async () => {
  const [, [committer]] = await gather(2);

  const [first, second] = [
    await committer!.group!.commit([], []),
    await committer!.group!.commit([], []),
  ];

  for (const { commit } of [first, second]) expect(commit[3]).toBe(PUBLIC_MESSAGE);
});

test.each([-2n, 2n])('a key package of another day (%d) adds nobody', async (days) => {
  const now = BigInt(Math.floor(Date.now() / 1000)) + days * 86_400n;
  const { keyPackage } = await anybody(credential(9), {
    notBefore: now - 3600n,
    notAfter: now + 3600n,
  });

  await expect(mls.inspectKeyPackage(keyPackage)).rejects.toThrow('another day');
});

/** A room with so many in it, settled; by leaf. */
async function gather(count: number): Promise<[VirtualRoom, VirtualMember[]]> {
  const link = { latency: 20, jitter: 5, loss: 0, resend: 0 };
  const room = new VirtualRoom(mls, link, seededRandom(1));
  for (let name = 1; name <= count; name++) await room.join(name);
  await room.run(3000);
  const members = [...room.members.values()];
  return [room, members.sort((a, b) => a.group!.ownLeaf - b.group!.ownLeaf)];
}

type Four = [VirtualMember, VirtualMember, VirtualMember, VirtualMember];

function credential(name: number): Credential {
  return { participantId: name.toString(16).padStart(16, '0'), room: 'room', role: 'client' };
}

function self({ group }: VirtualMember): Member {
  return group!.members.find(({ leaf }) => leaf === group!.ownLeaf)!;
}

/** The key that `member` has for `other`. */
function keyIn(member: VirtualMember, other: VirtualMember): string | undefined {
  const entry = member.group!.members.find((one) => one.credential.participantId === other.id);
  return entry && toBase64url(entry.signatureKey);
}

/** RFC 9420 §6, `WireFormat`. */
const PUBLIC_MESSAGE = 1;
