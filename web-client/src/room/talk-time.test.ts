import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Emitter } from '../events';
import type { RoomEvents } from './events';
import { RemoteParticipant, type Participant } from './participant';
import type { Room } from './room';
import type { SessionRulesEvents } from './session-rules';
import { TalkTime } from './talk-time';

class FakeRules extends Emitter<Pick<SessionRulesEvents, 'permissionsChanged'>> {}

class FakeRoom extends Emitter<RoomEvents> {
  readonly rules = Object.assign(new FakeRules(), { permissions: new Set(['admit']) });
  state = 'connected';
  speakers: readonly Participant[] = [];

  speak(...speakers: Participant[]): void {
    this.speakers = speakers;
    this.emit('speakersChanged', speakers);
  }

  become(state: 'connected' | 'reconnecting'): void {
    this.state = state;
    this.emit('stateChanged', state);
  }
}

let now: number;
let room: FakeRoom;
let talkTime: TalkTime;
let stop: () => void;
const ann = person('a', 'ann');
const ben = person('b', 'ben');

beforeEach(() => {
  vi.useFakeTimers();
  now = 1000;
  room = new FakeRoom();
  talkTime = new TalkTime();
  stop = follow();
});

afterEach(() => {
  stop();
  vi.useRealTimers();
});

function person(id: string, sub?: string): RemoteParticipant {
  const devices = { microphone: true, camera: false, reconnecting: false };
  const one = new RemoteParticipant({ id, role: 'client', ...devices });
  const member = { participantId: id, leaf: 0, room: 'room', role: 'client', key: id } as const;
  one.handleMember({ ...member, ...(sub !== undefined && { sub }) }, '', false);
  return one;
}

function follow(): () => void {
  return talkTime.follow(room as unknown as Room, () => now);
}

function pass(seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    now += 1000;
    vi.advanceTimersByTime(1000);
  }
}

function shares(...people: Participant[]): number[] | undefined {
  return talkTime.shares(people)?.map(({ share }) => Math.round(share * 100) / 100);
}

test('who speaks longer has the greater share, and two at once have both', () => {
  room.speak(ann);
  pass(30);
  room.speak(ann, ben);
  pass(10);
  room.speak();
  pass(60);

  expect(shares(ann, ben)).toEqual([0.8, 0.2]);
});

test('who does not lead the session reckons nothing', () => {
  room.rules.permissions.clear();
  room.speak(ann);
  pass(60);

  expect(shares(ann, ben)).toBeUndefined();
});

test('a few words tell nothing', () => {
  room.speak(ann);
  pass(29);

  expect(shares(ann, ben)).toBeUndefined();
});

test('what nobody could hear during an interruption counts for nobody', () => {
  room.speak(ben);
  pass(30);
  room.speak(ann);
  pass(30);
  room.become('reconnecting');
  pass(600);
  room.become('connected');
  room.speak();

  expect(shares(ann, ben)).toEqual([0.5, 0.5]);
});

test('a computer that slept adds next to nothing', () => {
  room.speak(ben);
  pass(45);
  room.speak(ann);
  now += 3_600_000;
  room.speak();

  expect(shares(ann, ben)).toEqual([0.25, 0.75]);
});

test('who comes back is the same person by the clinic’s word, and no other is', () => {
  room.speak(ann);
  pass(30);
  stop();
  stop = follow();
  room.speak(ben);
  pass(30);

  expect(shares(person('c', 'ann'), ben)).toEqual([0.5, 0.5]);
  expect(shares(person('a'), ben)).toEqual([0, 1]);
});

test('those who are gone are left out, and the rest is reckoned without them', () => {
  const cat = person('c');
  room.speak(ann, ben, cat);
  pass(30);
  room.speak(cat);
  pass(600);

  expect(shares(ann, ben)).toEqual([0.5, 0.5]);
});

test('after the end nothing is reckoned, and another session begins with nothing', () => {
  room.speak(ann);
  pass(40);
  stop();
  pass(600);
  expect(shares(ann, ben)).toEqual([1, 0]);

  talkTime.clear();

  expect(shares(ann, ben)).toBeUndefined();
});
