import { beforeEach, expect, test, vi } from 'vitest';
import { Emitter } from '../events';
import { english } from '../i18n/english';
import type { Device } from '../media/device-choices';
import { FakeTrack } from '../media/fake-track';
import type { Room } from '../room/room';
import { watchHeadset } from './headset';
import { Prompts } from './prompts';

class FakeRoom extends Emitter<{ localParticipantUpdated: [] }> {
  devices = {
    list: () => Promise.resolve(devices),
    choose: vi.fn(),
  };
  localParticipant: { audioTrack: { mediaStreamTrack: MediaStreamTrack } | undefined } = {
    audioTrack: undefined,
  };

  async use(label: string | undefined): Promise<void> {
    const track =
      label === undefined ? undefined : Object.assign(new FakeTrack('audio'), { label });
    this.localParticipant.audioTrack =
      track === undefined ? undefined : { mediaStreamTrack: track.asTrack() };
    this.emit('localParticipantUpdated');
    await new Promise((resolve) => setTimeout(resolve));
  }
}

const BUILT_IN: Device = { kind: 'microphone', id: 'own', label: 'Built-in', group: 'own' };
const HEADSET = 'Buds (Bluetooth)';
let devices: readonly Device[];
let room: FakeRoom;
let prompts: Prompts;
let stop: () => void;
const showDevices = vi.fn();

beforeEach(() => {
  devices = [BUILT_IN];
  room = new FakeRoom();
  prompts = new Prompts();
  showDevices.mockClear();
  stop = watchHeadset(room as unknown as Room, prompts, { messages: () => english, showDevices });
});

function told(): string[] {
  return prompts.all.map(({ text }) => text);
}

test('who speaks into a Bluetooth headset is told, and takes the computer’s microphone by a press', async () => {
  await room.use(HEADSET);
  expect(told()).toEqual([english.telephoneProfile]);
  expect(prompts.all[0]?.answers.map(({ label }) => label)).toEqual(['Use “Built-in”', 'OK']);

  prompts.all[0]?.answers[0]?.act();
  expect(room.devices.choose).toHaveBeenCalledExactlyOnceWith('microphone', BUILT_IN);
});

test('where no microphone is known to be the computer’s own, the person chooses', async () => {
  devices = [];
  await room.use(HEADSET);

  expect(prompts.all[0]?.answers[0]?.label).toBe(english.chooseDevice);
  prompts.all[0]?.answers[0]?.act();
  expect(showDevices).toHaveBeenCalledOnce();
});

test('another microphone takes the words back', async () => {
  await room.use(HEADSET);
  await room.use('Built-in');

  expect(told()).toEqual([]);
});

test('of one headset it is told once, however often it is turned off and on', async () => {
  await room.use(HEADSET);
  await room.use(undefined);
  await room.use(HEADSET);
  expect(told()).toEqual([]);

  await room.use('Other (Bluetooth)');
  expect(told()).toEqual([english.telephoneProfile]);
});

test('a microphone that is gone before it was looked at is not told of', async () => {
  const looked = room.use(HEADSET);
  void room.use('Built-in');
  await looked;

  expect(told()).toEqual([]);
});

test('after the end nothing is told', async () => {
  stop();
  await room.use(HEADSET);

  expect(told()).toEqual([]);
});
