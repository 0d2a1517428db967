// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PersonMessage } from '../e2ee/worker/mls/application';
import { OWN_ID, type FakeEnvironment } from '../room/fake-environment';
import { FakeElement, stubMedia } from './fake-element';

let element: FakeElement;
let bensKey: string;
let environment: FakeEnvironment;

beforeEach(async () => {
  stubMedia();
  element = new FakeElement();
  await element.begin();
  ({ environment } = element);
  environment.socket.say({
    type: 'joined',
    participantId: OWN_ID,
    role: 'host',
    participants: [
      { id: 'ben', role: 'client', microphone: true, camera: true, reconnecting: false },
    ],
    slots: 1,
    screenSlots: 1,
    iceServers: [],
    permissions: ['microphone', 'camera', 'screen', 'receive', 'chat'],
    locked: false,
  });
  await element.rendered();
  environment.socket.say({ type: 'answer', sdp: 'answer' });
  await element.rendered();
  environment.startTransforms();
  environment.connection.become('connected');
  await element.rendered();
});

afterEach(() => {
  element.remove();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function begin(epoch: bigint, key: string): Promise<void> {
  bensKey = key;
  const ben = { participantId: 'ben', leaf: 1, room: 'room', role: 'client', key } as const;
  const me = { participantId: OWN_ID, leaf: 0, room: 'room', role: 'host', key: 'mine' } as const;
  const safetyCode = String(epoch).repeat(30);
  environment.worker.report({ type: 'epoch', epoch, safetyCode, members: [me, ben] });
  await element.rendered();
}

async function tell(message: PersonMessage): Promise<void> {
  environment.worker.report({ type: 'told', participantId: 'ben', key: bensKey, message });
  await element.rendered();
}

/** Besides who this person is. */
function told(): PersonMessage[] {
  return environment.worker.requests.flatMap((request) =>
    request.type === 'tell' && request.message.type !== 'profile' ? [request.message] : [],
  );
}

async function press(selector: string): Promise<void> {
  element.find(selector)!.click();
  await element.rendered();
}

function inside(selector: string): ShadowRoot {
  return element.find(selector)!.shadowRoot!;
}

function text(root: ParentNode, selector: string): string[] {
  return [...root.querySelectorAll(selector)].map(({ textContent }) =>
    textContent.replace(/\s+/g, ' ').trim(),
  );
}

/** After the first, which says how many are here. */
function announced(): string[] {
  return text(element.renderRoot, '.announcer p').slice(1);
}

test('before the room is protected, nothing that needs protection can be pressed', async () => {
  const disabled = (): string[] => text(element.renderRoot, '.controls button[disabled]');
  expect(disabled()).toEqual(['Share screen', 'Raise hand', 'React']);

  await begin(1n, 'key');

  expect(disabled()).toEqual([]);
});

test('what is written is told to the others and appears', async () => {
  await begin(1n, 'key');
  await press('.chat-toggle');
  const chat = inside('quiet-room-chat');
  const field = chat.querySelector('textarea')!;
  field.value = ' hello \n';
  field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }));
  await element.rendered();
  await tell({ type: 'chat', text: '<b>hi</b>' });

  expect(told()).toEqual([{ type: 'chat', text: 'hello' }]);
  expect(text(chat, '.line .text')).toEqual(['hello', '<b>hi</b>']);
  expect(text(chat, '.line .writer')).toEqual(['You', 'Participant']);
  expect(field.value).toBe('');
});

test('a text that is too long stays to be shortened, and says so', async () => {
  await begin(1n, 'key');
  await press('.chat-toggle');
  const field = inside('quiet-room-chat').querySelector('textarea')!;
  field.value = '\u0001'.repeat(4000);
  field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }));
  await element.rendered();

  expect(told()).toEqual([]);
  expect(field.value).toHaveLength(4000);
  expect(text(element.renderRoot, '.notice')).toEqual(['The text is too long. Send it in parts.']);
});

test('an empty line is not sent, and a new line is not the end', async () => {
  await begin(1n, 'key');
  await press('.chat-toggle');
  const field = inside('quiet-room-chat').querySelector('textarea')!;
  field.value = '  ';
  field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }));
  field.value = 'one';
  field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', shiftKey: true }));
  await element.rendered();

  expect(told()).toEqual([]);
});

test('messages that came while the chat was closed are counted and said', async () => {
  await begin(1n, 'key');
  await tell({ type: 'chat', text: 'one' });
  await tell({ type: 'chat', text: 'two' });

  expect(text(element.renderRoot, '.badge')).toEqual(['2']);
  expect(element.find('.chat-toggle')?.getAttribute('aria-label')).toBe('Chat, 2 new messages');
  expect(announced()).toEqual(['Participant wrote: one', 'Participant wrote: two']);

  await press('.chat-toggle');
  await tell({ type: 'chat', text: 'three' });

  expect(element.find('.badge')).toBeNull();
  expect(announced()).toHaveLength(2);
});

test('a panel is closed by Escape, and its button has the keyboard again', async () => {
  await begin(1n, 'key');
  await press('.people-toggle');
  expect(element.find('.people-toggle')?.getAttribute('aria-expanded')).toBe('true');

  element
    .find('.panel')!
    .dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  await element.rendered();

  expect(element.find('.panel')).toBeNull();
  expect(element.shadowRoot?.activeElement).toBe(element.find('.people-toggle'));
});

test('another panel takes the place of the one that is open', async () => {
  await press('.people-toggle');
  await press('.chat-toggle');

  expect(element.find('quiet-room-people')).toBeNull();
  expect(element.find('quiet-room-chat')).not.toBeNull();
});

test('a reaction is told, shown on the own tile, and one of another said', async () => {
  await begin(1n, 'key');
  await press('.react');
  await press('.reactions button[aria-label=Applause]');
  await tell({ type: 'reaction', reaction: '👍' });

  expect(told()).toEqual([{ type: 'reaction', reaction: '👏' }]);
  expect(element.find('.reactions')).toBeNull();
  expect(text(inside('[data-local]'), '.reaction')).toEqual(['👏']);
  expect(text(inside('[data-participant=ben]'), '.reaction')).toEqual(['👍']);
  expect(announced()).toEqual(['Participant: 👍']);
});

test('a text that pretends to be a reaction is not shown', async () => {
  await begin(1n, 'key');

  await tell({ type: 'reaction', reaction: 'rude' });

  expect(text(inside('[data-participant=ben]'), '.reaction')).toEqual([]);
  expect(announced()).toEqual([]);
});

test('a raised hand is said once and is in the list', async () => {
  await begin(1n, 'key');
  await tell({ type: 'profile', name: 'Ben', handRaised: true });
  await tell({ type: 'profile', name: 'Ben', handRaised: true });
  await press('.people-toggle');

  expect(announced()).toEqual(['Ben raised a hand.']);
  const hands = text(inside('quiet-room-people'), 'li:has(.hand) .name');
  expect(hands).toEqual(['Ben']);
});

test('who is in the group is listed with the code, and a compared mark stays with the key', async () => {
  await press('.people-toggle');
  const panel = (): ShadowRoot => inside('quiet-room-people');
  expect(panel().textContent).toContain('Setting up');

  await begin(1n, 'first key');
  expect(text(panel(), '.name')).toEqual(['You', 'Participant']);
  expect(panel().querySelectorAll('.code span')).toHaveLength(6);
  expect(panel().querySelector('.code')?.textContent.replace(/\s/g, '')).toBe('1'.repeat(30));
  const isCompared = (): boolean | undefined => panel().querySelector('input')?.checked;
  const onTile = (): number =>
    inside('[data-participant=ben]').querySelectorAll('.compared').length;
  const box = panel().querySelector('input')!;
  box.checked = true;
  box.dispatchEvent(new Event('change'));
  await element.rendered();
  expect(onTile()).toBe(1);

  await press('.panel .close');
  await begin(2n, 'first key');
  await press('.people-toggle');
  expect([isCompared(), onTile()]).toEqual([true, 1]);

  await begin(3n, 'another key');
  expect([isCompared(), onTile()]).toEqual([false, 0]);
});

test('a shared screen is large, says whose it is, and goes again', async () => {
  await begin(1n, 'key');
  environment.socket.say({ type: 'screens', assignments: [{ slot: 0, participantId: 'ben' }] });
  await element.rendered();

  const shown = element.find('.stage quiet-room-tile')!;
  expect(shown).toMatchObject({ label: 'Screen of Participant', camera: true });
  expect(shown.shadowRoot?.querySelector('video')?.srcObject).not.toBeNull();
  expect(announced()).toEqual(['Screen of Participant']);
  expect(element.renderRoot.querySelectorAll('audio')).toHaveLength(1);

  environment.socket.say({ type: 'screens', assignments: [{ slot: 0, participantId: null }] });
  await element.rendered();

  expect(element.find('.stage')).toBeNull();
  expect(element.renderRoot.querySelectorAll('audio')).toHaveLength(0);
});

test('the own screen is shared and stopped by one button, and said so', async () => {
  await begin(1n, 'key');
  await press('.controls .screen');
  environment.socket.say({ type: 'screens', assignments: [{ slot: 0, participantId: OWN_ID }] });
  await element.rendered();

  expect(text(element.renderRoot, '.controls .screen')).toEqual(['Stop sharing']);
  expect(text(element.renderRoot, 'p.sharing')).toEqual(['Everyone sees your screen.']);

  await press('.controls .screen');

  expect(environment.screen.readyState).toBe('ended');
  expect(text(element.renderRoot, '.controls .screen')).toEqual(['Share screen']);
});

test('a screen that was not chosen is told with its mend', async () => {
  await begin(1n, 'key');
  environment.getDisplayMedia.mockRejectedValue(new DOMException('', 'NotAllowedError'));

  await press('.controls .screen');

  expect(text(element.renderRoot, '.notice')[0]).toMatch(/^No screen was shared\./);
});

test('Escape that ends the composing of a word closes no panel', async () => {
  await press('.chat-toggle');
  const escape = async (isComposing: boolean): Promise<void> => {
    const event = new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, isComposing });
    element.find('.panel')!.dispatchEvent(event);
    await element.rendered();
  };

  await escape(true);
  expect(element.find('.panel')).not.toBeNull();
  await escape(false);
  expect(element.find('.panel')).toBeNull();
});

test.each(['chat', 'people'])('no panel %s stays at the end', async (panel) => {
  await press(`.${panel}-toggle`);
  expect(element.find('.panel')).not.toBeNull();
  environment.socket.say({ type: 'error', code: 'session-ended', message: '', fatal: true });
  await element.rendered();

  expect(element.find('.ended')).not.toBeNull();
  expect(element.find('.panel')).toBeNull();
});

test('the clinic’s own panel stays at the end', async () => {
  const notes = document.createElement('textarea');
  notes.slot = 'panel';
  element.append(notes);
  await element.rendered();
  await press('.own-toggle');
  environment.socket.say({ type: 'error', code: 'session-ended', message: '', fatal: true });
  await element.rendered();

  expect(element.find('.ended')).not.toBeNull();
  expect(element.find('.panel slot[name=panel]')).not.toBeNull();
  await press('.panel .close');
  expect(element.find('.panel')).toBeNull();
});

test('a screen that was not chosen is told of for a while only', async () => {
  await begin(1n, 'key');
  vi.useFakeTimers({ shouldAdvanceTime: true });
  environment.getDisplayMedia.mockRejectedValue(new DOMException('', 'NotAllowedError'));
  await press('.controls .screen');
  await vi.waitFor(() => {
    expect(text(element.renderRoot, '.notice')).toHaveLength(1);
  });

  await vi.advanceTimersByTimeAsync(30_000);
  await element.updateComplete;
  expect(text(element.renderRoot, '.notice')).toEqual([]);
  vi.useRealTimers();
});
