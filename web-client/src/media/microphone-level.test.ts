import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeTrack } from './fake-track';
import { MicrophoneLevel } from './microphone-level';

const resume = vi.fn(() => Promise.resolve());
let context: { state: string };
let level: MicrophoneLevel;

beforeEach(() => {
  resume.mockClear();
  vi.stubGlobal('MediaStream', vi.fn());
  vi.stubGlobal('AnalyserNode', vi.fn());
  const source = { connect: vi.fn(), disconnect: vi.fn() };
  context = Object.assign(
    { state: 'running' },
    { resume, close: () => Promise.resolve(), createMediaStreamSource: () => source },
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
