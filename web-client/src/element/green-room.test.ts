// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fakeStream } from '../media/fake-track';
import { FakeElement, stubMedia } from './fake-element';

let element: FakeElement;

beforeEach(() => {
  stubMedia();
  element = new FakeElement();
});

afterEach(() => {
  element.remove();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test('in the green room devices are tried, and nobody is told of it until the press', async () => {
  element.skipGreenRoom = false;
  element.token = 'the token';
  element.name = 'Ben';
  document.body.append(element);
  await element.rendered();
  const green = (): ShadowRoot => element.find('quiet-room-green-room')!.shadowRoot!;
  const { environment } = element.stays[0]!;
  expect(environment.getUserMedia).toHaveBeenCalledTimes(1);
  expect(environment.socketAddress).toBeUndefined();
  expect(green().querySelector<HTMLInputElement>('#name')?.value).toBe('Ben');

  green().querySelector<HTMLInputElement>('#name')!.value = ' Benjamin ';
  green().querySelector<HTMLElement>('.without-camera')!.click();
  await element.rendered();

  expect(environment.socketAddress).toBeDefined();
  expect(environment.camera.readyState).toBe('ended');
  expect(environment.getUserMedia).toHaveBeenCalledTimes(1);
  expect(element.room?.localParticipant.name).toBe('Benjamin');
  expect(element.find('quiet-room-green-room')).toBeNull();
});

test('a camera that opens late can be left off before anybody has seen it', async () => {
  element.skipGreenRoom = false;
  element.token = 'the token';
  const gives: (() => void)[] = [];
  element.prepare = ({ getUserMedia, microphone, camera }) => {
    getUserMedia.mockImplementation(
      () =>
        new Promise((resolve) => {
          gives.push(() => {
            resolve(fakeStream(microphone, camera));
          });
        }),
    );
  };
  document.body.append(element);
  await element.rendered();
  const green = (): ShadowRoot => element.find('quiet-room-green-room')!.shadowRoot!;
  const words = (): string | undefined => green().querySelector('.camera')?.textContent.trim();
  const isOffered = (): boolean => green().querySelector('.without-camera') !== null;
  expect([words(), isOffered()]).toEqual(['Stop camera', true]);

  green().querySelector<HTMLElement>('.camera')!.click();
  await element.rendered();
  expect([words(), isOffered()]).toEqual(['Start camera', false]);
  expect(green().querySelector('.state')?.textContent).toBe('Your camera is off.');
  green().querySelector<HTMLElement>('.join')!.click();
  gives[0]?.();
  await element.rendered();

  expect(element.room?.localParticipant).toMatchObject({
    microphoneEnabled: true,
    cameraEnabled: false,
  });
  expect(element.environment.camera.readyState).toBe('ended');
});

test('a device that cannot be opened is not shown as one that opens', async () => {
  element.skipGreenRoom = false;
  element.token = 'the token';
  element.prepare = ({ getUserMedia }) => {
    getUserMedia.mockRejectedValue(new DOMException('', 'NotFoundError'));
  };
  document.body.append(element);
  await element.rendered();

  const green = element.find('quiet-room-green-room')!.shadowRoot!;
  expect(green.querySelector('.camera')?.textContent.trim()).toBe('Start camera');
  expect(green.querySelector('.without-camera')).toBeNull();
});

test('a name that was typed ends with what it was typed for', async () => {
  element.skipGreenRoom = false;
  element.token = 'the token';
  document.body.append(element);
  await element.rendered();
  const field = (): HTMLInputElement | null | undefined =>
    element.find('quiet-room-green-room')?.shadowRoot?.querySelector<HTMLInputElement>('#name');
  const join = async (): Promise<string | undefined> => {
    const form = element.find('quiet-room-green-room')?.shadowRoot?.querySelector('form');
    form?.dispatchEvent(new Event('submit', { cancelable: true }));
    await element.rendered();
    return element.room?.localParticipant.name;
  };
  field()!.value = 'Ann';
  expect(await join()).toBe('Ann');
  element.environment.socket.drop();
  await element.rendered();
  element.find('.rejoin')?.click();
  await element.rendered();
  expect(element.room?.localParticipant.name).toBe('Ann');

  element.token = 'the next one’s';
  await element.rendered();
  expect(field()?.value).toBe('');
  field()!.value = 'Cid';
  element.token = 'one more';
  await element.rendered();
  expect(field()?.value).toBe('');
  element.name = 'Ben';
  await element.rendered();

  expect(field()?.value).toBe('Ben');
  expect(await join()).toBe('Ben');
});

/** The green room, before anything was pressed. */
async function prepare(): Promise<ShadowRoot> {
  element.skipGreenRoom = false;
  element.token = 'the token';
  document.body.append(element);
  await element.rendered();
  return element.find('quiet-room-green-room')!.shadowRoot!;
}

test('what the browser is going to ask is said before it asks', async () => {
  let said: string | null | undefined;
  const answers: ((status: { state: string }) => void)[] = [];
  const query = (): Promise<unknown> =>
    new Promise((resolve) => {
      answers.push(resolve);
    });
  element.prepare = ({ devices, getUserMedia, microphone, camera }) => {
    Object.assign(devices, { permissions: { query } });
    getUserMedia.mockImplementation(() => {
      said = element
        .find('quiet-room-green-room')
        ?.shadowRoot?.querySelector('.state')?.textContent;
      return Promise.resolve(fakeStream(microphone, camera));
    });
  };
  const green = await prepare();
  expect(element.environment.getUserMedia).not.toHaveBeenCalled();
  expect(green.querySelector('.camera')?.textContent.trim()).toBe('Stop camera');
  expect(green.querySelector('.without-camera')).not.toBeNull();

  for (const answer of answers.splice(0)) answer({ state: 'prompt' });
  await element.rendered();

  expect(said).toContain('Your browser asks whether this page may use your microphone and camera');
});

test('who comes in without a camera before it was asked for is not asked for it', async () => {
  element.prepare = ({ devices }) => {
    Object.assign(devices, { permissions: { query: () => new Promise(() => undefined) } });
  };
  const green = await prepare();
  green.querySelector<HTMLElement>('.without-camera')!.click();
  await element.rendered();

  expect(element.room?.localParticipant).toMatchObject({
    microphoneEnabled: true,
    cameraEnabled: false,
  });
  expect(asked()).toEqual([['audio']]);
});

test('what is turned off before it was asked for is not asked for, and the rest is', async () => {
  element.prepare = ({ devices }) => {
    Object.assign(devices, { permissions: { query: () => new Promise(() => undefined) } });
  };
  const green = await prepare();
  green.querySelector<HTMLElement>('.camera')!.click();
  await element.rendered();

  expect(asked()).toEqual([['audio']]);
  expect(green.querySelector('.camera')?.textContent.trim()).toBe('Start camera');
});

test('a browser that never says what it would ask is asked for the devices all the same', async () => {
  element.prepare = ({ devices }) => {
    Object.assign(devices, { permissions: { query: () => new Promise(() => undefined) } });
  };
  await prepare();
  expect(asked()).toEqual([]);

  await vi.waitFor(() => {
    expect(asked()).toEqual([['audio', 'video']]);
  }, PATIENCE);
});

test('a page that goes away from the green room has left nothing', async () => {
  element.skipGreenRoom = false;
  element.token = 'the token';
  document.body.append(element);
  await element.rendered();
  const left = vi.fn();
  element.addEventListener('left', left);
  const transition = (type: string): Event => Object.assign(new Event(type), { persisted: true });
  const [before] = element.stays;
  dispatchEvent(transition('pagehide'));
  await element.rendered();
  dispatchEvent(transition('pageshow'));
  await element.rendered();

  expect(left).not.toHaveBeenCalled();
  expect(element.stays).toHaveLength(2);
  expect(element.stays[1]).not.toBe(before);
});

/** The kinds of devices that the browser was asked for, each time. */
function asked(): string[][] {
  return element.environment.getUserMedia.mock.calls.map(([constraints]) =>
    Object.keys(constraints ?? {}),
  );
}

test('the network is tested with what one would join by, and joining ends the test', async () => {
  element.url = 'wss://media.example/v1/signal';
  const green = await prepare();
  const check = green.querySelector('quiet-room-connection-check')!.shadowRoot!;
  expect(element.networkTests).toEqual([]);

  check.querySelector<HTMLElement>('button')!.click();
  expect(element.networkTests).toMatchObject([
    { token: 'the token', url: 'wss://media.example/v1/signal' },
  ]);
  green.querySelector('form')?.dispatchEvent(new Event('submit', { cancelable: true }));
  await element.rendered();

  expect(element.environment.socketAddress).toBeDefined();
  expect(element.networkTests[0]?.signal?.aborted).toBe(true);
});

test('a headset that works as a telephone is told of before the session too', async () => {
  element.prepare = ({ microphone }) => {
    microphone.label = 'AirPods (Bluetooth)';
  };
  await prepare();
  await element.rendered();

  expect(element.find('.prompt p')?.textContent).toMatch(/^Your headset works as a telephone/);
});

/** How long a busy machine may take for what needs no time. */
const PATIENCE = { timeout: 10_000 };

test.each([
  ['granted', 'Starting your camera'],
  ['prompt', 'Your browser asks'],
  [undefined, 'Your browser asks'],
])('where the permission is %s and devices are slow to open, it says so', async (state, said) => {
  element.prepare = ({ devices, getUserMedia }) => {
    const query = (): Promise<{ state: string | undefined }> => Promise.resolve({ state });
    Object.assign(devices, { permissions: { query } });
    getUserMedia.mockReturnValue(new Promise(() => undefined));
  };
  const green = await prepare();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await element.rendered();

  expect(green.querySelector('.state')?.textContent).toContain(said);
});

test('a camera that is turned on later, and asked for, is not said to be starting for ever', async () => {
  element.prepare = ({ devices }) => {
    const query = (): Promise<unknown> => Promise.resolve({ state: 'prompt' });
    Object.assign(devices, { permissions: { query } });
  };
  const green = await prepare();
  const state = (): string | null | undefined => green.querySelector('.state')?.textContent;
  const press = async (): Promise<void> => {
    green.querySelector<HTMLElement>('.camera')!.click();
    await element.rendered();
  };
  await vi.waitFor(() => {
    expect(state()).toContain('Only you see this');
  }, PATIENCE);
  await press();
  expect(state()).toContain('Your camera is off');

  element.environment.getUserMedia.mockReturnValue(new Promise(() => undefined));
  await press();
  expect(state()).toContain('Starting your camera');
  await vi.waitFor(() => {
    expect(state()).toContain('Your browser asks');
  }, PATIENCE);
});
