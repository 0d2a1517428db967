import { Room } from '../../../src/room/room';
import { Roster } from '../../../src/room/roster';
import { Peer } from '../../../src/transport/peer';

/** A page on which many take part at once, each with a small picture of its own; the first two speak in turns. */
export interface CrowdPage {
  /** Comes in with each token, one after the other; resolves when all send and are members. */
  join(tokens: readonly string[]): Promise<void>;
  /** How many members the smallest of their groups has. */
  members(): number;
}

declare global {
  interface Window {
    crowdPage: CrowdPage;
    /** Where the encryption worker's file is. */
    workerUrl: string;
  }
}

const rooms: Room[] = [];

window.crowdPage = {
  async join(tokens) {
    doLittle();
    for (const token of tokens) {
      const microphone = rooms.length < SPEAKERS;
      const stream = paint(rooms.length).captureStream(FRAMES_A_SECOND);
      if (microphone) stream.addTrack(speak(rooms.length * TURN));
      navigator.mediaDevices.getUserMedia = () => Promise.resolve(stream);
      const room = new Room({ workerUrl: window.workerUrl, microphone });
      rooms.push(room);
      room.setAudioOnly(true);
      await room.join(token, { name: `Person ${String(rooms.length)}` });
      await encrypted(room);
    }
  },

  members: () => Math.min(...rooms.map(({ group }) => group?.members.length ?? 0)),
};

/** What a crowd would cost by receiving, and by larger pictures that nobody takes, is not to be measured. */
function doLittle(): void {
  Peer.prototype.addSlots = () => ({ people: [], screens: [] });
  Roster.prototype.handleAssignments = () => undefined;
  RTCPeerConnection.prototype.getStats = () => Promise.resolve(new Map());
  const { addTransceiver } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.addTransceiver = function (kind, { sendEncodings, ...init } = {}) {
    const [least] = sendEncodings ?? [];
    const encodings = least === undefined ? [] : [{ maxBitrate: least.maxBitrate ?? MOST }];
    return addTransceiver.call(this, kind, { ...init, sendEncodings: encodings });
  };
}

function encrypted(room: Room): Promise<void> {
  return new Promise((resolve, reject) => {
    if (room.group !== undefined) resolve();
    room.on('groupChanged', () => {
      resolve();
    });
    room.on('error', reject);
  });
}

/** A picture that moves, in a colour of its own. */
function paint(index: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('the page gives no 2d canvas');
  let turn = 0;
  setInterval(() => {
    turn = (turn + 1) % WIDTH;
    context.fillStyle = `hsl(${String((index * 47) % 360)} 40% 45%)`;
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.fillStyle = '#e8d8c8';
    context.beginPath();
    const sway = 20 * Math.sin((2 * Math.PI * turn) / FRAMES_A_SECOND);
    context.arc(WIDTH / 2 + sway, HEIGHT / 2, HEIGHT / 4, 0, 2 * Math.PI);
    context.fill();
  }, 1_000 / FRAMES_A_SECOND);
  return canvas;
}

/** A tone for {@link TURN} seconds, then silence for as long, and so on; the first time after `delay` s. */
function speak(delay: number): MediaStreamTrack {
  const context = new AudioContext();
  const output = context.createMediaStreamDestination();
  const gain = new GainNode(context, { gain: 0 });
  for (let turn = 0; turn < TURNS; turn++) {
    const start = context.currentTime + delay + 2 * turn * TURN;
    gain.gain.setValueAtTime(0.5, start);
    gain.gain.setValueAtTime(0, start + TURN);
  }
  const tone = new OscillatorNode(context, { frequency: 440 });
  tone.connect(gain).connect(output);
  tone.start();
  const [track] = output.stream.getAudioTracks();
  if (track === undefined) throw new Error('the page gives no sound');
  return track;
}

/** In bit/s. */
const MOST = 150_000;
const SPEAKERS = 2;
/** In s. */
const TURN = 1.5;
/** Longer than anybody measures. */
const TURNS = 200;
/** The least layer of a camera's 720p. */
const WIDTH = 320;
const HEIGHT = 180;
const FRAMES_A_SECOND = 15;
