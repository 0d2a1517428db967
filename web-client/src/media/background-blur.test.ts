import { expect, test, vi } from 'vitest';
import { backgroundBlurOf, setBackgroundBlur } from './background-blur';
import { DeviceChoices } from './device-choices';
import { Devices } from './devices';
import { FakeTrack, fakeStream } from './fake-track';

/** A camera that blurs as `choices` allow. */
class BlurringTrack extends FakeTrack {
  readonly applied: MediaTrackConstraints[] = [];

  constructor(
    readonly choices: boolean[],
    public isBlurred: boolean | undefined = choices[0],
  ) {
    super('video');
  }

  override getCapabilities(): MediaTrackCapabilities {
    return { backgroundBlur: this.choices };
  }

  getConstraints(): MediaTrackConstraints {
    return { width: { ideal: 1280 } };
  }

  override getSettings(): MediaTrackSettings {
    return { ...(this.isBlurred !== undefined && { backgroundBlur: this.isBlurred }) };
  }

  applyConstraints(constraints: MediaTrackConstraints): Promise<void> {
    this.applied.push(constraints);
    this.isBlurred = constraints.backgroundBlur === true;
    return Promise.resolve();
  }
}

test.each([
  ['that can', new BlurringTrack([false, true]), { isOn: false, canChange: true }],
  ['that does', new BlurringTrack([false, true], true), { isOn: true, canChange: true }],
  ['whose computer always does', new BlurringTrack([true]), { isOn: true, canChange: false }],
  ['that does not say', new BlurringTrack([true], undefined), { isOn: true, canChange: false }],
  ['that cannot', new BlurringTrack([false]), { isOn: false, canChange: false }],
  ['that knows of none', new BlurringTrack([]), undefined],
  ['whose browser tells nothing', new FakeTrack('video'), undefined],
])('of a camera %s it is known', (_, track, known) => {
  expect(backgroundBlurOf(track.asTrack())).toEqual(known);
});

test('it is turned on beside all else that is wanted, and only where that changes anything', async () => {
  const can = new BlurringTrack([false, true]);
  const cannot = new BlurringTrack([false]);

  for (const track of [can, can, cannot]) await setBackgroundBlur(track.asTrack(), true);

  expect(can.applied).toEqual([{ width: { ideal: 1280 }, backgroundBlur: true }]);
  expect(cannot.applied).toEqual([]);
});

function visit(stored: Map<string, string>): DeviceChoices {
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
  };
  return new DeviceChoices({}, storage);
}

test('whoever wanted it has it before anybody sees the next visit’s picture', async () => {
  const stored = new Map<string, string>();
  expect(visit(stored).blursBackground).toBe(false);
  visit(stored).setBackgroundBlur(true);
  const track = new BlurringTrack([false, true]);
  const getUserMedia = (): Promise<MediaStream> => Promise.resolve(fakeStream(track));

  await new Devices({ mediaDevices: { getUserMedia } }, visit(stored)).open('camera');

  expect(track.isBlurred).toBe(true);
});

test('a camera that refuses is used as it is', async () => {
  const stored = new Map([['quietroom.background', 'blurred']]);
  const track = new BlurringTrack([false, true]);
  track.applyConstraints = vi.fn(() => Promise.reject(new DOMException('', 'AbortError')));
  const getUserMedia = (): Promise<MediaStream> => Promise.resolve(fakeStream(track));

  const devices = new Devices({ mediaDevices: { getUserMedia } }, visit(stored));

  expect(await devices.open('camera')).toBe(track);
});
