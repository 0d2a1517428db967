import { beforeEach, expect, test } from 'vitest';
import { FakePeerConnection } from '../room/fake-environment';
import { Descriptions } from './descriptions';

const ANSWER =
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63\na=mid:0\na=rtpmap:111 opus/48000/2\na=rtpmap:63 red/48000/2\n';
const FORMAT = 'a=fmtp:111 minptime=10;usedtx=0;cbr=1\n';
const APPLIED = ANSWER.replace('a=rtpmap:63', `${FORMAT}a=rtpmap:63`);
const RED = APPLIED.replace('111 63', '63 111');

let connection: FakePeerConnection;
let descriptions: Descriptions;

beforeEach(() => {
  connection = new FakePeerConnection();
  descriptions = new Descriptions(connection as unknown as RTCPeerConnection, () => ['0']);
});

async function negotiate(): Promise<void> {
  await descriptions.offer();
  await descriptions.answer(ANSWER);
}

test('sound is plain until it is said that all decode RED', async () => {
  await negotiate();

  expect(connection.answers).toEqual([APPLIED]);
});

test('what was said before the answer comes into force with it', async () => {
  await descriptions.offer();
  await descriptions.sendSoundIn('red');
  expect(connection.answers).toEqual([]);

  await descriptions.answer(ANSWER);

  expect(connection.answers).toEqual([RED]);
});

test('the codec changes without the server, and only if it is another one', async () => {
  await negotiate();

  for (const codec of ['opus', 'red', 'red', 'opus'] as const)
    await descriptions.sendSoundIn(codec);

  expect(connection.answers).toEqual([APPLIED, RED, APPLIED]);
  expect(connection.offers).toBe(3);
});

test('of changes that come at once the last holds', async () => {
  await negotiate();

  await Promise.all([
    descriptions.sendSoundIn('red'),
    descriptions.sendSoundIn('opus'),
    descriptions.sendSoundIn('red'),
  ]);

  expect(connection.answers).toEqual([APPLIED, RED]);
});

test('while an offer waits for its answer nothing comes between', async () => {
  await negotiate();
  const change = descriptions.sendSoundIn('red');
  const offer = descriptions.offer();
  await change;
  await offer;
  await descriptions.sendSoundIn('opus');
  expect(connection.answers).toEqual([APPLIED, RED]);

  await descriptions.answer(ANSWER);

  expect(connection.answers).toEqual([APPLIED, RED, APPLIED]);
  expect(connection.signalingState).toBe('stable');
});

test('a server that asks for another bitrate gets a constant one', async () => {
  await descriptions.offer();

  await descriptions.answer(
    ANSWER.replace('a=rtpmap:63', 'a=fmtp:111 cbr=0;usedtx=1\na=rtpmap:63'),
  );
  await descriptions.sendSoundIn('red');

  expect(connection.answers).toEqual([APPLIED, RED]);
});

test('credentials change with the offer that tells of them, and not before', async () => {
  await negotiate();
  const restartsAt: string[] = [];
  connection.restartIce = () => restartsAt.push(connection.signalingState);
  const change = descriptions.sendSoundIn('red');
  const restart = descriptions.restart();
  await change;
  await restart;
  expect(restartsAt).toEqual(['stable']);
  await descriptions.sendSoundIn('opus');
  expect(connection.answers).toEqual([APPLIED, RED]);

  await descriptions.answer(ANSWER);
  expect(connection.answers).toEqual([APPLIED, RED, APPLIED]);
});

test('what a browser refuses leaves all as it was', async () => {
  await negotiate();
  connection.refuseAnswer = true;
  await descriptions.sendSoundIn('red');
  expect(connection.signalingState).toBe('stable');

  connection.refuseAnswer = false;
  await descriptions.sendSoundIn('red');

  expect(connection.answers).toEqual([APPLIED, RED]);
});

test('a failure is that of its own step only', async () => {
  connection.refuseAnswer = true;
  await descriptions.offer();
  await expect(descriptions.answer(ANSWER)).rejects.toThrow('does not fit');

  connection.refuseAnswer = false;
  await expect(descriptions.answer(ANSWER)).resolves.toBeUndefined();
});

test('what was in force holds when an offer is taken back, and its late answer does nothing', async () => {
  await negotiate();
  await descriptions.restart();
  await descriptions.withdraw();
  expect(connection.signalingState).toBe('stable');
  await descriptions.answer('late');
  await descriptions.sendSoundIn('red');
  expect(connection.answers).toEqual([APPLIED, RED]);

  await descriptions.restart();
  await descriptions.answer(ANSWER);

  expect(connection.restarts).toBe(2);
  expect(connection.answers).toEqual([APPLIED, RED, RED]);
});
