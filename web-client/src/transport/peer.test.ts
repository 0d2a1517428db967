import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeWorker } from '../e2ee/fake-worker';
import { Transforms } from '../e2ee/transforms';
import { FakeTrack } from '../media/fake-track';
import { FakePeerConnection, stubGlobals } from '../room/fake-environment';
import { Peer } from './peer';

/** A connection that writes down in which order things are done to it. */
class WatchedConnection extends FakePeerConnection {
  readonly log: string[] = [];

  override addTransceiver(
    kind: 'audio' | 'video',
    init: RTCRtpTransceiverInit,
  ): ReturnType<FakePeerConnection['addTransceiver']> {
    const transceiver = super.addTransceiver(kind, init);
    const at = this.transceivers.length - 1;
    this.log.push(`section ${at}`);
    for (const name of ['sender', 'receiver'] as const) {
      Object.defineProperty(transceiver[name], 'transform', {
        set: () => this.log.push(`${name} ${at} transformed`),
      });
    }
    return transceiver;
  }

  override setLocalDescription(description?: RTCSessionDescriptionInit): Promise<void> {
    this.log.push('described');
    return super.setLocalDescription(description);
  }
}

let connection: WatchedConnection;
let worker: FakeWorker;
let peer: Peer;
const track = new FakeTrack('audio').asTrack();

beforeEach(() => {
  stubGlobals();
  connection = new WatchedConnection();
  worker = new FakeWorker();
  const transforms = new Transforms(worker, 'script-transform');
  peer = new Peer(connection as unknown as RTCPeerConnection, transforms);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

function sent(at: number): MediaStreamTrack | null | undefined {
  return connection.transceivers[at]?.sender.track;
}

/** Whatever waits for nothing that is yet to come has happened. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

test('each end has its transform in the task that made it, before any description', async () => {
  const senders = [0, 1, 2, 3].flatMap((at) => [`section ${at}`, `sender ${at} transformed`]);
  expect(connection.log).toEqual(senders);

  peer.addSlots({ people: 2, screens: 1 });

  const receivers = [4, 5, 6, 7, 8, 9].flatMap((at) => [
    `section ${at}`,
    `receiver ${at} transformed`,
  ]);
  expect(connection.log).toEqual([...senders, ...receivers]);

  await peer.offer([]);
  expect(connection.log).toEqual([...senders, ...receivers, 'described']);
});

test('what sends only gets nothing to send but by its output, and receives nothing', () => {
  peer.addSlots({ people: 1, screens: 1 });

  expect(connection.transceivers.map(({ direction }) => direction)).toEqual([
    ...Array<string>(4).fill('sendonly'),
    ...Array<string>(4).fill('recvonly'),
  ]);
  expect(connection.transceivers.every(({ sender }) => sender.track === null)).toBe(true);
});

test('a track goes out only when the worker has taken over this very sender', async () => {
  const sending = peer.camera.send(track);
  await settle();
  expect(sent(1)).toBeNull();

  for (const id of [1, 3, 4]) worker.report({ type: 'transform-ready', id });
  await settle();
  expect(sent(1)).toBeNull();

  worker.report({ type: 'transform-ready', id: 2 });
  await sending;
  expect(sent(1)).toBe(track);
});

test('what is to be sent no more goes at once, whatever the worker does', async () => {
  worker.report({ type: 'transform-ready', id: 1 });
  await peer.microphone.send(track);

  await peer.microphone.send(null);

  expect(sent(0)).toBeNull();
});

test('a track that waits for a worker that dies is never sent', async () => {
  const sending = peer.microphone.send(track);

  worker.crash('killed');

  await expect(sending).rejects.toMatchObject({ code: 'encryption-failed' });
  worker.report({ type: 'transform-ready', id: 1 });
  await settle();
  expect(sent(0)).toBeNull();
});

test('a peer that is closed sends nothing that comes too late', async () => {
  const sending = peer.screen.send(track);
  peer.close();
  worker.report({ type: 'transform-ready', id: 3 });
  await sending;

  expect(sent(2)).toBeNull();
});

test('a configuration for relays keeps frames without a transform back too', async () => {
  await peer.offer([{ urls: ['turn:example.org'], username: 'u', credential: 'c' }]);

  expect(connection.configuration).toMatchObject({ encodedInsertableStreams: true });
});

test('relays that are renewed are for the next ICE restart and not before', async () => {
  const relay = (username: string) => ({ urls: ['turn:a.example'], username, credential: 'c' });
  peer.addSlots({ people: 1, screens: 0 });
  await peer.offer([relay('first')]);
  await peer.answer('answer');

  peer.setIceServers([relay('second')]);
  await peer.setSoundDecodedByAll(['opus']);
  expect(connection.configuration?.iceServers).toEqual([relay('first')]);

  await peer.restart();
  expect(connection.configuration?.iceServers).toEqual([relay('second')]);
  expect(connection.restarts).toBe(1);
  connection.configuration = undefined;
  await peer.answer('answer');
  await peer.restart();
  expect(connection.configuration).toBeUndefined();
});

test('a wish for relays alone holds from the start and when relays are named', async () => {
  const transforms = new Transforms(worker, 'script-transform');
  const shy = new Peer(connection as unknown as RTCPeerConnection, transforms, 'vp8', 'relay');

  await shy.offer([{ urls: ['turn:example.org'], username: 'u', credential: 'c' }]);

  expect(connection.configuration?.iceTransportPolicy).toBe('relay');
});

test('it is told which way media goes, once', async () => {
  const paths: string[] = [];
  peer.on('pathChanged', (path) => paths.push(path));

  connection.relayProtocol = 'tls';
  connection.become('connected');
  await settle();
  connection.become('connected');
  await settle();

  expect(paths).toEqual(['relay-tls']);
  expect(peer.path).toBe('relay-tls');
  peer.close();
});
