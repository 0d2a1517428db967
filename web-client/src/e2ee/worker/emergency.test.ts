import { expect, test } from 'vitest';
import type { Role } from '../../signaling/protocol/Role';
import { Emergency } from './emergency';
import type { ApplicationMessage } from './mls/application';
import { toBase64url } from './mls/base64url';
import type { Identity, Member, Mls } from './mls/mls';
import { loadTsMls } from './mls/ts-mls';

const TOLD = { type: 'emergency', place: 'Mill Lane 5', contact: 'Zoë, 555 0100' } as const;

interface Somebody {
  readonly member: Member;
  readonly emergency: Emergency;
}

test('those who lead the session read it, and no other member', async () => {
  const { client, host, other } = await people();
  const key = await keyOf(host, [client, host, other]);
  expect(await client.emergency.tell(TOLD)).toEqual([]);

  await client.emergency.setLeaders([host.member.credential.participantId]);
  const [sealed] = await client.emergency.handleKey(host.member, key);

  const message = sealedIn(sealed);
  expect(message).not.toContain('Mill');
  expect(await host.emergency.open(client.member, message)).toEqual(TOLD);
  expect(await other.emergency.open(client.member, message)).toBeUndefined();
  // Nor can another member pass it on as its own.
  await expect(host.emergency.open(other.member, message)).rejects.toThrow();
});

test('a leader who comes later is told too, and each change', async () => {
  const { client, host, other, mls } = await people();
  const late = await somebody(mls, 4, 'co-host');
  const everybody = [client, host, other, late];
  await client.emergency.setLeaders([host, late].map(idOf));
  await client.emergency.handleKey(host.member, await keyOf(host, everybody));
  await client.emergency.tell(TOLD);

  const [again] = await client.emergency.handleKey(late.member, await keyOf(late, everybody));
  const moved = { ...TOLD, place: 'On the way' };
  const [changed] = await client.emergency.tell(moved);

  for (const leader of [host, late]) {
    expect(await leader.emergency.open(client.member, sealedIn(again))).toEqual(TOLD);
    expect(await leader.emergency.open(client.member, sealedIn(changed))).toEqual(moved);
  }
});

test('whoever missed something is told it again', async () => {
  const { client, host, other } = await people();
  expect(await client.emergency.repeat()).toEqual([]);
  const key = await keyOf(host, [client, host, other]);
  await client.emergency.setLeaders([idOf(host)]);
  await client.emergency.handleKey(host.member, key);
  await client.emergency.tell(TOLD);

  expect(await host.emergency.repeat()).toEqual([{ type: 'sealing-key', key }]);
  const [again] = await client.emergency.repeat();
  expect(await host.emergency.open(client.member, sealedIn(again))).toEqual(TOLD);
  expect(await other.emergency.repeat()).toEqual([]);
});

test('nobody leads who is not said to by the credential and by the server', async () => {
  const { client, host, other, mls } = await people();
  const everybody = [client, host, other];
  const key = await keyOf(host, everybody);
  // The server says so, the credential does not.
  await client.emergency.setLeaders([idOf(other)]);
  await client.emergency.tell(TOLD);
  const sealingKey = await mls.createSealingKey();
  const asText = toBase64url(sealingKey.publicKey);
  expect(await client.emergency.handleKey(other.member, asText)).toEqual([]);
  // The credential says so, the server does not; and then it does.
  expect(await client.emergency.handleKey(host.member, key)).toEqual([]);
  expect(await client.emergency.tell(TOLD)).toEqual([]);
  expect(await client.emergency.setLeaders([idOf(host)])).toHaveLength(1);
});

test('who left is told nothing any more', async () => {
  const { client, host, other } = await people();
  const key = await keyOf(host, [client, host, other]);
  await client.emergency.setLeaders([idOf(host)]);
  await client.emergency.handleKey(host.member, key);
  expect(await client.emergency.tell(TOLD)).toHaveLength(1);

  await client.emergency.handleMembers([client.member, other.member]);

  expect(await client.emergency.tell(TOLD)).toEqual([]);
});

test('who was out of the group tells its key again, to the same people', async () => {
  const { client, host } = await people();
  const both = [client.member, host.member];
  expect(await host.emergency.handleMembers(both)).toHaveLength(1);
  expect(await host.emergency.handleMembers(both)).toEqual([]);

  host.emergency.forget();

  expect(await host.emergency.handleMembers(both)).toHaveLength(1);
});

test('a key is told as somebody comes, by those who lead only', async () => {
  const { client, host, other } = await people();
  expect(await host.emergency.handleMembers([host.member])).toEqual([]);
  const pair = [host.member, client.member];
  const [first] = await host.emergency.handleMembers(pair);
  expect(await host.emergency.handleMembers(pair)).toEqual([]);
  const [second] = await host.emergency.handleMembers([...pair, other.member]);

  expect(first).toMatchObject({ type: 'sealing-key' });
  expect(second).toEqual(first);
  expect(await client.emergency.handleMembers(pair)).toEqual([]);
});

test('what cannot be opened is refused', async () => {
  const { client, host, other } = await people();
  await keyOf(host, [client, host, other]);
  for (const sealed of ['', 'AAAA', '=', 'A'.repeat(4000)]) {
    await expect(host.emergency.open(client.member, sealed)).rejects.toThrow();
  }
});

async function people(): Promise<Record<'client' | 'host' | 'other', Somebody> & { mls: Mls }> {
  const mls = await loadTsMls();
  const [client, host, other] = await Promise.all([
    somebody(mls, 1, 'client'),
    somebody(mls, 2, 'host'),
    somebody(mls, 3, 'client'),
  ]);
  return { client, host, other, mls };
}

async function somebody(mls: Mls, number: number, role: Role): Promise<Somebody> {
  const participantId = number.toString(16).padStart(16, '0');
  const identity: Identity = await mls.createIdentity({ participantId, room: 'room', role });
  const { credential, signatureKey } = identity;
  const member = { credential, signatureKey, leaf: number, leafKey: signatureKey };
  return { member, emergency: new Emergency(mls, identity) };
}

function idOf({ member }: Somebody): string {
  return member.credential.participantId;
}

async function keyOf(leader: Somebody, present: readonly Somebody[]): Promise<string> {
  const told = await leader.emergency.handleMembers(present.map(({ member }) => member));
  const [message] = told;
  expect(message?.type).toBe('sealing-key');
  return (message as Extract<ApplicationMessage, { type: 'sealing-key' }>).key;
}

function sealedIn(message: ApplicationMessage | undefined): string {
  expect(message?.type).toBe('sealed-emergency');
  return (message as Extract<ApplicationMessage, { type: 'sealed-emergency' }>).sealed;
}
