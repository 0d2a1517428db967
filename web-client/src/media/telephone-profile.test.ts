import { expect, test } from 'vitest';
import type { Device } from './device-choices';
import { FakeTrack } from './fake-track';
import { findBuiltIn, hasTelephoneProfile, microphoneTraits } from './telephone-profile';

const LAPTOP: Device = {
  kind: 'microphone',
  id: 'laptop',
  label: 'MacBook Pro Microphone (Built-in)',
  group: 'laptop',
};
const HEADSET: Device = { kind: 'microphone', id: 'headset', label: 'WH-1000', group: 'headset' };
const EARPHONES: Device = { kind: 'speaker', id: 'ears', label: 'WH-1000', group: 'headset' };
const WEBCAM: Device = { kind: 'microphone', id: 'webcam', label: 'C270', group: 'webcam' };
const ALL = [LAPTOP, HEADSET, EARPHONES, WEBCAM];

function isTelephone(label: string, group = '', sampleRate?: number): boolean {
  return hasTelephoneProfile({ label, group, sampleRate }, ALL);
}

test.each([
  ['Headset (WH-1000XM4 Hands-Free AG Audio)', true],
  ['Auriculares con micrófono (WH-1000XM4 Hands-Free)', true],
  ['Handsfree - WH-1000XM4', true],
  ['WH-1000XM4: Headset Head Unit (HSP/HFP)', true],
  ['Default - AirPods Pro (Bluetooth)', true],
  ['MacBook Pro Microphone (Built-in)', false],
  ['Microphone Array (Realtek High Definition Audio)', false],
  ['Jabra Link 370 (0b0e:245d)', false],
  ['', false],
])('%s is known by its name, or not', (label, expected) => {
  expect(isTelephone(label)).toBe(expected);
});

test('what comes by Bluetooth and sounds well is left in peace', () => {
  expect(isTelephone('Buds (Bluetooth)', 'headset', 24_000)).toBe(true);
  expect(isTelephone('Buds (Bluetooth)', 'headset', 48_000)).toBe(false);
});

test('a low rate is a telephone’s only where a loudspeaker is in the same case', () => {
  expect(isTelephone('WH-1000', 'headset', 16_000)).toBe(true);
  expect(isTelephone('WH-1000', 'headset', 8_000)).toBe(true);
  expect(isTelephone('WH-1000', 'headset', 44_100)).toBe(false);
  expect(isTelephone('C270', 'webcam', 16_000)).toBe(false);
  expect(isTelephone('?', '', 16_000)).toBe(false);
});

test('the device’s own rate goes before what the browser makes of it', () => {
  const track = Object.assign(new FakeTrack('audio'), {
    label: 'WH-1000',
    groupId: 'headset',
    sampleRate: 16_000,
    getSettings: () => ({ groupId: 'headset', sampleRate: 48_000 }),
  });
  expect(microphoneTraits(track.asTrack())).toEqual({
    label: 'WH-1000',
    group: 'headset',
    sampleRate: 16_000,
  });

  Object.assign(track, { getCapabilities: undefined });
  expect(microphoneTraits(track.asTrack()).sampleRate).toBe(48_000);
});

test('the computer’s own microphone is found, and nothing else taken for it', () => {
  const traits = { label: 'WH-1000', group: 'headset', sampleRate: undefined };

  expect(findBuiltIn(traits, ALL)).toBe(LAPTOP);
  expect(findBuiltIn(traits, [HEADSET, EARPHONES, WEBCAM])).toBeUndefined();
  expect(
    findBuiltIn(traits, [{ ...HEADSET, label: 'Internal (WH-1000)' }, EARPHONES]),
  ).toBeUndefined();
});
