// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { english } from '../i18n/english';
import { OWN_ID } from '../room/fake-environment';
import type { Participant } from '../signaling/protocol/Participant';
import type { Permission } from '../signaling/protocol/Permission';
import type { Role } from '../signaling/protocol/Role';
import { FakeElement, stubMedia } from './fake-element';
import type { TileElement } from './tile';

const ORDINARY: Permission[] = ['microphone', 'camera', 'screen', 'receive', 'chat'];
const ALL: Permission[] = [...ORDINARY, 'admit', 'mute', 'remove', 'lock', 'end'];
const BEN: Participant = {
  id: 'ben',
  role: 'client',
  microphone: true,
  camera: false,
  reconnecting: false,
};
const INTERRUPTED = english.reconnecting;
const CONTROLS = 'quiet-room-session-controls';

let element: FakeElement;

beforeEach(async () => {
  stubMedia();
  element = new FakeElement();
  await element.begin();
});

afterEach(() => {
  element.remove();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** The stay is lost, as the server knows nothing to resume. */
async function loseStay(): Promise<void> {
  element.environment.socket.drop();
  await element.rendered();
  expect(element.room?.isRejoining).toBe(true);
}

/** The server lets this client in again; media is still to come. */
async function comeBack(role: Role, permissions: Permission[]): Promise<void> {
  const former = element.environment.socket;
  await vi.waitUntil(() => element.environment.socket !== former);
  element.environment.socket.accept();
  const report = { epoch: 1, transcriptHash: 'hash', leaf: 0 };
  element.environment.worker.report({ type: 'entrance', entrance: { group: report } });
  await element.rendered();
  await element.say({
    type: 'joined',
    participantId: OWN_ID,
    role,
    participants: [BEN],
    slots: 1,
    screenSlots: 1,
    iceServers: [],
    permissions,
    locked: false,
  });
}

async function press(button: HTMLElement | null | undefined): Promise<void> {
  button!.click();
  await element.rendered();
}

function text(selector: string): string {
  return element.find(selector)?.textContent.replace(/\s+/g, ' ').trim() ?? '';
}

/** What is shown of what went wrong. */
function notices(): string[] {
  return [...element.renderRoot.querySelectorAll('.notice')].map((notice) =>
    notice.textContent.replace(/\s+/g, ' ').trim(),
  );
}

/** Classes of the buttons among `buttons` that are not to be pressed. */
function disabled(buttons: Iterable<Element>): string[] {
  return [...buttons]
    .filter((button) => button.getAttribute('aria-disabled') === 'true')
    .map((button) => button.className.split(' ')[0]!);
}

function controls(): Iterable<Element> {
  return element.renderRoot.querySelectorAll('.controls button');
}

function told(): unknown[] {
  return element.environment.worker.requests.filter(
    (request) => request.type === 'tell' && request.message.type !== 'profile',
  );
}

test('what would reach nobody is not to be pressed, and says why; devices and leaving work', async () => {
  await element.enter('client', ORDINARY, [BEN]);
  expect(element.find('#away')).toBeNull();
  await loseStay();

  expect(text('[role=status] #away')).toBe(english.away);
  expect(disabled(controls())).toEqual(['screen', 'hand', 'react']);
  expect(element.find('.hand')?.getAttribute('aria-describedby')).toBe('away');
  await press(element.find('.controls .hand'));
  await press(element.find('.controls .react'));
  await press(element.find('.controls .screen'));
  element
    .find('.controls')!
    .dispatchEvent(new KeyboardEvent('keydown', { key: 'h', bubbles: true, composed: true }));
  expect(element.room?.localParticipant.handRaised).toBe(false);
  expect(element.find('.reactions')).toBeNull();
  expect(element.environment.getDisplayMedia).not.toHaveBeenCalled();
  expect(notices()).toEqual([INTERRUPTED]);

  await press(element.find('.controls .microphone'));
  expect(element.room?.localParticipant.microphoneEnabled).toBe(false);
  await press(element.find('.controls .leave'));
  expect(text('.ended h2')).toBe('You have left');
});

test('who cannot be heard any more is neither shown to speak nor to be there as before', async () => {
  await element.enter('client', ORDINARY, [BEN]);
  await element.say({ type: 'speakers', participantIds: ['ben'] });
  const tile = element.find('[data-participant=ben]') as TileElement;
  const away = (): (string | null)[] =>
    element.inside('[data-participant=ben]', '.away').map(({ textContent }) => textContent);
  expect([tile.speaking, away()]).toEqual([true, []]);

  await loseStay();
  expect([tile.speaking, tile.reconnecting]).toEqual([false, true]);
  expect(away()).toEqual([english.reconnectingThere]);

  await comeBack('client', ORDINARY);
  expect([tile.reconnecting, away()]).toEqual([false, []]);
});

test('what is written stays in its place until it can be sent', async () => {
  await element.enter('client', ORDINARY, [BEN]);
  await press(element.find('.chat-toggle'));
  const [field] = element.inside('quiet-room-chat', 'textarea') as HTMLTextAreaElement[];
  const [send] = element.inside('quiet-room-chat', 'button');
  await loseStay();
  field!.value = 'Are you there?';
  await press(send);
  field!.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));

  expect(field!.value).toBe('Are you there?');
  expect(told()).toEqual([]);
  expect(element.inside('quiet-room-chat', '.line')).toEqual([]);
  const [reason] = element.inside('quiet-room-chat', '[role=status]');
  expect(reason?.textContent.trim()).toBe(english.awayWriting);
  expect(send?.getAttribute('aria-describedby')).toBe('away');

  await comeBack('client', ORDINARY);
  expect(reason?.textContent.trim()).toBe('');
  // The group may not have taken us in again: who has it as it was would read nothing.
  await press(send);
  expect([field!.value, told()]).toEqual(['Are you there?', []]);
  await element.say({ type: 'answer', sdp: 'again' });
  element.environment.startTransforms();
  element.environment.connection.become('connected');
  await press(send);
  expect(field!.value).toBe('');
  expect(told()).toEqual([{ type: 'tell', message: { type: 'chat', text: 'Are you there?' } }]);
});

test('an end for all that cannot be is not to be pressed, and who leads knows that', async () => {
  await element.enter('host', ALL, [BEN]);
  await element.say({ type: 'waiting-list', people: [{ id: 'cat', role: 'client' }] });
  await press(element.find('.people-toggle'));
  const [note] = element.inside(CONTROLS, '#tell') as HTMLInputElement[];
  await loseStay();

  const [reason] = element.inside(CONTROLS, '[role=status]');
  expect(reason?.textContent.trim()).toBe(english.awayPowers);
  expect(disabled(element.inside(CONTROLS, '.session button'))).toEqual([
    'lock',
    'mute-all',
    'end',
  ]);
  expect(disabled(element.inside(CONTROLS, 'li button'))).toEqual(['admit', 'refuse']);
  const actions = element.inside('quiet-room-people', '.actions button');
  expect(disabled(actions)).toHaveLength(actions.length);
  expect(actions.at(-1)?.title).toBe(english.awayPowers);
  note!.value = 'Soon.';
  for (const button of [...element.inside(CONTROLS, 'button'), ...actions]) await press(button);
  expect(note!.value).toBe('Soon.');
  expect(element.inside('quiet-room-confirmation', 'dialog[open]')).toEqual([]);
  expect(notices()).toEqual([INTERRUPTED]);

  await comeBack('host', ALL);
  expect(reason?.textContent.trim()).toBe('');
  expect(disabled(element.inside(CONTROLS, 'button'))).toEqual([]);
  await press(element.inside(CONTROLS, '.end')[0]);
  await press(element.inside('quiet-room-confirmation', '.confirm')[0]);
  expect(element.environment.socket.sent.at(-1)).toEqual({ type: 'end-session' });
});

test('who is asked whether to end it while the connection goes is told that it was not done', async () => {
  await element.enter('host', ALL, [BEN]);
  await press(element.find('.people-toggle'));
  await press(element.inside(CONTROLS, '.end')[0]);
  await loseStay();
  await press(element.inside('quiet-room-confirmation', '.confirm')[0]);

  expect(notices()).toEqual([INTERRUPTED, english.errors['not-connected'].join(' ')]);
});

test('who leaves before the end for all was sent is told that it was not', async () => {
  await element.enter('host', ALL, [BEN], { secret: 'secret', seconds: 30 });
  await press(element.find('.people-toggle'));
  element.environment.socket.drop();
  await press(element.inside(CONTROLS, '.end')[0]);
  await press(element.inside('quiet-room-confirmation', '.confirm')[0]);
  expect(element.room?.isRejoining).toBe(false);
  await press(element.find('.controls .leave'));

  expect(text('.ended h2')).toBe('You have left, and what you did last was not sent');
  expect(text('.ended p')).toBe('Do it again once you are connected.');
  expect(element.find('.ended .rejoin')).not.toBeNull();
});

test('an emergency is not said to be told while it is not', async () => {
  await element.enter('client', ORDINARY, [BEN]);
  await press(element.find('.people-toggle'));
  await loseStay();
  const part = 'quiet-room-emergency';
  const [place] = element.inside(part, '[name=place]') as HTMLInputElement[];
  place!.value = 'At home';
  await press(element.inside(part, 'button')[0]);

  expect(told()).toEqual([]);
  expect(place!.value).toBe('At home');
  expect(element.inside(part, '.told')).toEqual([]);
  expect(element.inside(part, '#away')[0]?.textContent).toBe(english.awayWriting);
});
