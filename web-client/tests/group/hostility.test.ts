import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCredential } from '../../src/e2ee/credential';
import type { ClientMessage } from '../../src/signaling/protocol/ClientMessage';
import type { ServerMessage } from '../../src/signaling/protocol/ServerMessage';
import { SUBPROTOCOL } from '../../src/signaling/connection';
import { Server } from '../browser/server';
import { Member } from './member';

let server: Server;

beforeAll(async () => {
  server = await Server.startWithKeys();
});

afterAll(async () => {
  await server.stop();
});

async function enter(room: string): Promise<Member> {
  return new Member(server.origin, await server.token(room));
}

/** A participant that says what it likes. */
class Stranger {
  readonly got: ServerMessage[] = [];
  readonly #socket: WebSocket;

  constructor(origin: string, token: string, entrance: object) {
    this.#socket = new WebSocket(`${origin.replace('http', 'ws')}/v1/signal`, SUBPROTOCOL);
    this.#socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      this.got.push(JSON.parse(data) as ServerMessage);
    });
    this.#socket.addEventListener('open', () => {
      const { name } = createCredential(token);
      this.#socket.send(JSON.stringify({ type: 'join', token, ...name, ...entrance }));
    });
  }

  say(message: ClientMessage): void {
    this.#socket.send(JSON.stringify(message));
  }

  isIn(): boolean {
    return this.got.some(({ type }) => type === 'joined');
  }
}

/** These are in one epoch with one key, whoever else is. */
async function expectTogether(members: readonly Member[]): Promise<void> {
  const ids = members.map(({ credential }) => credential.participantId);
  const missing = (): unknown[] =>
    members.flatMap(({ epoch }) => {
      const present = epoch?.members.map(({ participantId }) => participantId) ?? [];
      return ids.filter((id) => !present.includes(id));
    });
  const keys = (): number => new Set(members.map(({ key }) => key)).size;
  await expect.poll(() => [missing(), keys()], { timeout: 20_000, interval: 50 }).toEqual([[], 1]);
}

/** Starts an epoch that nobody else can enter. */
function commitGarbage(member: Member): void {
  const { epoch, members } = member.epoch!;
  const { participantId } = member.credential;
  const { leaf } = members.find((other) => other.participantId === participantId)!;
  member.forge({
    type: 'mls-commit',
    epoch: Number(epoch),
    leaf,
    commit: 'AAAA',
    added: [],
    groupInfo: 'AAAA',
    transcriptHash: 'AAAA',
  });
}

const GARBAGE = { epoch: 5, transcriptHash: 'AAAA', leaf: 0, groupInfo: 'AAAA' };

test('a commit that nobody can follow holds a room up for some seconds only', async () => {
  const [one, two, hostile] = await Promise.all([enter('c'), enter('c'), enter('c')]);
  await expectTogether([one, two, hostile]);

  commitGarbage(hostile);
  const start = Date.now();
  const newcomer = await enter('c');
  await expectTogether([one, two, newcomer]);
  console.log(`together again ${String(Date.now() - start)} ms after the commit`);
  // Its author, which is a member like others again, is added anew.
  await expectTogether([one, two, newcomer, hostile]);

  expect(Date.now() - start).toBeLessThan(12_000);
  expect(hostile.refusals.join()).toContain('could not follow a change');
  one.say('Guten Tag');
  await expect.poll(() => two.told).toHaveLength(1);
});

test('of two, one that makes such a commit and says no more keeps nobody out', async () => {
  const [one, hostile] = await Promise.all([enter('t'), enter('t')]);
  await expectTogether([one, hostile]);

  commitGarbage(hostile);
  hostile.fallSilent();

  await expectTogether([one, await enter('t')]);
});

test('a newcomer that reports a group of its own changes nothing', async () => {
  const therapist = await enter('n');
  await expectTogether([therapist]);
  const stranger = new Stranger(server.origin, await server.token('n'), {
    keyPackageFollows: true,
  });
  await expect.poll(() => stranger.isIn()).toBe(true);

  stranger.say({ type: 'mls-report', ...GARBAGE });
  const error = expect.objectContaining({
    type: 'error',
    code: 'invalid-group-message',
  }) as unknown;
  await expect.poll(() => stranger.got).toContainEqual(error);
  await expectTogether([therapist, await enter('n')]);

  expect(stranger.got.map(({ type }) => type)).not.toContain('mls-key-package');
});

test('somebody who says to come back brings nobody into a group that cannot be entered', async () => {
  const therapist = await enter('b');
  await expectTogether([therapist]);
  const stranger = new Stranger(server.origin, await server.token('b'), { group: GARBAGE });
  await expect.poll(() => stranger.isIn()).toBe(true);

  await expectTogether([therapist, await enter('b')]);
});
