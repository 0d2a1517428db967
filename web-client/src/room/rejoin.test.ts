import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { QuietroomError } from '../error';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import { OWN_ID, FakeEnvironment, stubGlobals } from './fake-environment';
import { Room } from './room';

const BEN = {
  id: 'ben',
  role: 'client',
  microphone: true,
  camera: true,
  reconnecting: false,
} as const;
const CID = { ...BEN, id: 'cid' };
const JOINED: Extract<ServerMessage, { type: 'joined' }> = {
  type: 'joined',
  participantId: OWN_ID,
  role: 'host',
  participants: [BEN, CID],
  slots: 2,
  screenSlots: 1,
  iceServers: [],
  permissions: ['microphone', 'camera', 'screen', 'receive', 'chat'],
  locked: false,
  resume: { secret: 'first', seconds: 30 },
};
/** What those with power ask of the server. */
const BY_SERVER: ReadonlySet<string> = new Set(
  'lock remove mute mute-all ask stop-share admit refuse end-session'.split(' '),
);
const REPORT = { epoch: 7, transcriptHash: 'hash', leaf: 0 };

let environment: FakeEnvironment;
let room: Room;
let log: string[];
let errors: QuietroomError[];

beforeEach(async () => {
  vi.useFakeTimers();
  stubGlobals();
  environment = new FakeEnvironment();
  room = new Room({}, environment);
  const joining = room.join('the token');
  environment.socket.accept();
  environment.startTransforms();
  environment.socket.say(JOINED);
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await settle();
  environment.socket.say({ type: 'answer', sdp: 'answer' });
  await settle();
  environment.connection.become('connected');
  await joining;
  log = [];
  errors = [];
  room.on('stateChanged', (state) => log.push(state));
  room.on('participantJoined', ({ id }) => log.push(`${id} joined`));
  room.on('participantLeft', ({ id }) => log.push(`${id} left`));
  room.on('error', (error) => errors.push(error));
});

afterEach(() => {
  room.leave();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

/** The server says that the stay is over, and the client comes again. */
async function loseStay(): Promise<void> {
  environment.socket.drop();
  environment.socket.accept();
  environment.socket.say({ type: 'error', code: 'resume-refused', message: '', fatal: true });
  await vi.advanceTimersByTimeAsync(300);
  environment.socket.accept();
  environment.worker.report({ type: 'entrance', entrance: { group: REPORT } });
  await settle();
}

async function findAgain(participants = [BEN]): Promise<void> {
  environment.socket.say({ ...JOINED, participants });
  environment.startTransforms();
  await settle();
  environment.socket.say({ type: 'answer', sdp: 'again' });
  await settle();
  environment.connection.become('connected');
}

/** The group takes us in. */
function enterGroup(): void {
  const own = { participantId: OWN_ID, leaf: 0, room: 'room', role: 'host', key: OWN_ID } as const;
  const safetyCode = '1'.repeat(30);
  environment.worker.report({ type: 'epoch', epoch: 1n, safetyCode, members: [own] });
}

test('slots of the lost stay let nobody’s frames through', async () => {
  const occupants = (): unknown[] =>
    environment.worker.requests.flatMap((request) =>
      request.type === 'occupy' ? [[request.slot, request.occupant?.participantId]] : [],
    );
  expect(occupants()).toEqual([[0, 'ben']]);

  await loseStay();
  await findAgain();

  expect(occupants()).toEqual([
    [0, 'ben'],
    [0, undefined],
  ]);
});

test('a broken socket is no lost stay: media and people stay as they are', async () => {
  const { connection } = environment;
  environment.socket.drop();
  expect(room.state).toBe('reconnecting');

  environment.socket.accept();
  environment.socket.say({ type: 'resumed', received: 2, secret: 'second' });
  await settle();

  expect(log).toEqual(['reconnecting', 'connected']);
  expect(environment.connection).toBe(connection);
  expect(connection.isClosed).toBe(false);
  expect(room.participants.map(({ audioTrack }) => audioTrack !== undefined)).toEqual([
    true,
    false,
  ]);
});

test('a server that forgot is joined again with the same key and a new connection for media', async () => {
  const [ben] = room.participants;
  const former = environment.connection;
  await loseStay();

  const [join] = environment.socket.sent;
  expect(join).toMatchObject({ type: 'join', token: 'the token', participantId: OWN_ID });
  expect(join).toMatchObject({ group: REPORT });
  expect(former.isClosed).toBe(true);
  await findAgain();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 1, participantId: 'ben' }] });

  expect(log).toEqual(['reconnecting', 'connected']);
  expect(environment.connection).not.toBe(former);
  expect(environment.connection.answers).toEqual(['again']);
  expect(environment.connection.transceivers[0]?.sender.track).toBe(environment.microphone);
  expect(environment.socket.sent).toContainEqual({ type: 'media', microphone: true, camera: true });
  expect(room.participants[0]).toBe(ben);
  expect(ben?.audioTrack).toBeDefined();
  expect(errors).toEqual([]);
});

test('who has not come back yet is awaited for a while', async () => {
  await loseStay();
  await findAgain();
  const cid = room.participants[1];

  expect(cid).toMatchObject({ id: 'cid', isReconnecting: true });
  environment.socket.say({ type: 'participant-joined', participant: CID });
  await vi.advanceTimersByTimeAsync(10_000);

  expect(room.participants[1]).toBe(cid);
  expect(cid?.isReconnecting).toBe(false);
  expect(log).toEqual(['reconnecting', 'connected']);
});

test('who does not come back has left', async () => {
  await loseStay();
  await findAgain();
  await vi.advanceTimersByTimeAsync(10_000);

  expect(room.participants.map(({ id }) => id)).toEqual(['ben']);
  expect(log).toEqual(['reconnecting', 'connected', 'cid left']);
});

test('lost media is found again by restarting ICE', async () => {
  const { connection } = environment;
  connection.become('failed');
  await settle();
  expect(room.state).toBe('reconnecting');
  expect(connection.restarts).toBe(1);
  expect(environment.socket.sent.at(-1)).toMatchObject({ type: 'offer' });

  environment.socket.say({ type: 'answer', sdp: 'restarted' });
  await settle();
  connection.become('connected');

  expect(connection.answers).toEqual(['answer', 'restarted']);
  expect(environment.connection).toBe(connection);
  expect(log).toEqual(['reconnecting', 'connected']);
  expect(errors).toEqual([]);
});

test('a socket that was found again brings another path for media', async () => {
  const { connection } = environment;
  environment.changeNetwork?.();
  expect(connection.restarts).toBe(0);
  environment.socket.accept();
  environment.socket.say({ type: 'resumed', received: 2, secret: 'second' });
  await settle();

  expect(connection.restarts).toBe(1);
  expect(environment.socket.sent.at(-1)).toMatchObject({ type: 'offer' });
  expect(environment.connection).toBe(connection);
});

test('media that falls silent has the socket looked for elsewhere', async () => {
  for (let look = 0; look < 20; look += 1) {
    environment.connection.bytesReceived += 1000;
    await vi.advanceTimersByTimeAsync(250);
  }
  expect(room.state).toBe('connected');

  await vi.advanceTimersByTimeAsync(1500);
  expect(room.state).toBe('reconnecting');
  environment.socket.accept();
  environment.socket.say({ type: 'resumed', received: 2, secret: 'second' });
  await settle();
  expect(environment.connection.restarts).toBe(1);
});

test('media that no restart brings back is found again by joining again', async () => {
  const { connection, socket } = environment;
  // Before the group would have to have taken us in.
  const random = vi.spyOn(Math, 'random').mockReturnValue(0);
  connection.become('failed');
  for (let second = 0; second < 60 && environment.socket === socket; second += 1) {
    socket.say({ type: 'answer', sdp: `answer ${second}` });
    await vi.advanceTimersByTimeAsync(1000);
  }
  random.mockRestore();
  expect(connection.restarts).toBe(8);
  expect(socket.sent).toContainEqual({ type: 'leave' });
  environment.socket.accept();
  environment.worker.report({ type: 'entrance', entrance: { keyPackage: 'new' } });
  await settle();

  expect(environment.socket.sent).toEqual([
    {
      type: 'join',
      token: 'the token',
      participantId: OWN_ID,
      participantSalt: 'EREREREREREREREREREREQ',
      keyPackage: 'new',
    },
  ]);
  await findAgain();
  expect(room.state).toBe('connected');
});

test('an expired token is not tried again', async () => {
  await loseStay();
  environment.socket.say({ type: 'error', code: 'token-expired', message: '', fatal: true });

  expect(room.state).toBe('disconnected');
  expect(room.error?.code).toBe('token-expired');
});

test('a laptop that slept for long is not late: it has its two minutes from then on', async () => {
  await loseStay();
  vi.setSystemTime(Date.now() + 8 * 3_600_000);
  environment.changeNetwork?.();

  // The network takes some seconds to be there.
  environment.socket.drop();
  await vi.advanceTimersByTimeAsync(1000);
  expect(room.state).toBe('reconnecting');
  environment.socket.accept();
  environment.worker.report({ type: 'entrance', entrance: { group: REPORT } });
  await settle();
  await findAgain();

  expect(room.state).toBe('connected');
  expect(errors).toEqual([]);
});

test('an attempt that hangs as the network comes back is given up for another', async () => {
  await loseStay();
  environment.socket.drop();
  // It does not wait for its next attempt.
  environment.changeNetwork?.();
  await vi.advanceTimersByTimeAsync(300);
  const { socket } = environment;
  environment.changeNetwork?.();
  await vi.advanceTimersByTimeAsync(100);
  expect(environment.socket).toBe(socket);

  await vi.advanceTimersByTimeAsync(2000);
  environment.changeNetwork?.();
  await vi.advanceTimersByTimeAsync(300);
  expect(socket.closedWith).toBeDefined();
  expect(environment.socket).not.toBe(socket);
  environment.socket.accept();
  environment.worker.report({ type: 'entrance', entrance: { group: REPORT } });
  await settle();
  const answered = environment.socket;
  environment.socket.say(JOINED);
  // It was let in on the network that is there.
  await vi.advanceTimersByTimeAsync(2000);
  environment.changeNetwork?.();
  expect(room.isRejoining).toBe(false);
  expect(answered.closedWith).not.toBe(1000);
});

test('a restart that the server refuses is asked for again', async () => {
  const { connection } = environment;
  connection.become('failed');
  await settle();
  environment.socket.say({ type: 'error', code: 'rate-limited', message: '', fatal: false });
  await vi.advanceTimersByTimeAsync(5_000);

  expect(connection.restarts).toBe(2);
});

test('after two minutes without a server the stay is over, with the reason', async () => {
  await loseStay();
  for (let second = 0; second < 130 && room.state !== 'disconnected'; second += 1) {
    environment.socket.drop();
    await vi.advanceTimersByTimeAsync(1000);
  }

  expect(room.state).toBe('disconnected');
  expect(room.error?.code).toBe('signaling-unreachable');
});

const ACTS: [string, (room: Room) => void][] = [
  [
    'a word',
    (room) => {
      room.sendChat('Are you there?');
    },
  ],
  [
    'a reaction',
    (room) => {
      room.react('👍');
    },
  ],
  [
    'a hand',
    (room) => {
      room.setHandRaised(true);
    },
  ],
  [
    'a name',
    (room) => {
      room.setName('Ann');
    },
  ],
  [
    'an emergency',
    (room) => {
      room.setEmergencyInformation({ place: 'home', contact: 'Eve' });
    },
  ],
  [
    'a lock',
    (room) => {
      room.rules.lock(true);
    },
  ],
  [
    'a removal',
    (room) => {
      room.rules.remove('ben');
    },
  ],
  [
    'silence for all',
    (room) => {
      room.rules.muteAll();
    },
  ],
  [
    'silence for one',
    (room) => {
      room.rules.mute('ben', 'microphone');
    },
  ],
  [
    'a question',
    (room) => {
      room.rules.ask('ben', 'camera');
    },
  ],
  [
    'the end of a share',
    (room) => {
      room.rules.stopShare('ben');
    },
  ],
  [
    'an admission',
    (room) => {
      room.rules.admit(['dan']);
    },
  ],
  [
    'a refusal',
    (room) => {
      room.rules.refuse('dan');
    },
  ],
  [
    'a note to who waits',
    (room) => {
      room.rules.tellWaiting('Soon.');
    },
  ],
  [
    'the end',
    (room) => {
      room.rules.endForAll();
    },
  ],
];

test.each(ACTS)(
  '%s is refused while it would reach nobody, and goes out afterwards',
  async (_, act) => {
    enterGroup();
    meetCaller();
    const shown: unknown[] = [];
    room.on('chatMessage', (...message) => shown.push(message));
    room.on('reaction', (...reaction) => shown.push(reaction));
    const went = (): number =>
      environment.worker.requests.filter(({ type }) => type.startsWith('tell')).length +
      environment.socket.sent.filter(({ type }) => BY_SERVER.has(type)).length;
    await loseStay();
    const before = went();

    expect(() => {
      act(room);
    }).toThrow(expect.objectContaining({ code: 'not-connected' }));
    expect(went()).toBe(before);
    expect(shown).toEqual([]);
    expect(room.localParticipant).toMatchObject({ handRaised: false, name: '' });

    await findAgain();
    meetCaller();
    act(room);
    expect(went()).toBe(before + 1);
  },
);

function meetCaller(): void {
  environment.socket.say({ type: 'waiting-list', people: [{ id: 'dan', role: 'client' }] });
  environment.worker.report({ type: 'caller', participantId: 'dan', name: '', isReachable: true });
}

test('whether the stay is away is told, though the room was interrupted before', async () => {
  const told: boolean[] = [];
  room.on('rejoiningChanged', (isRejoining) => told.push(isRejoining));
  environment.socket.drop();
  expect([room.state, room.isRejoining]).toEqual(['reconnecting', false]);
  environment.socket.accept();
  environment.socket.say({ type: 'error', code: 'resume-refused', message: '', fatal: true });
  expect([room.state, room.isRejoining]).toEqual(['reconnecting', true]);

  await vi.advanceTimersByTimeAsync(300);
  environment.socket.accept();
  environment.worker.report({ type: 'entrance', entrance: { group: REPORT } });
  await settle();
  expect(room.isRejoining).toBe(true);
  // What is asked for goes out from here on, though no media has come yet.
  environment.socket.say(JOINED);
  expect([room.state, room.isRejoining]).toEqual(['reconnecting', false]);
  expect(told).toEqual([true, false]);
});

test('no screen is asked for while it cannot be shared', async () => {
  enterGroup();
  await loseStay();

  await expect(room.shareScreen()).rejects.toMatchObject({ code: 'not-connected' });
  expect(environment.getDisplayMedia).not.toHaveBeenCalled();
});

test('after the end nothing looks done either', async () => {
  enterGroup();
  await loseStay();
  room.leave();

  expect(room.isRejoining).toBe(false);
  expect(() => {
    room.rules.endForAll();
  }).toThrow(expect.objectContaining({ code: 'not-connected' }));
  expect(() => {
    room.sendChat('Hello?');
  }).toThrow(expect.objectContaining({ code: 'not-connected' }));
});

test('who leaves meanwhile does not come back', async () => {
  await loseStay();
  const { socket } = environment;
  room.leave();
  await vi.advanceTimersByTimeAsync(60_000);

  expect(environment.socket).toBe(socket);
  expect(room.state).toBe('disconnected');
});

test('time without a network does not count', async () => {
  environment.hasNetwork = false;
  await loseStay();
  const wait = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds && room.state !== 'disconnected'; second += 1) {
      environment.socket.drop();
      await vi.advanceTimersByTimeAsync(1000);
    }
  };
  await wait(600);
  expect(room.state).toBe('reconnecting');

  environment.hasNetwork = true;
  await wait(100);
  expect(room.state).toBe('reconnecting');
  await wait(60);
  expect(room.state).toBe('disconnected');
});

/** The server, found again, has `received` messages; the stay goes on. */
function resume(received: number): void {
  environment.socket.accept();
  environment.socket.say({ type: 'resumed', received, secret: 'second' });
}

/** How many messages that count were said in this stay so far. */
function said(): number {
  return environment.socket.sent.filter(({ type }) => type !== 'join' && type !== 'resume').length;
}

/** What the worker made of a word for all. */
function seal(): void {
  environment.worker.report({
    type: 'group-send',
    message: { type: 'mls-message', message: 'sealed' },
  });
}

describe.each([
  [
    'a word to all',
    (): void => {
      room.sendChat('hello');
      seal();
    },
  ],
  [
    'a word to all that is yet to be sealed',
    (): void => {
      room.sendChat('hello');
    },
  ],
  [
    'the end for all',
    (): void => {
      room.rules.endForAll();
    },
  ],
])('%s', (_what, ask) => {
  const codes = (): string[] => errors.map(({ code }) => code);
  const refuseToResume = async (): Promise<void> => {
    environment.socket.accept();
    environment.socket.say({ type: 'error', code: 'resume-refused', message: '', fatal: true });
    await settle();
  };

  beforeEach(() => {
    enterGroup();
  });

  test('that waited for a stay which is lost then is told of, once', async () => {
    environment.socket.drop();
    ask();
    await refuseToResume();
    expect(codes()).toEqual(['not-connected']);
    room.leave();
    expect(codes()).toEqual(['not-connected']);
  });

  test('given to a socket that nobody knew to be dead is told of', async () => {
    ask();
    environment.socket.drop();
    await refuseToResume();
    expect(codes()).toEqual(['not-connected']);
  });

  test('that was kept by one leaving is told of, and not where there is a connection', () => {
    ask();
    environment.socket.drop();
    room.leave();
    expect(codes()).toEqual(['not-connected']);
  });

  test('said before one leaves is not told of', () => {
    ask();
    room.leave();
    expect(codes()).toEqual([]);
  });
});

test('what the server says that it has is not told of', async () => {
  enterGroup();
  room.sendChat('hello');
  seal();
  environment.socket.say({ type: 'ack', received: said() });
  await loseStay();
  expect(errors).toEqual([]);
});

test('a word that is being sealed is not taken for what is asked for after it', async () => {
  enterGroup();
  room.sendChat('hello');
  room.rules.remove('ben');
  environment.socket.say({ type: 'ack', received: said() });
  await loseStay();
  expect(errors.map(({ code }) => code)).toEqual(['not-connected']);
});

test('a word is refused until media is back: the group may not have taken us in', async () => {
  enterGroup();
  await loseStay();
  environment.socket.say(JOINED);
  expect(room.isRejoining).toBe(false);
  expect(() => {
    room.sendChat('hello');
  }).toThrow(expect.objectContaining({ code: 'not-connected' }));
  room.rules.remove('ben');
  expect(environment.socket.sent).toContainEqual({ type: 'remove', participantId: 'ben' });
});

test('what waited and was sent is told of until the server has it', async () => {
  const before = said();
  environment.socket.drop();
  room.rules.remove('ben');
  resume(before);
  expect(environment.socket.sent).toContainEqual({ type: 'remove', participantId: 'ben' });
  await loseStay();
  expect(errors.map(({ code }) => code)).toEqual(['not-connected']);

  await findAgain();
  errors.length = 0;
  room.rules.remove('ben');
  const all = said();
  environment.socket.drop();
  resume(all);
  await loseStay();
  expect(errors).toEqual([]);
});
