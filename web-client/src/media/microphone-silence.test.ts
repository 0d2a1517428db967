import { beforeEach, expect, test } from 'vitest';
import { MicrophoneSilence } from './microphone-silence';

let silence: MicrophoneSilence;
let now: number;

beforeEach(() => {
  silence = new MicrophoneSilence();
  now = 0;
});

/** Gives `level` for as many seconds; returns after how many of them it was first held to be silent. */
function hear(level: number, seconds: number): number | undefined {
  for (let tenth = 1; tenth <= seconds * 10; tenth++) {
    now += 100;
    silence.update(level, now);
    if (silence.isSilent) return tenth / 10;
  }
  return undefined;
}

const SPEECH = 0.2;
const NOISE = 0.002;

test('a microphone that never gave a voice is told of after a while', () => {
  expect(hear(NOISE, 24)).toBeUndefined();
  expect(hear(NOISE, 4)).toBeDefined();
});

test('who only listens after having spoken is left in peace', () => {
  hear(SPEECH, 1);

  expect(hear(NOISE, 3600)).toBeUndefined();
});

test('a microphone switched off by its own switch gives nothing, and is told of', () => {
  hear(SPEECH, 1);
  hear(NOISE, 60);

  expect(hear(0, 59)).toBeUndefined();
  expect(hear(0, 2)).toBeDefined();
});

test('a microphone that gives nothing between words is told of once', () => {
  hear(SPEECH, 1);
  expect(hear(0, 61)).toBeDefined();
  hear(SPEECH, 1);

  expect(hear(0, 600)).toBeUndefined();
  silence.pause();
  hear(SPEECH, 1);
  expect(hear(0, 600)).toBeUndefined();
});

test('another microphone that gives nothing between words is told of, too', () => {
  hear(SPEECH, 1);
  hear(0, 61);
  silence.reset();
  hear(SPEECH, 1);

  expect(hear(0, 59)).toBeUndefined();
  expect(hear(0, 2)).toBeDefined();
});

test('a pause in the noise is no switch', () => {
  hear(SPEECH, 1);
  for (let time = 0; time < 20; time++) {
    expect(hear(0, 50)).toBeUndefined();
    hear(NOISE, 0.1);
  }
});

test('a voice ends it, and says so once', () => {
  hear(0, 30);
  expect(silence.isSilent).toBe(true);

  expect(silence.update(SPEECH, now + 100)).toBe(true);
  expect(silence.isSilent).toBe(false);
  expect(silence.update(SPEECH, now + 200)).toBe(false);
});

test('noise alone does not end it', () => {
  hear(0, 30);

  expect(silence.update(NOISE, now + 100)).toBe(false);
  expect(silence.isSilent).toBe(true);
});

test('another microphone begins anew', () => {
  hear(0, 30);
  silence.reset();

  expect(silence.isSilent).toBe(false);
  expect(hear(NOISE, 20)).toBeUndefined();
  hear(SPEECH, 1);
  silence.reset();
  expect(hear(NOISE, 24)).toBeUndefined();
  expect(hear(NOISE, 4)).toBeDefined();
});

test('who listens and never speaks is told once, however often it is turned on', () => {
  expect(hear(NOISE, 30)).toBeDefined();

  for (let time = 0; time < 5; time++) {
    silence.pause();
    expect(silence.isSilent).toBe(false);
    expect(hear(NOISE, 60)).toBeUndefined();
  }
});

test('who has spoken and turns it on again is left in peace while listening', () => {
  hear(SPEECH, 1);
  silence.pause();

  expect(hear(NOISE, 3600)).toBeUndefined();
});

test('turning it off and on counts no time before it', () => {
  hear(NOISE, 20);
  silence.pause();

  expect(hear(NOISE, 24)).toBeUndefined();
  expect(hear(NOISE, 4)).toBeDefined();
});
