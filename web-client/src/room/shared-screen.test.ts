import { afterEach, beforeEach, expect, test, vi } from 'vitest';
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
const JOINED: Extract<ServerMessage, { type: 'joined' }> = {
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
let room: Room;
let log: string[];

beforeEach(() => {
  vi.useFakeTimers();
  stubGlobals();
  environment = new FakeEnvironment();
  room = new Room({}, environment);
  log = [];
  room.on('trackSubscribed', ({ source }, { id }) => log.push(`${source} of ${id}`));
  room.on('trackUnsubscribed', ({ source }, { id }) => log.push(`no ${source} of ${id}`));
});

afterEach(() => {
  room.leave();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

async function connect(joined: ServerMessage = JOINED): Promise<void> {
  const joining = room.join('the token');
  environment.socket.accept();
  environment.startTransforms();
  environment.socket.say(joined);
  await settle();
  environment.startTransforms();
  environment.socket.say({ type: 'answer', sdp: 'answer' });
  await settle();
  environment.connection.become('connected');
  await joining;
  environment.worker.report({
    type: 'epoch',
    epoch: 1n,
    safetyCode: '1'.repeat(30),
    members: [{ participantId: 'ben', leaf: 1, room: 'room', role: 'client', key: 'key' }],
  });
}

function tell(participantId: string | null): void {
  environment.socket.say({ type: 'screens', assignments: [{ slot: 0, participantId }] });
}

function reportForeign(slot: number): void {
  environment.worker.report({ type: 'undecryptable', slot, kind: 'video', reason: 'foreign' });
}

function sentTypes(): string[] {
  return environment.socket.sent.map(({ type }) => type);
}

test('a screen of somebody’s comes and goes without another description', async () => {
  await connect();
  const [audio, video] = environment.connection.transceivers.slice(8);

  tell('ben');

  expect(log).toEqual(['screen-audio of ben', 'screen of ben']);
  expect(room.participants[0]?.isSharingScreen).toBe(true);
  expect(room.participants[0]?.screenTrack?.mediaStreamTrack).toBe(video?.receiver.track);
  expect(room.participants[0]?.screenAudioTrack?.mediaStreamTrack).toBe(audio?.receiver.track);

  tell(null);

  expect(log.slice(2)).toEqual(['no screen-audio of ben', 'no screen of ben']);
  expect(room.participants[0]).toMatchObject({ isSharingScreen: false, screenTrack: undefined });
  expect(sentTypes().filter((type) => type === 'offer')).toHaveLength(1);
});

test('whoever leaves takes the screen along', async () => {
  await connect();
  tell('ben');

  environment.socket.say({ type: 'participant-left', participantId: 'ben' });

  expect(log.slice(2)).toEqual(['no screen-audio of ben', 'no screen of ben']);
});

test('the own screen is asked for, sent when granted, and stopped', async () => {
  await connect();
  const [, , screen, sound] = environment.connection.transceivers;
  const sharing = room.shareScreen();
  await settle();
  expect(sentTypes().at(-1)).toBe('share-screen');
  expect(room.localParticipant.isSharingScreen).toBe(false);

  tell(OWN_ID);
  await sharing;
  expect(screen?.sender.track).toBe(environment.screen);
  expect(sound?.sender.track).toBe(environment.screenAudio);
  expect(room.localParticipant.isSharingScreen).toBe(true);
  expect(room.localParticipant.screenTrack?.source).toBe('screen');

  await room.stopScreenShare();
  expect(sentTypes().at(-1)).toBe('stop-screen-share');
  expect(screen?.sender.track).toBeNull();
  expect(room.localParticipant.isSharingScreen).toBe(false);
});

test('while another is shared where one fits, the browser is not even asked', async () => {
  await connect();
  tell('ben');

  await expect(room.shareScreen()).rejects.toMatchObject({ code: 'screens-full' });
  expect(environment.getDisplayMedia).not.toHaveBeenCalled();
});

test('a refusal by the server is the share’s, and no error of the stay', async () => {
  await connect();
  const errors = vi.fn();
  room.on('error', errors);
  const sharing = room.shareScreen();
  await settle();

  environment.socket.say({ type: 'error', code: 'screens-full', message: '', fatal: false });

  await expect(sharing).rejects.toMatchObject({ code: 'screens-full' });
  expect(environment.screen.readyState).toBe('ended');
  expect(errors).not.toHaveBeenCalled();
});

test('a slot taken back by the server ends the own share', async () => {
  await connect();
  const sharing = room.shareScreen();
  await settle();
  tell(OWN_ID);
  await sharing;

  tell(null);

  expect(environment.screen.readyState).toBe('ended');
  expect(room.localParticipant.isSharingScreen).toBe(false);
});

test('the end of the stay is the end of the share', async () => {
  await connect();
  const sharing = room.shareScreen();
  await settle();
  tell(OWN_ID);
  await sharing;

  room.leave();

  expect(environment.screen.readyState).toBe('ended');
  expect(environment.screenAudio.readyState).toBe('ended');
});

test('a room of no screens offers no sections for them, and says that it has none', async () => {
  await connect({ ...JOINED, screenSlots: 0 });

  expect(room.canShareScreen).toBe(false);
  const offer = environment.socket.sent.find(({ type }) => type === 'offer');
  expect(offer).toMatchObject({
    publications: [{ source: 'microphone' }, { source: 'camera' }],
    screenSlots: [],
  });
  await expect(room.shareScreen()).rejects.toMatchObject({ code: 'screens-full' });
});

test('a screen slot that shows somebody’s camera is hidden, and the person stays', async () => {
  await connect();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  tell('ben');
  expect(environment.worker.requests).toContainEqual({
    type: 'occupy',
    slot: 2,
    occupant: { participantId: 'ben', place: 'screen' },
  });
  await vi.advanceTimersByTimeAsync(1000);

  reportForeign(2);
  expect(room.participants[0]).toMatchObject({ isScreenBlanked: true, isBlanked: false });
  expect(room.participants[0]?.screenTrack).toBeUndefined();
  expect(room.participants[0]?.videoTrack).toBeDefined();

  await vi.advanceTimersByTimeAsync(2000);
  expect(room.participants[0]).toMatchObject({ isScreenBlanked: false });
  expect(room.participants[0]?.screenTrack).toBeDefined();
});

test('a screen in somebody’s camera slot is hidden', async () => {
  await connect();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await vi.advanceTimersByTimeAsync(1000);

  reportForeign(0);

  expect(room.participants[0]).toMatchObject({ isBlanked: true, videoTrack: undefined });
});
