// @vitest-environment happy-dom
import type { LitElement } from 'lit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { spanish } from '../i18n/spanish';
import { OWN_ID, type FakeEnvironment } from '../room/fake-environment';
import type { ClientMessage } from '../signaling/protocol/ClientMessage';
import type { Participant } from '../signaling/protocol/Participant';
import type { Permission } from '../signaling/protocol/Permission';
import type { Role } from '../signaling/protocol/Role';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import { FakeElement, stubMedia } from './fake-element';

const ORDINARY: Permission[] = ['microphone', 'camera', 'screen', 'receive', 'chat'];
const ALL: Permission[] = [...ORDINARY, 'admit', 'mute', 'remove', 'lock', 'end'];
const OTHERS: readonly Participant[] = [
  { id: 'ben', role: 'client', microphone: true, camera: false, reconnecting: false },
  { id: 'ada', role: 'host', microphone: true, camera: true, reconnecting: false },
  { id: 'kim', role: 'observer', microphone: false, camera: false, reconnecting: false },
];

let element: FakeElement;
let environment: FakeEnvironment;

beforeEach(async () => {
  stubMedia();
  element = new FakeElement();
  await element.begin();
  ({ environment } = element);
});

afterEach(() => {
  element.remove();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function say(message: ServerMessage): Promise<void> {
  return element.say(message);
}

function enter(role: Role, permissions: readonly Permission[]): Promise<void> {
  return element.enter(role, permissions, OTHERS);
}

function text(selector: string): string {
  return element.find(selector)?.textContent.replace(/\s+/g, ' ').trim() ?? '';
}

function inside(selector: string, inner: string): HTMLElement[] {
  return element.inside(selector, inner);
}

async function press(button: HTMLElement | null | undefined): Promise<void> {
  button!.click();
  await element.rendered();
}

function focused(): Element | null | undefined {
  return element.shadowRoot?.activeElement;
}

/** What was said since the room was entered, `type` only. */
function sent<Type extends ClientMessage['type']>(
  type: Type,
): Extract<ClientMessage, { type: Type }>[] {
  return environment.socket.sent.filter(
    (message): message is Extract<ClientMessage, { type: Type }> => message.type === type,
  );
}

test('a text to accept is shown before all else, and accepting it is said at once', async () => {
  await say({ type: 'consent-required', version: '7', text: 'I agree to this.', hash: 'h' });
  expect(text('.consent .text')).toBe('I agree to this.');
  expect(text('.consent .version')).toBe('Version 7');
  expect(element.find('.grid')).toBeNull();
  expect(sent('accept-consent')).toEqual([]);

  await press(element.find('.accept'));

  expect(sent('accept-consent')).toEqual([{ type: 'accept-consent', hash: 'h' }]);
  await enter('client', ORDINARY);
  expect(element.find('.consent')).toBeNull();
});

test('who does not agree leaves', async () => {
  await say({ type: 'consent-required', version: '7', text: 'I agree to this.', hash: 'h' });

  await press(element.find('.decline'));

  expect(text('.ended h2')).toBe('You have left');
  expect(sent('accept-consent')).toEqual([]);
});

test('who waits is told what for', async () => {
  await say({ type: 'waiting', reason: 'host-absent', doorKeys: [] });
  expect(text('.waiting .why')).toBe('The therapist is not here yet. You can wait on this page.');

  await say({ type: 'waiting', reason: 'admission', doorKeys: [] });
  expect(text('.waiting .why')).toBe('The therapist will let you in.');

  await enter('client', ORDINARY);
  expect(element.find('.waiting')).toBeNull();
});

test.each([
  ['refused', 'You were not let in', 'Ask the clinic, or join again later.', true],
  ['removed', 'You were removed from the session', 'Ask the clinic.', false],
  ['session-ended', 'The session is over', 'You can close this page.', false],
  ['inactive', 'You were logged off, as nobody seemed to be there', 'Join again.', true],
] as const)('after "%s" it says so, once', async (code, title, mend, mayRejoin) => {
  await say({ type: 'waiting', reason: 'admission', doorKeys: [] });

  await say({ type: 'error', code, message: '', fatal: true });

  expect(text('.ended h2')).toBe(title);
  expect(text('.ended p')).toBe(mend);
  expect(element.find('.rejoin') !== null).toBe(mayRejoin);
});

test('a waiting room survives a socket that breaks', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  await say({ type: 'waiting', reason: 'admission', doorKeys: [] });

  environment.socket.drop();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(text('.waiting .why')).toContain('Reconnecting');
  expect(text('.waiting .back')).toContain('back to the waiting room');
  environment.worker.report({ type: 'entrance', entrance: { keyPackage: 'another' } });
  environment.socket.accept();
  await vi.advanceTimersByTimeAsync(1);
  vi.useRealTimers();
  expect(sent('join').at(-1)).toMatchObject({ token: 'the token', keyPackage: 'another' });

  await say({ type: 'waiting', reason: 'admission', doorKeys: [] });
  expect(text('.waiting .why')).toBe('The therapist will let you in.');
  expect(text('.waiting .back')).toBe('');
});

test('who waits is told what this computer knows of a broken connection, in their language', async () => {
  element.lang = 'es';
  await say({ type: 'waiting', reason: 'admission', doorKeys: [] });
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);

  environment.socket.drop();
  await element.rendered();

  expect(text('.waiting .why')).toBe(spanish.interruptions.offline);
  expect(text('.waiting .back')).toBe(spanish.backToWaiting);
});

test('who reads the text is told of a broken connection, and what they accept holds', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const consent = { type: 'consent-required', version: '7', text: 'I agree.', hash: 'h' } as const;
  await say(consent);
  environment.socket.drop();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(text('.consent .why')).toContain('Reconnecting');

  await press(element.find('.accept'));
  environment.worker.report({ type: 'entrance', entrance: { keyPackage: 'another' } });
  environment.socket.accept();
  await vi.advanceTimersByTimeAsync(1);
  vi.useRealTimers();
  await say(consent);

  // Once as it was pressed, and once as it was asked for again.
  expect(sent('accept-consent')[0]).toEqual({ type: 'accept-consent', hash: 'h' });
  await say({ type: 'waiting', reason: 'admission', doorKeys: [] });
  expect(text('.waiting .why')).toBe('The therapist will let you in.');
});

test('the keyboard is never dropped, and not on a button for somebody else', async () => {
  await say({ type: 'consent-required', version: '7', text: 'I agree.', hash: 'h' });
  element.find('.accept')?.focus();
  await press(element.find('.accept'));
  await say({ type: 'waiting', reason: 'admission', doorKeys: [] });
  expect(focused()).toBe(element.find('#door-title'));

  await enter('host', ALL);
  expect(focused()).toBe(element.find('.controls'));

  await press(element.find('.people-toggle'));
  const waiting = (...ids: string[]): Promise<void> =>
    say({ type: 'waiting-list', people: ids.map((id) => ({ id, role: 'client' })) });
  await waiting('cat', 'dan');
  const list = element.find('quiet-room-session-controls')!;
  inside('quiet-room-session-controls', '.admit')[0]!.focus();
  await waiting('dan');
  expect(list.shadowRoot?.activeElement?.id).toBe('waiting');
  inside('quiet-room-session-controls', '.admit')[0]!.focus();
  await waiting();
  expect(list.shadowRoot?.activeElement?.className).toBe('session');

  await say({ type: 'muted', source: 'camera', by: 'ada' });
  element.find('.prompt button')!.focus();
  await press(element.find('.prompt button'));
  expect(focused()).toBe(element.find('.controls'));

  inside('quiet-room-people', '.remove')[0]!.focus();
  await say({ type: 'participant-left', participantId: 'ben' });
  await say({ type: 'error', code: 'session-ended', message: '', fatal: true });
  expect(focused()).toBe(element.find('.ended h2'));
});

test('a page that the browser kept and shows again begins anew', async () => {
  const transition = (type: string): Event => Object.assign(new Event(type), { persisted: true });
  await enter('client', ORDINARY);
  dispatchEvent(transition('pagehide'));
  expect(sent('leave')).toHaveLength(1);
  await element.rendered();
  expect(text('.ended h2')).toBe('You have left');

  dispatchEvent(transition('pageshow'));
  await element.rendered();
  expect(element.stays).toHaveLength(2);
  expect(element.find('.ended')).toBeNull();

  await press(element.find('.leave'));
  dispatchEvent(transition('pagehide'));
  dispatchEvent(transition('pageshow'));
  await element.rendered();
  expect(element.stays).toHaveLength(2);
  expect(text('.ended h2')).toBe('You have left');
});

describe('the session’s time', () => {
  let now = 0;

  beforeEach(async () => {
    now = Date.now();
    vi.spyOn(Date, 'now').mockImplementation(() => now);
    await enter('host', ALL);
    await later(61_000);
    expect(time()).toBe('1:01');
  });

  test('goes on after a reload and a lost connection, and begins anew after leaving', async () => {
    await reload();
    await comeBack();
    expect(time()).toBe('1:01');

    await lose();
    await press(element.find('.rejoin'));
    await comeBack();
    expect(time()).toBe('3:02');

    await press(element.find('.leave'));
    await press(element.find('.rejoin'));
    await comeBack();
    expect(time()).toBe('0:00');
  });

  test('goes on when a page that was lost is loaded anew, and in one that the browser kept', async () => {
    await lose();
    await reload();
    await comeBack();
    expect(time()).toBe('3:02');

    const transition = (type: string): Event => Object.assign(new Event(type), { persisted: true });
    dispatchEvent(transition('pagehide'));
    await later(1000);
    dispatchEvent(transition('pageshow'));
    await element.rendered();
    await comeBack();
    expect(time()).toBe('3:03');

    await press(element.find('.leave'));
    await reload();
    await comeBack();
    expect(time()).toBe('0:00');
  });

  test('begins anew for another session in the page, after a stay and after a lost one', async () => {
    element.token = 'of another session';
    await element.rendered();
    await comeBack();
    expect(time()).toBe('0:00');

    await lose();
    element.token = 'of a third session';
    await element.rendered();
    await comeBack();
    expect(time()).toBe('0:00');
  });

  test('begins anew in another element of the page, after a lost stay', async () => {
    await lose();
    const another = new FakeElement();
    await another.begin();
    element.remove();
    element = another;
    await comeBack();
    expect(time()).toBe('0:00');
  });

  test.each<[string, () => Promise<void> | void]>([
    ['was left while waiting', () => press(element.find('.leave'))],
    ['was refused', () => say({ type: 'error', code: 'refused', message: '', fatal: true })],
  ])('begins anew when the session %s after a reload', async (_how, end) => {
    await reload();
    ({ environment } = element);
    environment.socket.accept();
    environment.startTransforms();
    await say({ type: 'waiting', reason: 'admission', doorKeys: [] });
    await end();
    await element.rendered();

    await press(element.find('.rejoin'));
    await comeBack();
    expect(time()).toBe('0:00');
  });

  test('begins anew for whoever was removed, reloads, and is let in again', async () => {
    await say({ type: 'error', code: 'removed', message: '', fatal: true });
    await reload();
    await comeBack();
    expect(time()).toBe('0:00');
  });

  test('begins anew for whoever comes by a link in the same tab', async () => {
    await reload('navigate');
    await comeBack();
    expect(time()).toBe('0:00');
  });

  function time(): string | undefined {
    return inside('quiet-room-timer', 'span')[0]?.textContent;
  }

  async function later(milliseconds: number): Promise<void> {
    now += milliseconds;
    (element.find('quiet-room-timer') as LitElement | null)?.requestUpdate();
    await element.rendered();
  }

  async function reload(type = 'reload'): Promise<void> {
    dispatchEvent(new Event('pagehide'));
    element.remove();
    vi.spyOn(performance, 'getEntriesByType').mockReturnValue([
      { type } as Partial<PerformanceNavigationTiming> as PerformanceEntry,
    ]);
    element = new FakeElement();
    await element.begin();
  }

  /** Until it is no longer searched for. */
  async function lose(): Promise<void> {
    const { socket } = environment;
    socket.drop();
    now += 121_000;
    await vi.waitUntil(() => element.environment.socket !== socket);
    element.environment.socket.drop();
    await element.rendered();
  }

  async function comeBack(): Promise<void> {
    ({ environment } = element);
    environment.socket.accept();
    environment.startTransforms();
    await enter('host', ALL);
  }
});

test('a host sees who waits, and lets them in or not', async () => {
  await enter('host', ALL);
  await say({
    type: 'waiting-list',
    people: [
      { id: 'cat', role: 'client' },
      { id: 'dan', role: 'client' },
    ],
  });
  expect(text('.prompt p')).toBe('2 people are waiting to be let in.');
  expect(element.find('.people-toggle')?.getAttribute('aria-label')).toBe('People, 2 waiting');

  await press(element.find('.prompt button'));
  const list = 'quiet-room-session-controls';
  expect(inside(list, '.name').map(({ textContent }) => textContent)).toEqual([
    'Participant 1',
    'Participant 2',
  ]);
  await press(inside(list, '.admit')[0]);
  await press(inside(list, '.refuse')[1]);
  // Somebody comes at the very moment of the click.
  const admitAll = inside(list, '.admit-all')[0];
  void say({
    type: 'waiting-list',
    people: ['cat', 'dan', 'eve'].map((id) => ({ id, role: 'client' })),
  });
  await press(admitAll);
  await press(inside(list, '.lock')[0]);
  await press(inside(list, '.mute-all')[0]);

  expect(environment.socket.sent.slice(-5)).toEqual([
    { type: 'admit', participantIds: ['cat'] },
    { type: 'refuse', participantId: 'dan' },
    { type: 'admit', participantIds: ['cat', 'dan'] },
    { type: 'lock', locked: true },
    { type: 'mute-all' },
  ]);
  await say({ type: 'waiting-list', people: [] });
  expect(element.find('.prompt')).toBeNull();
});

test('who waits is called by its own name, where that tells it apart', async () => {
  await enter('host', ALL);
  const waiting = (...ids: string[]): Promise<void> =>
    say({
      type: 'waiting-list',
      people: ids.map((id) => ({ id, role: 'client', sealedName: `of ${id}` })),
    });
  await waiting('cat');
  const { worker } = environment;
  const doorMessages = worker.requests.filter(({ type }) => type === 'door-message');
  expect(doorMessages).toHaveLength(1);
  expect(worker.requests.filter(({ type }) => type === 'open-door')).toHaveLength(1);
  worker.report({ type: 'caller', participantId: 'cat', name: 'Cat\u202e', isReachable: true });
  await element.rendered();
  expect(text('.prompt p')).toBe('Cat is waiting to be let in.');

  await press(element.find('.prompt button'));
  await waiting('cat', 'dan', 'eve');
  worker.report({ type: 'caller', participantId: 'dan', name: 'THERAPIST', isReachable: true });
  worker.report({ type: 'caller', participantId: 'nobody', name: 'Nobody', isReachable: true });
  await element.rendered();

  const list = 'quiet-room-session-controls';
  const [cat, dan, eve] = inside(list, '.name').map(({ textContent }) => textContent);
  expect(cat).toBe('Cat');
  expect(dan).toMatch(/^THERAPIST \(Participant \d+\)$/);
  expect(eve).toBe('Participant 3');
  expect(inside(list, '.role')).toHaveLength(2);
  expect(inside(list, '.admit')[0]?.getAttribute('aria-label')).toBe('Let in Cat');
});

test('a host writes to all who wait, and what it says is not sent as it is', async () => {
  await enter('host', ALL);
  const people = (['cat', 'dan'] as const).map((id) => ({ id, role: 'client' }) as const);
  await say({ type: 'waiting-list', people });
  for (const { id } of people) {
    environment.worker.report({ type: 'caller', participantId: id, name: '', isReachable: true });
  }
  await press(element.find('.people-toggle'));
  const list = 'quiet-room-session-controls';
  const [input] = inside(list, '#tell') as HTMLInputElement[];
  const [send] = inside(list, '.tell button');
  await press(send);
  expect(environment.worker.requests.filter(({ type }) => type === 'tell-waiting')).toEqual([]);

  input!.value = ' Five minutes more. ';
  await press(send);

  expect(environment.worker.requests.filter(({ type }) => type === 'tell-waiting')).toEqual(
    people.map(({ id: participantId }) => {
      return { type: 'tell-waiting', participantId, from: '', text: 'Five minutes more.' };
    }),
  );
  expect(sent('tell-waiting')).toEqual([]);
  expect(inside(list, '.tell [role=status]')[0]?.textContent).toBe('Sent.');
  expect(input!.value).toBe('');
});

test('a host is told to whom nothing can be written yet', async () => {
  await enter('host', ALL);
  const waiting = (...ids: string[]): Promise<void> =>
    say({ type: 'waiting-list', people: ids.map((id) => ({ id, role: 'client' })) });
  await waiting('cat', 'dan');
  await press(element.find('.people-toggle'));
  const list = 'quiet-room-session-controls';
  const write = async (): Promise<string> => {
    await press(inside(list, '.tell button')[0]);
    return inside(list, '.tell [role=status]')[0]?.textContent ?? '';
  };
  const [input] = inside(list, '#tell') as HTMLInputElement[];
  input!.value = 'Soon.';
  expect(await write()).toBe(
    'Not to Participant 1 and Participant 2: nothing can be written there yet.',
  );
  expect(input!.value).toBe('Soon.');

  // The same words are news again.
  const [status] = inside(list, '.tell [role=status]');
  const shown: (string | null)[] = [];
  new MutationObserver(() => shown.push(status!.textContent)).observe(status!, {
    subtree: true,
    childList: true,
    characterData: true,
  });
  const words = await write();
  expect(shown).toEqual(['', words]);

  environment.worker.report({
    type: 'caller',
    participantId: 'cat',
    name: 'Cat',
    isReachable: true,
  });
  await element.rendered();
  expect(await write()).toBe('Sent. Not to Participant 2: nothing can be written there yet.');
  expect(input!.value).toBe('');

  await waiting('cat');
  input!.value = 'Now.';
  expect(await write()).toBe('Sent.');
  const told = environment.worker.requests.filter(({ type }) => type === 'tell-waiting');
  expect(told.map((request) => ('participantId' in request ? request.participantId : ''))).toEqual([
    'cat',
    'cat',
  ]);
});

test('who waits is shown what the host says, and by whom', async () => {
  const note = async (from: string): Promise<void> => {
    environment.worker.report({ type: 'note', from, text: 'Five minutes <b>more</b>.' });
    await element.rendered();
  };
  await say({ type: 'waiting', reason: 'admission', doorKeys: ['key'] });
  expect(environment.worker.requests).toContainEqual({
    type: 'door-message',
    message: { type: 'waiting', reason: 'admission', doorKeys: ['key'] },
  });
  await note('Ada');
  expect(text('.waiting [role=status] .note')).toBe('Ada: Five minutes <b>more</b>.');
  await note('');
  expect(text('.waiting .note')).toBe('Therapist: Five minutes <b>more</b>.');

  await enter('client', ORDINARY);
  await note('Ada');
  expect(element.find('.note')).toBeNull();
});

test('what cannot be taken back is asked about first', async () => {
  await enter('host', ALL);
  await press(element.find('.people-toggle'));
  await press(inside('quiet-room-people', '.remove')[0]);
  expect(sent('remove')).toEqual([]);
  await press(inside('quiet-room-confirmation', '.cancel')[0]);
  expect(sent('remove')).toEqual([]);

  await press(inside('quiet-room-people', '.remove')[0]);
  await press(inside('quiet-room-confirmation', '.confirm')[0]);
  expect(sent('remove')).toEqual([{ type: 'remove', participantId: 'ben' }]);

  await press(inside('quiet-room-session-controls', '.end')[0]);
  expect(sent('end-session')).toEqual([]);
  await press(inside('quiet-room-confirmation', '.confirm')[0]);
  expect(sent('end-session')).toHaveLength(1);
});

test('each has the buttons of the own role, and no power over hosts', async () => {
  await enter('co-host', ALL);
  await press(element.find('.people-toggle'));
  const actions = inside('quiet-room-people', 'li').map((entry) =>
    [...entry.querySelectorAll('.actions button')].map(({ className }) => className),
  );
  expect(actions).toEqual([[], ['mute-microphone', 'ask-camera', 'remove'], [], ['remove']]);

  await say({ type: 'permissions', permissions: ORDINARY });
  expect(inside('quiet-room-people', '.actions')).toEqual([]);
  expect(element.find('quiet-room-session-controls')).toBeNull();
});

test('an observer has nothing to send with, and everybody sees who observes', async () => {
  await enter('observer', ['receive', 'chat']);

  expect(element.find('.microphone')).toBeNull();
  expect(element.find('.controls .camera')).toBeNull();
  expect(text('.observing')).toContain('You observe');
  expect(environment.camera.readyState).toBe('ended');
  environment.worker.report({
    type: 'told',
    participantId: 'kim',
    key: 'kim',
    message: { type: 'profile', name: 'Kim', handRaised: false },
  });
  await element.rendered();
  expect(inside('[data-participant=kim]', '.note')[0]?.textContent).toBe('Observer');
});

test('who is muted or asked decides alone what is turned on', async () => {
  await enter('client', ORDINARY);
  await say({ type: 'muted', source: 'microphone', by: 'ada' });
  expect(text('.prompt p')).toBe('Therapist turned off your microphone.');
  expect(text('.microphone')).toBe('Unmute');

  await say({ type: 'asked', source: 'microphone', by: 'ada' });
  expect(text('.prompt p')).toBe('Therapist asks you to turn on your microphone.');
  expect(text('.microphone')).toBe('Unmute');

  await press(element.find('.prompt .primary'));
  expect(text('.microphone')).toBe('Mute');
  expect(element.find('.prompt')).toBeNull();
});

test('the end and a log-off are announced, and a press shows that somebody is here', async () => {
  await enter('client', ORDINARY);
  await say({ type: 'session-ending', seconds: 6 });
  expect(text('.prompt p')).toBe('The session ends for all in one minute.');
  await press(element.find('.prompt button'));

  await say({ type: 'inactivity-warning', seconds: 60 });
  expect(text('.prompt p')).toContain('logged off in 60 seconds');
  const before = sent('active').length;
  await press(element.find('.prompt button'));

  expect(sent('active')).toHaveLength(before + 1);
  expect(element.find('.prompt')).toBeNull();
});

test('who stands in for the host is told, until the host is back', async () => {
  await enter('co-host', ORDINARY);
  await say({ type: 'hosting', participantId: OWN_ID });
  await say({ type: 'permissions', permissions: ALL });
  expect(text('.prompt p')).toContain('You lead the session');

  await say({ type: 'hosting', participantId: null });
  expect(element.find('.prompt')).toBeNull();
});

test('a locked room is called so', async () => {
  await enter('client', ORDINARY);
  await say({ type: 'locked', locked: true, by: 'ada' });
  expect(text('.locked')).toContain('The room is locked');
});

test('what a client tells for an emergency is shown to the therapist only', async () => {
  const tell = (): void => {
    environment.worker.report({
      type: 'told',
      participantId: 'ben',
      key: 'ben',
      message: { type: 'emergency', place: 'Mill Lane 5', contact: 'Zoë, 555 0100' },
    });
  };
  await enter('host', ALL);
  await press(element.find('.people-toggle'));
  tell();
  await element.rendered();
  const shown = inside('quiet-room-people', '.emergency dd').map(({ textContent }) => textContent);
  expect(shown).toEqual(['Mill Lane 5', 'Zoë, 555 0100']);
  expect(element.find('quiet-room-emergency')).toBeNull();
});

test('what a client tells for an emergency while the group has just put them out is not lost', async () => {
  await enter('host', ALL);
  const own = { participantId: OWN_ID, leaf: 0, room: 'room', role: 'host', key: OWN_ID } as const;
  environment.worker.report({
    type: 'epoch',
    epoch: 2n,
    safetyCode: '1'.repeat(30),
    members: [own],
  });
  const message = { type: 'emergency', place: 'Mill Lane 5', contact: 'Zoë' } as const;
  environment.worker.report({ type: 'told', participantId: 'ben', key: 'ben', message });

  const ben = element.room?.participants.find(({ id }) => id === 'ben');
  expect(ben?.emergencyInformation).toEqual({ place: 'Mill Lane 5', contact: 'Zoë' });
});

test('what a client told for an emergency is shown again when they come back under their key', async () => {
  const tell = (place: string): void => {
    const message = { type: 'emergency', place, contact: 'Zoë' } as const;
    environment.worker.report({ type: 'told', participantId: 'ben', key: 'ben', message });
  };
  const comeBack = async (key: string, epoch: bigint): Promise<void> => {
    const participant = {
      id: `ben-${epoch}`,
      role: 'client',
      microphone: false,
      camera: false,
      reconnecting: false,
    } as const;
    await say({ type: 'participant-joined', participant });
    const people = [
      [OWN_ID, OWN_ID, 'host'],
      [participant.id, key, 'client'],
    ] as const;
    const members = people.map(([participantId, memberKey, role], leaf) => {
      return { participantId, leaf, room: 'room', role, key: memberKey };
    });
    environment.worker.report({ type: 'epoch', epoch, safetyCode: '1'.repeat(30), members });
    await element.rendered();
  };
  const places = (): (string | null)[] =>
    inside('quiet-room-people', '.emergency dd:first-of-type').map((shown) => shown.textContent);
  await enter('host', ALL);
  await press(element.find('.people-toggle'));
  tell('Mill Lane 5');
  tell('Mill Lane 7');
  await element.rendered();
  await say({ type: 'participant-left', participantId: 'ben' });
  expect(places()).toEqual([]);

  await comeBack('ben', 2n);
  expect(places()).toEqual(['Mill Lane 7']);

  await say({ type: 'participant-left', participantId: 'ben-2' });
  await comeBack('somebody-else', 3n);
  expect(places()).toEqual([]);
});

test('a client says where they are, and nobody else is shown it', async () => {
  await enter('client', ORDINARY);
  await press(element.find('.people-toggle'));
  const message = { type: 'emergency', place: 'x', contact: 'y' } as const;
  environment.worker.report({ type: 'told', participantId: 'ben', key: 'ben', message });
  await element.rendered();
  expect(inside('quiet-room-people', '.emergency')).toEqual([]);

  const [place, contact] = inside('quiet-room-emergency', 'input') as HTMLInputElement[];
  place!.value = ' Mill Lane 5 ';
  contact!.value = 'Zoë, 555 0100';
  await press(inside('quiet-room-emergency', 'button')[0]);

  const told = environment.worker.requests.filter(({ type }) => type === 'tell').at(-1);
  expect(told).toEqual({
    type: 'tell',
    message: { type: 'emergency', place: 'Mill Lane 5', contact: 'Zoë, 555 0100' },
  });
  expect(inside('quiet-room-emergency', '.told')).toHaveLength(1);
});

test('who waits is told of a device that stops, and can choose another', async () => {
  await say({ type: 'waiting', reason: 'admission', doorKeys: [] });
  vi.useFakeTimers({ shouldAdvanceTime: true });
  environment.microphone.stall(true);
  await vi.advanceTimersByTimeAsync(3_000);
  vi.useRealTimers();
  await element.rendered();
  const answers = [...element.renderRoot.querySelectorAll<HTMLElement>('.prompt button')];
  expect(answers.map(({ textContent }) => textContent.trim())).toContain('Choose another');

  answers.find(({ textContent }) => textContent.trim() === 'Choose another')?.click();
  await element.rendered();
  expect(element.find('.panel quiet-room-devices')).not.toBeNull();
  expect(element.find('.waiting')).not.toBeNull();
});
