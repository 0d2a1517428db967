import { pathWithin } from './event-path';

/** What a key does while the keyboard is in the room. */
export type Shortcut =
  'microphone' | 'camera' | 'hand' | 'chat' | 'people' | 'view' | 'self' | 'full-screen' | 'help';

/** The keys, as they are written on a keyboard. */
export const SHORTCUT_KEYS: Record<Shortcut, string> = {
  microphone: 'M',
  camera: 'V',
  hand: 'H',
  chat: 'C',
  people: 'P',
  view: 'L',
  self: 'S',
  'full-screen': 'F',
  help: '?',
};

/**
 * What `event` asks for; nothing while somebody writes, or chooses in a list or a
 * dialog, or is in what the clinic put beside the pictures.
 */
export function shortcutOf(event: KeyboardEvent): Shortcut | undefined {
  const { key, altKey, ctrlKey, metaKey, repeat, isComposing } = event;
  if (altKey || ctrlKey || metaKey || repeat || isComposing || event.defaultPrevented) return;
  if (pathWithin(event).some(takesKeys)) return;
  return BY_KEY.get(key.toUpperCase());
}

/** Whether shortcuts are wanted, from one visit to the next. */
export class ShortcutSetting {
  #isOn = stored() !== OFF;

  get isOn(): boolean {
    return this.#isOn;
  }

  set(isOn: boolean): void {
    this.#isOn = isOn;
    try {
      localStorage.setItem(KEY, isOn ? 'on' : OFF);
    } catch {
      // It holds for this visit.
    }
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function takesKeys(target: EventTarget): boolean {
  return (
    target instanceof HTMLElement &&
    (target.matches('input, textarea, select, dialog, slot') || target.isContentEditable)
  );
}

const KEY = 'quietroom.shortcuts';
const OFF = 'off';
const BY_KEY = new Map(
  Object.entries(SHORTCUT_KEYS).map(([shortcut, key]) => [key, shortcut as Shortcut]),
);
