import { Devices } from '../../../src/media/devices';
import { Publication } from '../../../src/media/publish';
import { Room } from '../../../src/room/room';
import { Roster } from '../../../src/room/roster';
import type { Track } from '../../../src/room/track';
import { SignalingConnection, SUBPROTOCOL } from '../../../src/signaling/connection';
import { Peer } from '../../../src/transport/peer';
import type { Transforms } from '../../../src/e2ee/transforms';

/** A page without any user interface, which joins with encryption or without. */
export interface JoinPage {
  /** Milliseconds from the call to the first picture of somebody else's, and to each mark on the way. */
  join(token: string, isEncrypted: boolean): Promise<JoinMarks>;
  leave(): void;
  /** Plays whatever sound comes from now on. */
  listen(): void;
  /** How many are in the room, this page included, and with encryption in the group. */
  present(): number;
  /** How many others' pictures go on. */
  pictures(): number;
}

export interface JoinMarks {
  readonly firstFrame: number;
  readonly marks: Record<string, number>;
}

declare global {
  interface Window {
    joinPage: JoinPage;
    /** Where the encryption worker's file is. */
    workerUrl: string;
  }
}

let leave: () => void = () => undefined;
let present: () => number = () => 0;
let isListening = false;
const videos = new Map<Track, HTMLVideoElement>();
const audios = new Set<HTMLAudioElement>();

window.joinPage = {
  join(token, isEncrypted) {
    const start = performance.now();
    const marks: Record<string, number> = {};
    const mark = (name: string): void => {
      marks[name] ??= performance.now() - start;
    };
    return new Promise((resolve, reject) => {
      const show = (track: Track): void => {
        if (track.kind === 'audio') {
          if (isListening) play(track);
          return;
        }
        const video = document.createElement('video');
        videos.set(track, video);
        video.muted = true;
        video.playsInline = true;
        // Four beside one another are in sight; one that is not costs nothing, and shows nothing.
        video.style.width = '160px';
        document.body.append(video);
        track.attach(video);
        video.requestVideoFrameCallback(() => {
          resolve({ firstFrame: performance.now() - start, marks });
        });
        video.play().catch(() => undefined);
      };
      if (isEncrypted) joinEncrypted(token, mark, show, reject);
      else joinPlain(token, mark, show, reject);
    });
  },

  leave() {
    leave();
    for (const video of videos.values()) video.remove();
    videos.clear();
    audios.clear();
  },

  listen() {
    isListening = true;
  },

  present: () => present(),

  pictures: () =>
    [...videos.values()].filter(
      (video) => video.getVideoPlaybackQuality().totalVideoFrames > 0 && video.srcObject !== null,
    ).length,
};

function play(track: Track): void {
  const audio = new Audio();
  audios.add(audio);
  track.attach(audio);
  audio.play().catch(() => undefined);
}

type Mark = (name: string) => void;

function joinEncrypted(
  token: string,
  mark: Mark,
  show: (track: Track) => void,
  fail: (reason: unknown) => void,
): void {
  const room = new Room({ workerUrl: window.workerUrl });
  leave = () => {
    room.leave();
  };
  present = () => Math.min(room.participants.length + 1, room.group?.members.length ?? 0);
  room.on('trackSubscribed', show);
  room.on('groupChanged', () => {
    mark('encrypted');
  });
  room.join(token).then(() => {
    mark('connected');
  }, fail);
}

/**
 * As a room joins, but for the encryption: the same connection, devices and
 * sections, and no worker, key package or transform.
 */
function joinPlain(
  token: string,
  mark: Mark,
  show: (track: Track) => void,
  fail: (reason: unknown) => void,
): void {
  const address = new URL('/v1/signal', location.href);
  address.protocol = 'ws:';
  const signaling = new SignalingConnection(() => new WebSocket(address, SUBPROTOCOL));
  const policy = { bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' } as const;
  const connection = new RTCPeerConnection(policy);
  // What nothing encrypts is not held back either.
  connection.setConfiguration = (configuration?: RTCConfiguration) => {
    const iceServers = configuration?.iceServers ?? [];
    RTCPeerConnection.prototype.setConfiguration.call(connection, { ...policy, iceServers });
  };
  const none = { install: () => Promise.resolve() } as unknown as Transforms;
  const peer = new Peer(connection, none);
  const roster = new Roster();
  const devices = new Devices(navigator);
  const publications = (['microphone', 'camera'] as const).map((source) => {
    const publication = new Publication(source, () => devices.open(source));
    void publication.connect(peer[source]);
    return publication;
  });
  leave = () => {
    signaling.send({ type: 'leave' });
    signaling.close();
    peer.close();
    for (const publication of publications) publication.close();
  };
  present = () => roster.participants.length + 1;
  roster.on('trackSubscribed', show);
  peer.on('connectionState', (state) => {
    if (state === 'connected') mark('connected');
  });
  signaling.on('closed', fail);
  signaling.on('message', (message) => {
    switch (message.type) {
      case 'joined': {
        mark('signaled');
        signaling.send({ type: 'media', microphone: true, camera: true });
        roster.handleSlotTracks(
          peer.addSlots({ people: message.slots, screens: message.screenSlots }),
        );
        peer.offer(message.iceServers).then((offer) => {
          signaling.send(offer);
        }, fail);
        for (const participant of message.participants) roster.handleParticipant(participant);
        break;
      }
      case 'participant-joined':
        roster.handleParticipant(message.participant);
        break;
      case 'participant-left':
        roster.handleParticipantLeft(message.participantId);
        break;
      case 'slots':
        roster.handleAssignments(message.assignments, 'person');
        break;
      case 'answer':
        peer.answer(message.sdp).catch(fail);
        break;
      case 'error':
        fail(new Error(message.message));
        break;
      default:
        break;
    }
  });
  signaling.send({ type: 'join', token });
  const opening = devices.openTogether(['microphone', 'camera']);
  for (const publication of publications) {
    publication.setEnabled(true, opening[publication.source]).catch(fail);
  }
}
