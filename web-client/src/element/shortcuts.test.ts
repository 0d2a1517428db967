// @vitest-environment happy-dom
import { afterEach, expect, test } from 'vitest';
import { english } from '../i18n/english';
import { SHORTCUT_KEYS, shortcutOf, ShortcutSetting } from './shortcuts';

afterEach(() => {
  document.body.replaceChildren();
  localStorage.clear();
});

/** What a press inside `target` asks for. */
function press(key: string, target: HTMLElement, more: KeyboardEventInit = {}): string | undefined {
  document.body.append(target);
  let asked: string | undefined;
  document.body.addEventListener(
    'keydown',
    (event) => {
      asked = shortcutOf(event);
    },
    { once: true },
  );
  target.dispatchEvent(
    new KeyboardEvent('keydown', { key, bubbles: true, composed: true, ...more }),
  );
  return asked;
}

function element(name: string): HTMLElement {
  return document.createElement(name);
}

test('every shortcut has a key of its own and a name', () => {
  const keys = Object.values(SHORTCUT_KEYS);

  expect(new Set(keys).size).toBe(keys.length);
  expect(Object.keys(english.shortcutNames)).toEqual(Object.keys(SHORTCUT_KEYS));
});

test('a key on a button is a shortcut, whatever its case', () => {
  expect(press('m', element('button'))).toBe('microphone');
  expect(press('M', element('button'), { shiftKey: true })).toBe('microphone');
  expect(press('?', element('button'), { shiftKey: true })).toBe('help');
  expect(press('x', element('button'))).toBeUndefined();
});

test.each(['input', 'textarea', 'select', 'dialog', 'slot'])('in a %s keys are its own', (name) => {
  expect(press('m', element(name))).toBeUndefined();
});

test('what is around the room, as a dialog of the clinic’s or a slot of another component, takes no keys', () => {
  const room = element('div');
  const button = element('button');
  room.append(button);
  let asked: string | undefined;
  room.addEventListener('keydown', (event) => {
    asked = shortcutOf(event);
  });
  for (const around of ['dialog', 'slot']) {
    const other = element(around);
    other.append(room);
    document.body.append(other);
    asked = undefined;
    button.dispatchEvent(new KeyboardEvent('keydown', { key: 'm', bubbles: true, composed: true }));
    expect(asked, around).toBe('microphone');
  }
});

test.each(['ctrlKey', 'altKey', 'metaKey'])('with %s it is the browser’s', (modifier) => {
  expect(press('m', element('button'), { [modifier]: true })).toBeUndefined();
});

test('a key that is held down counts once', () => {
  expect(press('m', element('button'), { repeat: true })).toBeUndefined();
});

test('that shortcuts are off is remembered', () => {
  expect(new ShortcutSetting().isOn).toBe(true);

  new ShortcutSetting().set(false);

  expect(new ShortcutSetting().isOn).toBe(false);
});
