import { expect, test } from 'vitest';
import { parseServerMessage } from './parse';

const JOINED = {
  type: 'joined',
  participantId: 'a1',
  role: 'host',
  participants: [{ id: 'b2', role: 'client', microphone: true, camera: false, reconnecting: true }],
  slots: 7,
  screenSlots: 2,
  iceServers: [{ urls: ['turn:example.org'], username: 'u', credential: 'c' }],
  permissions: ['receive', 'chat'],
  locked: true,
};

test.each([
  JOINED,
  { ...JOINED, resume: { secret: 's', seconds: 30 } },
  { type: 'resumed', received: 3, secret: 's' },
  { type: 'ack', received: 3 },
  { type: 'ice-servers', iceServers: JOINED.iceServers },
  { type: 'network-test', iceServers: JOINED.iceServers },
  { type: 'challenge', nonce: 'n' },
  { type: 'consent-required', version: '1', text: 'I agree.', hash: 'h' },
  { type: 'waiting', reason: 'host-absent', doorKeys: ['k'] },
  { type: 'waiting-list', people: [{ id: 'b2', role: 'client', sealedName: 's' }] },
  { type: 'permissions', permissions: ['mute'] },
  { type: 'hosting', participantId: null },
  { type: 'locked', locked: true, by: 'a1' },
  { type: 'muted', source: 'microphone', by: 'a1' },
  { type: 'asked', source: 'camera', by: 'a1' },
  { type: 'share-stopped', by: 'a1' },
  { type: 'session-ending', seconds: 60 },
  { type: 'inactivity-warning', seconds: 60 },
  { type: 'answer', sdp: 'v=0' },
  { type: 'participant-joined', participant: JOINED.participants[0] },
  { type: 'participant-updated', participant: JOINED.participants[0] },
  { type: 'participant-left', participantId: 'b2' },
  {
    type: 'slots',
    assignments: [
      { slot: 0, participantId: 'b2' },
      { slot: 1, participantId: null },
    ],
  },
  { type: 'screens', assignments: [{ slot: 1, participantId: 'b2' }] },
  {
    type: 'participant-updated',
    participant: { ...JOINED.participants[0], camera: true, cameraPaused: true },
  },
  { type: 'participant-updated', participant: { ...JOINED.participants[0], consented: '7' } },
  { type: 'audio-only', audioOnly: true },
  { type: 'quality', participantId: 'b2', level: 'weak', cause: 'slow-uplink' },
  { type: 'audio-codecs', codecs: ['opus', 'red'] },
  { type: 'video-codecs', codecs: ['vp8', 'av1'] },
  { type: 'error', code: 'room-full', message: 'full', fatal: true },
])('$type is read as it is', (message) => {
  expect(parseServerMessage(JSON.stringify(message))).toEqual(message);
});

test('fields of a newer version are left out', () => {
  const message = { type: 'answer', sdp: 'v=0', colour: 'green' };

  expect(parseServerMessage(JSON.stringify(message))).toEqual({ type: 'answer', sdp: 'v=0' });
});

test('a server of before screens could be shared has no slots for them', () => {
  const { screenSlots, ...older } = JOINED;

  expect(parseServerMessage(JSON.stringify(older))).toEqual({ ...older, screenSlots: 0 });
  expect(screenSlots).toBe(2);
});

test('a message of a newer version is passed over', () => {
  expect(parseServerMessage('{"type":"weather"}')).toBeUndefined();
});

test.each(['audio-codecs', 'video-codecs'])(
  'codecs of a newer version are left out of %s',
  (type) => {
    const text = JSON.stringify({ type, codecs: ['lace', 7, 'opus', 'vp8'] });

    expect(parseServerMessage(text)).toMatchObject({
      codecs: [expect.stringMatching(/^(opus|vp8)$/)],
    });
  },
);

test('an error code of a newer version is still an error', () => {
  const text = JSON.stringify({ type: 'error', code: 'on-fire', message: '', fatal: true });

  expect(parseServerMessage(text)).toMatchObject({ code: 'internal', fatal: true });
});

test.each([
  ['bytes', new ArrayBuffer(2), 'not text'],
  ['no JSON', '{', 'not JSON'],
  ['a list', '[]', 'message is not an object'],
  ['no type', '{}', 'type is not text'],
  ['a number for SDP', '{"type":"answer","sdp":1}', 'sdp is not text'],
  ['half a participant', '{"type":"participant-joined","participant":{"id":"x"}}', 'role'],
  ['an unknown role', JSON.stringify({ ...JOINED, role: 'toString' }), 'role is unknown'],
  ['negative slots', JSON.stringify({ ...JOINED, slots: -1 }), 'slots'],
  ['slots that would hang a browser', JSON.stringify({ ...JOINED, slots: 60_000 }), 'slots'],
  ['half a slot', '{"type":"slots","assignments":[{"slot":0.5,"participantId":null}]}', 'slot'],
  ['a forgotten occupant', '{"type":"slots","assignments":[{"slot":0}]}', 'participantId'],
])('%s is refused with the reason', (_, data, reason) => {
  expect(() => parseServerMessage(data)).toThrow(reason);
});
