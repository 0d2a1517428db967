import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { WorkerReport } from '../e2ee/messages';
import type { QuietroomError } from '../error';
import { fakeStream } from '../media/fake-track';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import { OWN_ID, FakeEnvironment, stubGlobals } from './fake-environment';
import type { RoomOptions } from './options';
import { Room } from './room';

const BEN = {
  id: 'ben',
  role: 'client',
  microphone: true,
  camera: true,
  reconnecting: false,
} as const;
const JOINED: ServerMessage = {
  type: 'joined',
  participantId: OWN_ID,
  role: 'host',
  participants: [BEN],
  slots: 2,
  screenSlots: 1,
  iceServers: [],
  permissions: ['microphone', 'camera', 'screen', 'receive', 'chat'],
  locked: false,
};

let environment: FakeEnvironment;

beforeEach(() => {
  vi.useFakeTimers();
  stubGlobals();
  environment = new FakeEnvironment();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

interface Stay {
  readonly room: Room;
  readonly joining: Promise<void>;
  readonly log: string[];
  readonly errors: QuietroomError[];
}

function begin(options: RoomOptions = {}): Stay {
  const room = new Room(options, environment);
  const log: string[] = [];
  const errors: QuietroomError[] = [];
  room.on('stateChanged', (state) => log.push(state));
  room.on('participantJoined', ({ id }) => log.push(`${id} joined`));
  room.on('participantLeft', ({ id }) => log.push(`${id} left`));
  room.on('trackSubscribed', ({ kind }, { id }) => log.push(`${kind} of ${id}`));
  room.on('trackUnsubscribed', ({ kind }, { id }) => log.push(`no ${kind} of ${id}`));
  room.on('error', (error) => errors.push(error));
  const joining = room.join('the token');
  joining.catch(() => undefined);
  return { room, joining, log, errors };
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

/** Joins as far as the offer, which the server has yet to answer. */
async function offer(options: RoomOptions = {}): Promise<Stay> {
  const stay = begin(options);
  environment.socket.accept();
  environment.startTransforms();
  environment.socket.say(JOINED);
  await settle();
  return stay;
}

async function connect(options: RoomOptions = {}): Promise<Stay> {
  const stay = await offer(options);
  environment.socket.say({ type: 'answer', sdp: 'answer' });
  await settle();
  environment.connection.become('connected');
  await stay.joining;
  return stay;
}

/** A relay takes our credentials for nobody's. */
function refuseRelay(): void {
  const refusal = { errorCode: 401, errorText: 'Unauthorized', url: 'turn:relay.example' };
  environment.connection.dispatchEvent(Object.assign(new Event('icecandidateerror'), refusal));
}

function sent(type: string): unknown[] {
  return environment.socket.sent.filter((message) => message.type === type);
}

test('a join goes through token, offer, answer and media, in this order', async () => {
  const { room } = await connect();

  expect(environment.socketAddress).toBe('wss://clinic.example/v1/signal');
  expect(sent('join')).toEqual([
    {
      type: 'join',
      token: 'the token',
      participantId: OWN_ID,
      participantSalt: 'EREREREREREREREREREREQ',
      keyPackageFollows: true,
    },
  ]);
  expect(sent('mls-key-package')).toEqual([{ type: 'mls-key-package', keyPackage: 'key' }]);
  expect(sent('offer')).toEqual([
    {
      type: 'offer',
      sdp: 'offer',
      publications: [
        { mid: '0', source: 'microphone' },
        { mid: '1', source: 'camera' },
        { mid: '2', source: 'screen' },
        { mid: '3', source: 'screen-audio' },
      ],
      slots: [
        { audio: '4', video: '5' },
        { audio: '6', video: '7' },
      ],
      screenSlots: [{ audio: '8', video: '9' }],
    },
  ]);
  expect(environment.connection.answers).toEqual(['answer']);
  expect(room.state).toBe('connected');
  expect(room.localParticipant).toMatchObject({ id: OWN_ID, role: 'host' });
  expect(room.timings).toEqual({ joinCalled: 1, signaled: 2, answered: 3, connected: 4 });
});

test('the peer connection holds frames back until transforms are set', async () => {
  await connect();

  expect(environment.configuration).toMatchObject({ encodedInsertableStreams: true });
});

test('no track is sent and no device announced before the worker took the transforms', async () => {
  begin();
  environment.socket.accept();
  environment.worker.report({ type: 'ready' });
  environment.socket.say(JOINED);
  await settle();

  const [microphone] = environment.connection.transceivers;
  expect(microphone?.sender.track).toBeNull();
  expect(sent('media')).toEqual([{ type: 'media', microphone: false, camera: false }]);

  environment.startTransforms();
  await settle();
  expect(microphone?.sender.track).toBe(environment.microphone);
  expect(sent('media').at(-1)).toEqual({ type: 'media', microphone: true, camera: true });
});

test('a worker that never starts ends the join', async () => {
  const { room, joining } = begin();
  environment.socket.accept();
  environment.socket.say(JOINED);
  await settle();
  environment.socket.say({ type: 'answer', sdp: 'answer' });
  await vi.advanceTimersByTimeAsync(10_000);

  await expect(joining).rejects.toMatchObject({ code: 'encryption-failed' });
  expect(room.state).toBe('disconnected');
});

test('a worker that dies ends the stay', async () => {
  const { room } = await connect();

  environment.worker.crash('out of memory');

  expect(room.error?.code).toBe('encryption-failed');
  expect(environment.connection.isClosed).toBe(true);
});

test('an unfit browser is told so before anything is opened', async () => {
  Object.assign(environment.scope, { RTCRtpScriptTransform: undefined });

  const { joining } = begin();

  await expect(joining).rejects.toMatchObject({ code: 'unsupported-browser' });
  expect(environment.socketAddress).toBeUndefined();
  expect(environment.getUserMedia).not.toHaveBeenCalled();
});

test('a refused device is an error event and no reason not to join', async () => {
  environment.getUserMedia.mockRejectedValue(new DOMException('', 'NotAllowedError'));

  const { room, errors } = await connect();

  expect(room.state).toBe('connected');
  expect(errors.map(({ code }) => code)).toEqual(['microphone-refused', 'camera-refused']);
  expect(sent('media').at(-1)).toEqual({ type: 'media', microphone: false, camera: false });
});

test('devices stay shut when asked to', async () => {
  await connect({ microphone: false, camera: false });

  expect(environment.getUserMedia).not.toHaveBeenCalled();
});

test('turning the camera off is told to the server', async () => {
  const { room } = await connect();

  await room.localParticipant.setCameraEnabled(false);

  expect(sent('media').at(-1)).toEqual({ type: 'media', microphone: true, camera: false });
  expect(room.localParticipant.videoTrack).toBeUndefined();
});

test('a slot’s tracks are the participant’s, whichever is told first', async () => {
  const { room, log } = await connect();
  log.length = 0;

  environment.socket.say({
    type: 'slots',
    assignments: [
      { slot: 0, participantId: 'ben' },
      { slot: 1, participantId: 'cid' },
    ],
  });
  environment.socket.say({ type: 'participant-joined', participant: { ...BEN, id: 'cid' } });

  expect(log).toEqual([
    'audio of ben',
    'video of ben',
    'cid joined',
    'audio of cid',
    'video of cid',
  ]);
  const [audio, video] = environment.connection.transceivers.slice(6);
  expect(room.participants[1]?.audioTrack?.mediaStreamTrack).toBe(audio?.receiver.track);
  expect(room.participants[1]?.videoTrack?.mediaStreamTrack).toBe(video?.receiver.track);
});

test('somebody who leaves takes the tracks along, and their elements are blank', async () => {
  const { room, log } = await connect();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  const element = { srcObject: null } as HTMLMediaElement;
  room.participants[0]?.videoTrack?.attach(element);
  const stream = element.srcObject as MediaStream;
  expect(stream.getTracks()).toHaveLength(1);
  log.length = 0;

  environment.socket.say({ type: 'participant-left', participantId: 'ben' });

  expect(element.srcObject).toBeNull();
  // The track goes on for whoever has the slot next, and would hold the stream.
  expect(stream.getTracks()).toEqual([]);
  expect(log).toEqual(['no audio of ben', 'no video of ben', 'ben left']);
  expect(room.participants).toEqual([]);
});

test('a slot that was never offered ends the stay', async () => {
  const { room } = await connect();

  environment.socket.say({ type: 'slots', assignments: [{ slot: 2, participantId: 'ben' }] });

  expect(room.error?.code).toBe('protocol-violation');
});

test('a browser that cannot make the slots is told so at once', async () => {
  const { joining, errors } = begin();
  environment.socket.accept();
  environment.connection.refuseTransceivers = true;

  environment.socket.say(JOINED);
  await settle();

  await expect(joining).rejects.toMatchObject({ code: 'unsupported-browser' });
  expect(errors).toHaveLength(1);
  expect(environment.connection.isClosed).toBe(true);
});

test('a fatal error of the server ends the join with its code', async () => {
  const { joining, errors } = begin();
  environment.socket.accept();

  environment.socket.say({ type: 'error', code: 'token-expired', message: 'exp', fatal: true });

  await expect(joining).rejects.toMatchObject({ code: 'token-expired', cause: 'exp' });
  expect(errors).toHaveLength(1);
});

test('an error that is not fatal is only reported', async () => {
  const { room, errors } = await connect();

  environment.socket.say({ type: 'error', code: 'internal', message: '', fatal: false });

  expect(errors.map(({ code }) => code)).toEqual(['internal']);
  expect(room.state).toBe('connected');
});

test.each([
  ['does not open', () => undefined],
  [
    'opens and says nothing',
    () => {
      environment.socket.accept();
    },
  ],
])('a server that %s is given up after 10 s', async (_, act) => {
  const { joining } = begin();
  environment.startTransforms();
  act();

  await vi.advanceTimersByTimeAsync(9_999);
  expect(environment.socket.closedWith).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);

  await expect(joining).rejects.toMatchObject({ code: 'join-timeout' });
});

test('media that cannot get through is given up after 15 s', async () => {
  const { joining } = await offer();
  environment.socket.say({ type: 'answer', sdp: 'answer' });
  await vi.advanceTimersByTimeAsync(15_000);

  await expect(joining).rejects.toMatchObject({ code: 'media-unreachable' });
});

test('media that a relay has refused is told as that', async () => {
  const { joining } = await offer();
  environment.socket.say({ type: 'answer', sdp: 'answer' });
  refuseRelay();
  await vi.advanceTimersByTimeAsync(15_000);

  await expect(joining).rejects.toMatchObject({ code: 'relay-refused' });
});

test('where only relays were tried and all refused, nothing is waited for', async () => {
  const { joining } = await offer();
  const { connection } = environment;
  refuseRelay();
  Object.assign(connection, { iceGatheringState: 'complete' });
  connection.dispatchEvent(new Event('icegatheringstatechange'));

  await expect(joining).rejects.toMatchObject({ code: 'relay-refused' });
});

test('an answer that does not fit ends the join', async () => {
  const { joining } = begin();
  environment.connection.refuseAnswer = true;
  environment.socket.accept();
  environment.startTransforms();
  environment.socket.say(JOINED);
  await settle();

  environment.socket.say({ type: 'answer', sdp: 'nonsense' });

  await expect(joining).rejects.toMatchObject({ code: 'protocol-violation' });
});

test('an interruption of media shows and passes', async () => {
  const { log } = await connect();
  log.length = 0;

  environment.connection.become('disconnected');
  environment.connection.become('connected');

  expect(log).toEqual(['reconnecting', 'connected']);
});

test('leaving says so, closes all and is no error', async () => {
  const { room } = await connect();

  room.leave();
  room.leave();

  expect(environment.socket.sent.at(-1)).toEqual({ type: 'leave' });
  expect(sent('leave')).toHaveLength(1);
  expect(environment.socket.closedWith).toBe(1000);
  expect(environment.connection.isClosed).toBe(true);
  expect(environment.worker.isTerminated).toBe(true);
  expect(environment.microphone.readyState).toBe('ended');
  expect(environment.camera.readyState).toBe('ended');
  expect(room.state).toBe('disconnected');
  expect(room.error).toBeUndefined();
});

test('a page that goes away leaves', async () => {
  await connect();

  environment.hidePage?.();

  expect(environment.socket.sent.at(-1)).toEqual({ type: 'leave' });
});

test('leaving while joining rejects the join and releases late devices', async () => {
  let give: (stream: MediaStream) => void = () => undefined;
  environment.getUserMedia.mockReturnValue(
    new Promise((resolve) => {
      give = resolve;
    }),
  );
  const { room, joining, errors } = begin();
  room.leave();
  give(fakeStream(environment.microphone, environment.camera));
  await settle();

  await expect(joining).rejects.toMatchObject({ code: 'left' });
  expect(environment.camera.readyState).toBe('ended');
  expect(environment.microphone.readyState).toBe('ended');
  expect(errors).toEqual([]);
});

test('a server that gives us another id than ours is not believed', async () => {
  const { room, joining } = begin();
  environment.socket.accept();
  environment.socket.say({ ...JOINED, participantId: 'ben' });

  await expect(joining).rejects.toMatchObject({ code: 'protocol-violation' });
  expect(room.localParticipant.id).toBeUndefined();
  expect(sent('offer')).toEqual([]);
});

test('a room is for one stay', async () => {
  const { room } = await connect();

  await expect(room.join('again')).rejects.toMatchObject({ code: 'invalid-state' });
  expect(room.state).toBe('connected');
});

describe('the group', () => {
  const ANN = '00000000000000aa';
  const group = (key: string): WorkerReport => ({
    type: 'epoch',
    epoch: 1n,
    safetyCode: '1'.repeat(30),
    members: [{ participantId: 'ben', leaf: 1, room: 'room', role: 'client', key }],
  });

  function requests(type: string): unknown[] {
    return environment.worker.requests.filter((request) => request.type === type);
  }

  test('is told who is connected and what the server says, word for word', async () => {
    await connect();

    environment.socket.say({ type: 'mls-welcome', welcome: 'abc' });
    environment.socket.say({
      type: 'participant-joined',
      participant: {
        id: ANN,
        role: 'client',
        microphone: false,
        camera: false,
        reconnecting: false,
      },
    });
    environment.socket.say({ type: 'participant-left', participantId: 'ben' });

    expect(requests('group-message')).toEqual([
      { type: 'group-message', message: { type: 'mls-welcome', welcome: 'abc' } },
    ]);
    expect(requests('connected')).toEqual([
      { type: 'connected', participantIds: ['ben'] },
      { type: 'connected', participantIds: ['ben', ANN] },
      { type: 'connected', participantIds: [ANN] },
    ]);
  });

  test('gives names, hands and roles, and carries what is said', async () => {
    const { room } = await connect();
    const chat: string[] = [];
    room.on('chatMessage', (participant, text) => chat.push(`${participant.name}: ${text}`));

    environment.worker.report(group('key'));
    environment.worker.report({
      type: 'told',
      participantId: 'ben',
      key: 'key',
      message: { type: 'profile', name: 'Ben', handRaised: true },
    });
    environment.worker.report({
      type: 'told',
      participantId: 'ben',
      key: 'key',
      message: { type: 'chat', text: 'hello' },
    });
    room.sendChat('hi');

    expect(room.participants).toMatchObject([
      { name: 'Ben', handRaised: true, isRoleConfirmed: true },
    ]);
    expect(room.group?.safetyCode).toBe('1'.repeat(30));
    expect(chat).toEqual(['Ben: hello', ': hi']);
    expect(JSON.stringify(environment.socket.sent)).not.toMatch(/Ben|hello|"hi"/);
  });

  test('that puts us out leaves no code, no members and no way to write', async () => {
    const { room } = await connect();
    const lost = vi.fn();
    room.on('groupLost', lost);
    environment.worker.report(group('key'));

    environment.worker.report({ type: 'group-lost' });

    expect(lost).toHaveBeenCalledOnce();
    expect(room.group).toBeUndefined();
    expect(() => {
      room.sendChat('hi');
    }).toThrow(expect.objectContaining({ code: 'encryption-pending' }));
  });

  test('that puts us out and takes nobody back ends the stay', async () => {
    const { room } = await connect();
    environment.worker.report(group('key'));
    environment.worker.report({ type: 'group-lost' });

    await vi.advanceTimersByTimeAsync(20_000);

    expect(room.error).toMatchObject({ code: 'encryption-failed' });
  });

  test('has our pictures start anew for a newcomer, and for nobody else', async () => {
    await connect();
    const camera = environment.connection.transceivers[1]?.sender;
    const only = group('key');
    if (only.type !== 'epoch') throw new Error('an epoch');
    const ann = {
      participantId: ANN,
      leaf: 2,
      room: 'room',
      role: 'client' as const,
      key: 'other',
    };

    environment.worker.report(only);
    environment.worker.report({ ...only, epoch: 2n });
    await settle();
    expect(camera?.setParameters).not.toHaveBeenCalled();
    environment.worker.report({ ...only, epoch: 3n, members: [...only.members, ann] });
    environment.worker.report({ ...only, epoch: 4n });

    await settle();
    const encodingOptions = [{ keyFrame: true }, { keyFrame: true }];
    expect(camera?.setParameters.mock.calls).toEqual([
      [{ encodings: [{}, {}] }, { encodingOptions }],
    ]);
  });

  test('sends nothing of a picture that nobody sees', async () => {
    await connect();
    const camera = environment.connection.transceivers[1]?.sender;

    environment.socket.say({ type: 'watched', source: 'camera', watched: false });
    environment.socket.say({ type: 'watched', source: 'camera', watched: true });
    await settle();

    const sent = (active: boolean): object => ({ encodings: [{ active }, { active }] });
    expect(camera?.setParameters.mock.calls).toEqual([[sent(false)], [sent(true)]]);
  });

  test('sends no layer that nobody takes', async () => {
    await connect();
    const camera = environment.connection.transceivers[1]?.sender;

    environment.socket.say({ type: 'watched', source: 'camera', watched: true, layer: 0 });
    environment.socket.say({ type: 'watched', source: 'camera', watched: true });
    await settle();

    expect(camera?.setParameters.mock.calls).toEqual([
      [{ encodings: [{ active: true }, { active: false }] }],
      [{ encodings: [{ active: true }, { active: true }] }],
    ]);
  });

  test('is not spoken to before it is there', async () => {
    const { room } = await connect();

    expect(() => {
      room.sendChat('too soon');
    }).toThrow(expect.objectContaining({ code: 'encryption-pending' }));
  });

  test('is told no text that is longer than members take, and goes on', async () => {
    const { room } = await connect();
    environment.worker.report(group('key'));
    const chat = vi.fn();
    room.on('chatMessage', chat);
    const before = requests('tell').length;

    for (const text of ['x'.repeat(4001), '\u0001'.repeat(4000)]) {
      expect(() => {
        room.sendChat(text);
      }).toThrow(RangeError);
    }
    expect(() => {
      room.setName('x'.repeat(81));
    }).toThrow(RangeError);
    expect(requests('tell')).toHaveLength(before);
    expect(chat).not.toHaveBeenCalled();

    room.sendChat('話'.repeat(4000));
    expect(requests('tell')).toHaveLength(before + 1);
  });

  test('that does not take us in ends the stay', async () => {
    const { room } = await connect();

    await vi.advanceTimersByTimeAsync(20_000);

    expect(room.error).toMatchObject({ code: 'encryption-failed' });
  });

  test('hides a picture of somebody else at once, and says so if it stays', async () => {
    const { room, log, errors } = await connect();
    environment.worker.report(group('key'));
    environment.socket.say({
      type: 'slots',
      assignments: [{ slot: 0, participantId: 'ben' }],
    });
    const foreign = { type: 'undecryptable', slot: 0, kind: 'video', reason: 'foreign' } as const;
    expect(requests('occupy')).toEqual([
      { type: 'occupy', slot: 0, occupant: { participantId: 'ben', place: 'person' } },
    ]);
    await vi.advanceTimersByTimeAsync(1000);

    environment.worker.report(foreign);
    expect(room.participants[0]).toMatchObject({ isBlanked: true, videoTrack: undefined });
    expect(log.at(-1)).toBe('no video of ben');
    await vi.advanceTimersByTimeAsync(1000);
    environment.worker.report(foreign);
    expect(errors.map(({ code, cause }) => [code, cause])).toEqual([
      ['sender-mismatch', 'sender-mismatch: person of ben'],
    ]);

    await vi.advanceTimersByTimeAsync(2000);
    expect(room.participants[0]).toMatchObject({ isBlanked: false });
    expect(log.at(-1)).toBe('video of ben');
  });

  test('gets what the worker wants sent to the server', async () => {
    await connect();

    environment.worker.report({ type: 'group-send', message: { type: 'mls-resync' } });

    expect(sent('mls-resync')).toEqual([{ type: 'mls-resync' }]);
  });
});

test('a paused picture is told of with its reason, until it is back or its person left', async () => {
  const { room } = await connect();
  const told: unknown[] = [];
  room.on('pausedChanged', ({ id }, source, reason) => told.push([id, source, reason]));
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  const paused = { type: 'paused', participantId: 'ben', source: 'camera' } as const;

  environment.socket.say({ ...paused, reason: 'slow-connection' });
  environment.socket.say({ ...paused, reason: 'slow-connection' });
  expect(room.participants[0]?.videoPaused).toBe('slow-connection');
  environment.socket.say({ ...paused, type: 'unpaused' });
  environment.socket.say({ ...paused, participantId: 'nobody', reason: 'slow-connection' });

  expect(room.participants[0]?.videoPaused).toBeUndefined();
  expect(told).toEqual([
    ['ben', 'camera', 'slow-connection'],
    ['ben', 'camera', undefined],
  ]);
});

test('how a picture is shown is told with its slot', async () => {
  const { room } = await connect();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 1, participantId: 'ben' }] });
  const shows = (): unknown[] => environment.socket.sent.filter(({ type }) => type === 'show');

  room.participants[0]?.videoTrack?.show({ width: 0, height: 0 });
  await vi.advanceTimersByTimeAsync(600);
  room.participants[0]?.videoTrack?.setPinned(true);
  room.participants[0]?.videoTrack?.show({ width: 320, height: 160 });
  await vi.advanceTimersByTimeAsync(300);

  expect(shows()).toEqual([
    { type: 'show', people: [{ slot: 1, width: 0, height: 0 }], screens: [] },
    { type: 'show', people: [{ slot: 1, width: 320, height: 160, pinned: true }], screens: [] },
  ]);
});

test('who speaks is told, whoever leads first, as long as the microphone is on', async () => {
  const { room } = await connect();
  const me = room.localParticipant.id ?? '';
  const told: (string | undefined)[][] = [];
  room.on('speakersChanged', (speakers) => told.push(speakers.map(({ id }) => id)));

  environment.socket.say({ type: 'speakers', participantIds: ['ben', me, 'nobody'] });
  expect(room.participants[0]?.isSpeaking).toBe(true);
  environment.socket.say({
    type: 'participant-updated',
    participant: { ...BEN, microphone: false },
  });
  expect(room.participants[0]?.isSpeaking).toBe(false);
  environment.socket.say({ type: 'speakers', participantIds: [] });

  expect(told).toEqual([['ben', me], []]);
  expect(room.speakers).toEqual([]);
});

test('how good a connection is, is told of others and of our own', async () => {
  const { room } = await connect();
  const told: unknown[] = [];
  room.on('qualityChanged', ({ id, quality }) => told.push([id, quality]));
  const me = room.localParticipant.id ?? '';
  expect(room.localParticipant.quality).toEqual({ level: 'good' });

  environment.socket.say({
    type: 'quality',
    participantId: 'ben',
    level: 'poor',
    cause: 'uplink-loss',
  });
  environment.socket.say({ type: 'quality', participantId: me, level: 'good' });
  environment.socket.say({ type: 'quality', participantId: 'nobody', level: 'poor' });

  expect(told).toEqual([
    ['ben', { level: 'poor', cause: 'uplink-loss' }],
    [me, { level: 'good' }],
  ]);
});
