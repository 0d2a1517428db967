import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeTrack } from './fake-track';
import { MicrophoneLevel } from './microphone-level';

const resume = vi.fn(() => Promise.resolve());
const close = vi.fn(() => Promise.resolve());
const removeTrack = vi.fn();
let context: { state: string };
let level: MicrophoneLevel;

beforeEach(() => {
  resume.mockClear();
  close.mockClear();
  removeTrack.mockClear();
  vi.stubGlobal(
    'MediaStream',
    vi.fn(function () {
      return { removeTrack };
    }),
  );
  vi.stubGlobal('AnalyserNode', vi.fn());
  const source = { connect: vi.fn() };
  context = Object.assign(
    { state: 'running' },
    { resume, close, createMediaStreamSource: () => source },
  );
  level = new MicrophoneLevel(() => context as unknown as AudioContext);
});

afterEach(() => {
  level.close();
  vi.unstubAllGlobals();
});

test.each(['suspended', 'interrupted'])('what is %s goes on by a press', (state) => {
  level.follow(new FakeTrack('audio').asTrack());
  context.state = state;
  level.resume();

  expect(resume).toHaveBeenCalledTimes(1);
});

test.each(['running', 'closed'])('what is %s is left as it is', (state) => {
  level.follow(new FakeTrack('audio').asTrack());
  context.state = state;
  level.resume();

  expect(resume).not.toHaveBeenCalled();
});

test('what listened to one microphone ends with it, as nothing else lets go of it', () => {
  const [one, other] = [new FakeTrack('audio').asTrack(), new FakeTrack('audio').asTrack()];
  level.follow(one);
  expect(close).not.toHaveBeenCalled();

  level.follow(other);
  expect(close).toHaveBeenCalledTimes(1);
  expect(removeTrack.mock.calls).toEqual([[one]]);

  level.follow(undefined);
  expect(close).toHaveBeenCalledTimes(2);
  expect(removeTrack.mock.calls).toEqual([[one], [other]]);
});
