import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { english } from '../i18n/english';
import { Emitter } from '../events';
import type { MicrophoneLevel } from '../media/microphone-level';
import type { Room } from '../room/room';
import { Prompts } from './prompts';
import { watchTroubles } from './troubles';

class FakeLevel extends Emitter<{ level: [peak: number] }> {
  say(peak: number): void {
    this.emit('level', peak);
  }
}

class FakeDevices extends Emitter<{ chosen: [kind: 'microphone' | 'camera'] }> {
  choose(kind: 'microphone' | 'camera'): void {
    this.emit('chosen', kind);
  }
}

class FakeRoom extends Emitter<{
  localParticipantUpdated: [];
  deviceReplaced: [source: 'microphone', label: string];
}> {
  state = 'connected';
  readonly devices = new FakeDevices();
  readonly localParticipant = {
    microphoneEnabled: true,
    cameraEnabled: true,
    microphoneStalled: false,
    cameraStalled: false,
  };

  become(change: Partial<FakeRoom['localParticipant']>): void {
    Object.assign(this.localParticipant, change);
    this.emit('localParticipantUpdated');
  }

  replace(label: string): void {
    this.emit('deviceReplaced', 'microphone', label);
  }
}

let room: FakeRoom;
let level: FakeLevel;
let prompts: Prompts;
let page: EventTarget & { hidden: boolean };
let stop: () => void;
const showDevices = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  room = new FakeRoom();
  level = new FakeLevel();
  prompts = new Prompts();
  page = Object.assign(new EventTarget(), { hidden: false });
  stop = watchTroubles(room as unknown as Room, prompts, {
    messages: () => english,
    level: level as unknown as MicrophoneLevel,
    showDevices,
    page: page as unknown as Document,
    now: () => Date.now(),
  });
});

afterEach(() => {
  stop();
  vi.useRealTimers();
});

function hear(peak: number, seconds: number): void {
  for (let tenth = 0; tenth < seconds * 10; tenth++) {
    vi.advanceTimersByTime(100);
    level.say(peak);
  }
}

function told(): string[] {
  return prompts.all.map(({ text }) => text);
}

function hide(seconds: number): void {
  page.hidden = true;
  page.dispatchEvent(new Event('visibilitychange'));
  vi.advanceTimersByTime(seconds * 1000);
  page.hidden = false;
  page.dispatchEvent(new Event('visibilitychange'));
}

test('who is not heard is told so, can choose a microphone, and a voice ends it', () => {
  hear(0, 30);
  expect(told()).toEqual([english.cannotHearYou]);
  prompts.all[0]?.answers[0]?.act();
  expect(showDevices).toHaveBeenCalledOnce();

  hear(0.3, 1);
  expect(told()).toEqual([]);
});

test('who is muted, or not in the session yet, is not told of silence', () => {
  room.become({ microphoneEnabled: false });
  hear(0, 60);
  room.become({ microphoneEnabled: true });
  room.state = 'connecting';
  hear(0, 60);

  expect(told()).toEqual([]);
});

test('turning the microphone off takes the question back', () => {
  hear(0, 30);
  room.become({ microphoneEnabled: false });

  expect(told()).toEqual([]);
});

test('a camera that another program took is told of until it is back', () => {
  room.become({ cameraStalled: true });
  vi.advanceTimersByTime(1500);
  expect(told()).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(told()).toEqual([english.stalled.camera]);

  room.become({ cameraStalled: false });
  expect(told()).toEqual([]);
});

test('a device that stops for a moment is not worth a word', () => {
  room.become({ microphoneStalled: true });
  vi.advanceTimersByTime(500);
  room.become({ microphoneStalled: false });
  vi.advanceTimersByTime(5000);

  expect(told()).toEqual([]);
});

test.each([
  [
    'chosen',
    (): void => {
      room.devices.choose('microphone');
    },
  ],
  [
    'used as the other one is gone',
    (): void => {
      room.replace('Built-in');
    },
  ],
])(
  'another microphone that is %s may well be heard: what was said of the other is taken back',
  (_how, change) => {
    hear(0, 30);
    expect(told()).toEqual([english.cannotHearYou]);
    change();
    expect(told()).not.toContain(english.cannotHearYou);

    hear(0, 30);
    expect(told()).toContain(english.cannotHearYou);
  },
);

test('another camera takes nothing back', () => {
  hear(0, 30);
  room.devices.choose('camera');
  expect(told()).toEqual([english.cannotHearYou]);
});

test('an unplugged headset is told of with what is used now, for a while', () => {
  room.replace('Built-in');
  expect(told()).toEqual(['Your microphone was unplugged. Built-in is used now.']);

  vi.advanceTimersByTime(12_000);
  expect(told()).toEqual([]);
});

test('who comes back to the page hears what was on meanwhile', () => {
  hide(20);
  expect(told()).toEqual([
    'While this page was in the background, the others could hear and see you.',
  ]);
  vi.advanceTimersByTime(12_000);
  expect(told()).toEqual([]);

  room.become({ cameraEnabled: false });
  hide(20);
  expect(told()).toEqual(['While this page was in the background, the others could hear you.']);
});

test('a glance elsewhere, or with all turned off, is not worth a word', () => {
  hide(5);
  expect(told()).toEqual([]);
  room.become({ cameraEnabled: false, microphoneEnabled: false });
  hide(60);

  expect(told()).toEqual([]);
});

test('after the end nothing is told', () => {
  room.become({ cameraStalled: true });
  stop();
  hear(0, 60);
  hide(60);

  expect(told()).toEqual([]);
});
