// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OWN_ID, type FakeEnvironment } from '../room/fake-environment';
import type { GroupMember } from '../e2ee/messages';
import { fakeStream } from '../media/fake-track';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import { FakeElement, stubMedia } from './fake-element';
import { SmallWindow } from './small-window';

const BEN = {
  id: 'ben',
  role: 'client',
  microphone: false,
  camera: true,
  reconnecting: false,
} as const;
const JOINED: ServerMessage = {
  type: 'joined',
  participantId: OWN_ID,
  role: 'host',
  participants: [BEN],
  slots: 1,
  screenSlots: 1,
  iceServers: [],
  permissions: ['microphone', 'camera', 'screen', 'receive', 'chat'],
  locked: false,
};

const BENS: GroupMember = {
  participantId: 'ben',
  leaf: 1,
  room: 'room',
  role: 'client',
  key: 'key of ben',
};

let element: FakeElement;
let play: ReturnType<typeof vi.fn<() => Promise<void>>>;

beforeEach(() => {
  play = vi.fn(() => Promise.resolve());
  stubMedia(play);
  element = new FakeElement();
});

afterEach(() => {
  element.remove();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function enter(): Promise<FakeEnvironment> {
  await element.begin();
  const { environment } = element;
  environment.socket.say(JOINED);
  await element.rendered();
  environment.socket.say({ type: 'answer', sdp: 'answer' });
  await element.rendered();
  environment.connection.become('connected');
  await element.rendered();
  return environment;
}

function begin(environment: FakeEnvironment, ...others: readonly GroupMember[]): void {
  const me = { ...BENS, participantId: OWN_ID, leaf: 0, role: 'host', key: 'mine' } as const;
  const safetyCode = '1'.repeat(30);
  environment.worker.report({ type: 'epoch', epoch: 1n, safetyCode, members: [me, ...others] });
}

function notices(): string[] {
  return [...element.renderRoot.querySelectorAll('.notice')].map(({ textContent }) =>
    textContent.replace(/\s+/g, ' ').trim(),
  );
}

function find(selector: string): HTMLElement | null {
  return element.renderRoot.querySelector<HTMLElement>(selector);
}

function text(selector: string): string {
  return find(selector)?.textContent.replace(/\s+/g, ' ').trim() ?? '';
}

function labels(): string[] {
  return [...element.renderRoot.querySelectorAll('quiet-room-tile')].map(
    (tile) => (tile as unknown as { label: string }).label,
  );
}

test('without a token nothing is joined', async () => {
  document.body.append(element);
  await element.rendered();

  expect(element.stays).toEqual([]);
});

test('it joins with token, url and worker url', async () => {
  element.token = 'the token';
  element.url = 'wss://media.example/v1/signal';
  element.workerUrl = '/worker.js';
  document.body.append(element);
  await element.rendered();

  expect(element.stays).toHaveLength(1);
  expect(element.stays[0]?.options).toMatchObject({
    url: 'wss://media.example/v1/signal',
    workerUrl: '/worker.js',
  });
  expect(text('.status')).toBe('Connecting…');
});

test('everyone has a tile, the own one last', async () => {
  await enter();

  expect(labels()).toEqual(['Participant', 'You']);
  expect(text('.status')).toBe('One other person is here.');
});

test('who stays keeps the tile when somebody before leaves', async () => {
  await element.begin();
  const { socket } = element.environment;
  const ann = { ...BEN, id: 'ann' };
  socket.say({ ...JOINED, participants: [ann, BEN] });
  await element.rendered();
  const before = find('[data-participant=ben]');

  socket.say({ type: 'participant-left', participantId: 'ann' });
  await element.rendered();

  expect(find('[data-participant=ann]')).toBeNull();
  expect(before).not.toBeNull();
  expect(find('[data-participant=ben]')).toBe(before);
});

test('a slot that empties blanks the tile at once', async () => {
  const environment = await enter();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await element.rendered();
  const video = find('[data-participant=ben]')?.shadowRoot?.querySelector('video');
  expect(video?.srcObject).not.toBeNull();

  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: null }] });

  expect(video?.srcObject).toBeNull();
});

test('a camera that is off shows the figure, not the last picture', async () => {
  const environment = await enter();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await element.rendered();
  const tile = find('[data-participant=ben]')!;
  Object.assign(tile, { hasPicture: true });

  environment.socket.say({ type: 'participant-updated', participant: { ...BEN, camera: false } });
  await element.rendered();

  expect(tile).toHaveProperty('hasPicture', false);
  expect(tile.shadowRoot?.querySelector('video')?.srcObject).toBeNull();
});

test('a voice plays by an element of its own and stops with its participant', async () => {
  const environment = await enter();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await element.rendered();
  expect(element.renderRoot.querySelectorAll('audio')).toHaveLength(1);

  environment.socket.say({ type: 'participant-left', participantId: 'ben' });
  await element.rendered();

  expect(element.renderRoot.querySelectorAll('audio')).toHaveLength(0);
  expect(labels()).toEqual(['You']);
});

test('the small window cannot be opened without a picture to show in it', async () => {
  vi.spyOn(SmallWindow, 'isSupported', 'get').mockReturnValue(true);
  const environment = await enter();
  find('.more-toggle')?.click();
  await element.rendered();
  const button = find('.small-window') as HTMLButtonElement;
  expect(button.disabled).toBe(true);

  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await element.rendered();
  expect(button.disabled).toBe(false);
});

test('refused playback shows one big button that plays', async () => {
  const environment = await enter();
  play.mockRejectedValue(new DOMException('', 'NotAllowedError'));
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await element.rendered();
  expect(text('.hear')).toBe('Tap to hear the others');
  expect(text('.announcer p:last-child')).toBe('Tap to hear the others');

  play.mockReset().mockResolvedValue();
  find('.hear')?.click();
  await element.rendered();

  expect(play).toHaveBeenCalled();
  expect(find('.hear')).toBeNull();
});

test('the buttons say what a press does', async () => {
  await enter();
  expect(text('.microphone')).toBe('Mute');
  expect(text('.camera')).toBe('Stop camera');

  find('.microphone')?.click();
  find('.camera')?.click();
  await element.rendered();

  expect(text('.microphone')).toBe('Unmute');
  expect(text('.camera')).toBe('Start camera');
  expect(element.room?.localParticipant.microphoneEnabled).toBe(false);
});

test('each device that cannot be opened is told with its mend', async () => {
  element.prepare = ({ getUserMedia }) => {
    getUserMedia.mockRejectedValue(new DOMException('', 'NotFoundError'));
  };
  await enter();

  const notices = [...element.renderRoot.querySelectorAll('.notice')].map(
    ({ textContent }) => textContent,
  );
  expect(notices).toEqual([
    'No microphone was found. Plug one in, then turn the microphone on.',
    'No camera was found. Plug one in, then turn the camera on.',
  ]);
  expect(text('.status')).toBe('One other person is here.');
});

test('leaving shows so, and joining again is another stay', async () => {
  await enter();

  find('button.leave')?.click();
  await element.rendered();
  expect(text('.ended h2')).toBe('You have left');

  find('.rejoin')?.click();
  await element.rendered();
  expect(element.stays).toHaveLength(2);
  expect(text('.status')).toBe('Connecting…');
});

test('an end by an error says why and what helps', async () => {
  const environment = await enter();

  environment.socket.say({ type: 'error', code: 'token-expired', message: '', fatal: true });
  await element.rendered();

  expect(text('.ended')).toContain('This link has expired. Ask for a new link.');
});

test('a join that fails is not called an interruption', async () => {
  element.token = 'the token';
  document.body.append(element);
  await element.rendered();

  element.stays[0]?.environment.socket.drop();
  await element.rendered();

  expect(text('.ended h2')).toBe('You could not join');
  expect(text('.ended')).toContain('The server cannot be reached.');
});

test('taken out of the page, it leaves', async () => {
  const environment = await enter();

  element.remove();

  expect(environment.socket.sent.at(-1)).toEqual({ type: 'leave' });
  expect(environment.camera.readyState).toBe('ended');
});

test('another token is another stay', async () => {
  const environment = await enter();

  element.token = 'another';
  await element.rendered();

  expect(environment.socket.sent.at(-1)).toEqual({ type: 'leave' });
  expect(element.stays).toHaveLength(2);
});

test('a name and a raised hand are on the tile', async () => {
  const environment = await enter();
  begin(environment, BENS);
  environment.worker.report({
    type: 'told',
    participantId: 'ben',
    key: 'key of ben',
    message: { type: 'profile', name: 'Ben', handRaised: true },
  });
  await element.rendered();

  const tile = find('quiet-room-tile[data-participant="ben"]')!.shadowRoot!;
  expect(tile.querySelector('.name')?.textContent).toBe('Ben');
  expect(tile.querySelector('.hand')).not.toBeNull();
});

test('a paused picture says why, and hides the last frame until another one comes', async () => {
  const environment = await enter();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await element.rendered();
  const tile = find('[data-participant=ben]')!;
  Object.assign(tile, { hasPicture: true });
  const paused = { type: 'paused', participantId: 'ben', source: 'camera' } as const;

  environment.socket.say({ ...paused, reason: 'slow-connection' });
  await element.rendered();

  expect(tile).toHaveProperty('hasPicture', false);
  expect(tile.shadowRoot?.querySelector('.paused')?.textContent).toBe(
    'Video paused: your connection is slow',
  );
  expect(tile.shadowRoot?.querySelector('figure')?.getAttribute('aria-label')).toContain(
    'Video paused',
  );
  environment.socket.say({ ...paused, type: 'unpaused' });
  await element.rendered();
  expect(tile.shadowRoot?.querySelector('.paused')).toBeNull();
});

test('which way media goes is said where it is not the straight one', async () => {
  const environment = await enter();
  expect(find('.path')).toBeNull();

  environment.connection.relayProtocol = 'tls';
  environment.connection.become('connected');
  await new Promise((resolve) => setTimeout(resolve));
  await element.rendered();

  expect(text('.path')).toBe('Connected through your network’s web port');
});

test('that no picture comes at all is said once, and on no tile', async () => {
  const environment = await enter();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  const pause = { participantId: 'ben', source: 'camera', reason: 'slow-connection' } as const;
  environment.socket.say({ type: 'paused', ...pause });
  environment.socket.say({ type: 'audio-only', audioOnly: true });
  await element.rendered();

  const ben = find('[data-participant=ben]')?.shadowRoot;
  expect(notices()).toEqual(['Audio only: your connection is slow. Video comes back by itself.']);
  expect(ben?.querySelector('.paused')).toBeNull();
  environment.socket.say({ type: 'audio-only', audioOnly: false });
  await element.rendered();
  expect(notices()).toEqual([]);
  expect(ben?.querySelector('.paused')).not.toBeNull();
});

test('who chooses to see no pictures is sent none, until the button is pressed again', async () => {
  const environment = await enter();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await element.rendered();
  const button = async (): Promise<HTMLElement> => {
    find('.more-toggle')!.click();
    await element.rendered();
    return find('.more .audio-only-toggle')!;
  };

  (await button()).click();
  await element.rendered();
  expect(element.room?.audioOnly).toBe('chosen');
  expect(find('.audio-only')?.textContent).toContain('Audio only');
  const again = await button();
  expect(again.textContent).toContain('Show video');
  again.click();
  await element.rendered();
  expect(element.room?.audioOnly).toBeUndefined();
  expect(find('p.audio-only') === null).toBe(true);
});

test('a camera that its owner cannot send is told from one that does not reach us', async () => {
  const environment = await enter();
  const paused = { ...BEN, cameraPaused: true };
  environment.socket.say({ type: 'participant-updated', participant: paused });
  await element.rendered();

  const words = find('[data-participant=ben]')?.shadowRoot?.querySelector('.paused');
  expect(words?.textContent).toBe('Video paused: their connection is slow');
});

test('somebody is pinned by a press, large, and no longer by another or by leaving', async () => {
  const environment = await enter();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await element.rendered();
  const pin = (): HTMLButtonElement | null | undefined =>
    find('[data-participant=ben]')?.shadowRoot?.querySelector<HTMLButtonElement>('.pin');
  const isPinned = (): boolean | undefined =>
    element.room?.participants[0]?.videoTrack?.view.isPinned;

  pin()?.click();
  await element.rendered();
  expect(pin()?.getAttribute('aria-pressed')).toBe('true');
  expect(pin()?.getAttribute('aria-label')).toBe('Show Participant large');
  expect(isPinned()).toBe(true);
  expect(find('li.pinned') === null).toBe(false);
  expect(find('[data-local]')?.shadowRoot?.querySelector('.pin') === null).toBe(true);
  pin()?.click();
  await element.rendered();
  expect(pin()?.getAttribute('aria-pressed')).toBe('false');
  expect(isPinned()).toBe(false);

  pin()?.click();
  environment.socket.say({ type: 'participant-left', participantId: 'ben' });
  environment.socket.say({ type: 'participant-joined', participant: BEN });
  await element.rendered();
  expect(find('li.pinned') === null).toBe(true);
});

test('a role that only its owner claims is not shown, and is told of', async () => {
  const environment = await enter();
  begin(environment, { ...BENS, role: 'host' });
  find('.people-toggle')?.click();
  await element.rendered();

  expect(labels()).toEqual(['Participant', 'You']);
  const roles = find('quiet-room-people')?.shadowRoot?.querySelectorAll('.role') ?? [];
  expect([...roles].map(({ textContent }) => textContent)).toEqual([
    'Therapist',
    'Participant (not confirmed)',
  ]);
  expect(notices()).toEqual([expect.stringMatching(/^Participant says to have another role/)]);

  begin(environment, BENS);
  await element.rendered();
  expect(notices()).toEqual([]);
});

test('a member whom the server does not show is counted and told of', async () => {
  const environment = await enter();
  vi.useFakeTimers();
  begin(environment, BENS, { ...BENS, participantId: 'cid', leaf: 2, key: 'other' });
  vi.advanceTimersByTime(3000);
  vi.useRealTimers();
  await element.rendered();

  expect(text('.status')).toBe('2 others are here.');
  expect(notices()).toEqual([expect.stringMatching(/^Somebody who is not shown/)]);
});

test('frames of somebody else are told of by name, until they end', async () => {
  const environment = await enter();
  begin(environment, BENS);
  vi.useFakeTimers();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  const report = { type: 'undecryptable', slot: 0, kind: 'video', reason: 'foreign' } as const;
  for (let time = 0; time < 5; time++) {
    vi.advanceTimersByTime(1000);
    environment.worker.report(report);
  }
  await element.updateComplete;
  expect(notices()).toEqual([expect.stringMatching(/those of Participant were not of the person/)]);

  vi.advanceTimersByTime(2000);
  await element.updateComplete;
  expect(notices()).toEqual([]);
  vi.useRealTimers();
});

test('what the server refused once is not told of for ever', async () => {
  const environment = await enter();
  vi.useFakeTimers();
  environment.socket.say({ type: 'error', code: 'not-allowed', message: '', fatal: false });
  await element.updateComplete;
  expect(notices()).toEqual(['You may not do this in this room. Ask the host.']);

  vi.advanceTimersByTime(30_000);
  await element.updateComplete;
  expect(notices()).toEqual([]);
  vi.useRealTimers();
});

test('who speaks has a mark on the tile', async () => {
  const environment = await enter();
  const microphone = { ...BEN, microphone: true };
  environment.socket.say({ type: 'participant-updated', participant: microphone });

  environment.socket.say({ type: 'speakers', participantIds: ['ben'] });
  await element.rendered();
  expect(find('[data-participant=ben]')?.hasAttribute('speaking')).toBe(true);
  environment.socket.say({ type: 'speakers', participantIds: [] });
  await element.rendered();

  expect(find('[data-participant=ben]')?.hasAttribute('speaking')).toBe(false);
});

test('a connection that is not good is told of beside the name, with its cause', async () => {
  const environment = await enter();
  const sign = (): Element | null | undefined =>
    find('[data-participant=ben]')?.shadowRoot?.querySelector('.quality');

  environment.socket.say({
    type: 'quality',
    participantId: 'ben',
    level: 'poor',
    cause: 'slow-downlink',
  });
  await element.rendered();
  expect(sign()?.getAttribute('aria-label')).toBe('Poor connection: too slow for all video');
  environment.socket.say({ type: 'quality', participantId: 'ben', level: 'good' });
  await element.rendered();

  expect(sign()).toBeNull();
});

test('the page is told of the stay: that it began, what went wrong, how it ended', async () => {
  const told: string[] = [];
  element.addEventListener('joined', (event) => {
    told.push(
      `joined ${String((event as CustomEvent<{ room: unknown }>).detail.room === element.room)}`,
    );
  });
  for (const name of ['problem', 'left']) {
    element.addEventListener(name, (event) => {
      const { error } = (event as CustomEvent<{ error?: { code: string } }>).detail;
      told.push(`${name} ${error?.code ?? 'by choice'}`);
    });
  }
  const environment = await enter();
  environment.connection.become('disconnected');
  environment.connection.become('connected');
  environment.socket.say({ type: 'error', code: 'not-allowed', message: '', fatal: false });
  find('button.leave')?.click();
  await element.rendered();
  find('.rejoin')?.click();
  await element.rendered();
  element.stays[1]?.environment.socket.drop();
  await element.rendered();

  expect(told).toEqual([
    'joined true',
    'problem not-allowed',
    'left by choice',
    'left signaling-unreachable',
  ]);
});

test('who was muted by the host comes back muted', async () => {
  const environment = await enter();
  environment.socket.say({ type: 'muted', source: 'microphone', by: 'ben' });
  await element.rendered();
  find('button.leave')?.click();
  await element.rendered();

  find('.rejoin')?.click();
  await element.rendered();

  expect(element.stays[1]?.options).toMatchObject({ microphone: false, camera: true });
});

test('with a green room, what one person turned off is not the next one’s', async () => {
  await enter();
  for (const button of ['.microphone', '.camera']) find(button)?.click();
  await element.rendered();

  element.skipGreenRoom = false;
  element.token = 'the next one’s';
  await element.rendered();

  expect(element.stays[1]?.options).toMatchObject({ microphone: true, camera: true });
  expect(element.stays[1]?.environment.socketAddress).toBeUndefined();
});

test('without one nothing goes on that nobody pressed; what was chosen to see is forgotten', async () => {
  await enter();
  for (const button of ['.microphone', '.camera', '.people-toggle']) find(button)?.click();
  await element.rendered();
  for (const key of ['l', 's']) {
    find('.controls .microphone')?.dispatchEvent(
      new KeyboardEvent('keydown', { key, bubbles: true, composed: true }),
    );
  }
  await element.rendered();
  expect(labels()).toEqual(['Participant']);
  expect(find('.panel')).not.toBeNull();

  element.token = 'the next one’s';
  await element.rendered();

  expect(element.stays[1]?.options).toMatchObject({ microphone: false, camera: false });
  expect(labels()).toEqual(['You']);
  expect(find('li.pinned') === null).toBe(true);
  expect(find('.panel') === null).toBe(true);
});

test('an interruption says what this computer knows of it', async () => {
  const environment = await enter();
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
  environment.connection.become('disconnected');
  await element.rendered();
  expect(text('.status')).toBe(
    'This device has no network. It reconnects by itself when the network is back.',
  );

  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(true);
  window.dispatchEvent(new Event('online'));
  await element.rendered();
  expect(text('.status')).toBe('The connection was interrupted. Reconnecting…');
  expect(find('.status.notice')?.textContent).toBe('The connection was interrupted. Reconnecting…');
});

test('what the browser stops in the middle is played by a press', async () => {
  const environment = await enter();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await element.rendered();
  const voice = element.renderRoot.querySelector('audio')!;
  expect(find('.hear')).toBeNull();

  voice.dispatchEvent(new Event('pause'));
  await element.rendered();
  expect(text('.hear')).toBe('Tap to hear the others');
  play.mockClear();
  find('.hear')?.click();
  await element.rendered();
  expect(play).toHaveBeenCalledTimes(1);
  expect(find('.hear')).toBeNull();

  voice.dispatchEvent(new Event('pause'));
  Object.defineProperty(voice, 'paused', { value: false });
  voice.dispatchEvent(new Event('playing'));
  await element.rendered();
  expect(find('.hear')).toBeNull();
});

test('the chosen loudspeaker is used once the browser names it, for as long as it is there', async () => {
  const inventory = new EventTarget();
  const headset = { kind: 'audiooutput', deviceId: 'headset', label: 'Headset' };
  let present: object[] = [{ kind: 'audiooutput', deviceId: '', label: '' }];
  localStorage.setItem(
    'quietroom.devices',
    JSON.stringify({ speaker: { id: 'headset', label: 'Headset' } }),
  );
  const sinks: string[] = [];
  const { prototype } = HTMLMediaElement;
  vi.spyOn(prototype, 'sinkId', 'get').mockImplementation(() => sinks.at(-1) ?? '');
  vi.spyOn(prototype, 'setSinkId').mockImplementation((id) => {
    sinks.push(id);
    return Promise.resolve();
  });
  element.prepare = ({ devices: { mediaDevices }, getUserMedia, microphone, camera }) => {
    getUserMedia.mockImplementation(() => {
      present = [headset];
      return Promise.resolve(fakeStream(microphone, camera));
    });
    Object.assign(mediaDevices, {
      enumerateDevices: () => Promise.resolve(present),
      addEventListener: inventory.addEventListener.bind(inventory),
      removeEventListener: inventory.removeEventListener.bind(inventory),
    });
  };
  const plug = async (...devices: object[]): Promise<void> => {
    present = devices;
    inventory.dispatchEvent(new Event('devicechange'));
    await element.rendered();
  };

  const environment = await enter();
  environment.socket.say({ type: 'slots', assignments: [{ slot: 0, participantId: 'ben' }] });
  await element.rendered();
  expect(sinks).toEqual(['headset']);
  await plug();
  expect(sinks).toEqual(['headset', '']);
  await plug(headset);
  expect(sinks).toEqual(['headset', '', 'headset']);
  localStorage.removeItem('quietroom.devices');
});

test('its own language goes before the page’s, and may change in the middle of a stay', async () => {
  const around = document.createElement('div');
  around.lang = 'es-MX';
  document.body.append(around);
  await enter();
  around.append(element);
  await element.rendered();
  expect(text('button.leave, .rejoin')).toBe('Salir');

  element.lang = 'en';
  await element.rendered();
  expect(text('button.leave')).toBe('Leave');
  around.remove();
});
