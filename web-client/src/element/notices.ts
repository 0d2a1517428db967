import { html, type TemplateResult } from 'lit';
import type { QuietroomError } from '../error';
import { Emitter } from '../events';
import type { RemoteParticipant } from '../room/participant';
import type { Warning } from '../room/protection';
import type { Messages } from '../i18n/messages';

interface NoticesEvents {
  /** {@link Notices.errors} are others. */
  changed: [];
}

/**
 * What does not work just now: of a device until it works or is tried again, of
 * all else for a while. That no screen was chosen is nothing that has to work.
 */
export class Notices extends Emitter<NoticesEvents> {
  /** By what they are about. */
  readonly #errors = new Map<string, QuietroomError>();
  /** By what they are about, too. */
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  get errors(): readonly QuietroomError[] {
    return [...this.#errors.values()];
  }

  note(error: QuietroomError): void {
    // These are warnings of the room's, which knows when they are over.
    if (WARNINGS.has(error.code)) return;
    const about = subject(error);
    this.#errors.set(about, error);
    this.emit('changed');
    if (STAYING.has(about)) return;
    clearTimeout(this.#timers.get(about));
    const hide = (): void => {
      this.delete(about);
    };
    this.#timers.set(about, setTimeout(hide, SHOWN_FOR));
  }

  delete(about: string): void {
    clearTimeout(this.#timers.get(about));
    if (this.#errors.delete(about)) this.emit('changed');
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#errors.clear();
  }
}

/** The lines of what does not work, and of what is amiss with the protection. */
export function renderNotices(
  errors: readonly QuietroomError[],
  warnings: readonly Warning[],
  nameOf: (participant: RemoteParticipant) => string,
  messages: Messages,
): TemplateResult[] {
  return [
    ...new Set(warnings.map((warning) => warningText(warning, nameOf, messages))),
    ...errors.map(({ code }) => messages.errors[code].join(' ')),
  ].map((text) => html`<p class="notice" part="notice">${text}</p>`);
}

function warningText(
  warning: Warning,
  nameOf: (participant: RemoteParticipant) => string,
  messages: Messages,
): string {
  switch (warning.kind) {
    case 'sender-mismatch':
    case 'undecryptable':
    case 'role-mismatch':
    case 'key-changed':
      return messages.warnings[warning.kind](nameOf(warning.participant));
    case 'hidden-member':
      return messages.hiddenMember;
    case 'unsent':
      return messages.unsent;
  }
}

/** What an error is about: a device, a shared screen, what was not sent, or the room. */
function subject({ code }: QuietroomError): string {
  if (code === 'screens-full') return 'screen';
  if (code === 'not-connected') return 'connection';
  return /^(microphone|camera|screen)-/.exec(code)?.[1] ?? ROOM;
}

const ROOM = 'room';

/** About what a line stays until it works or is tried again. */
const STAYING: ReadonlySet<string> = new Set(['microphone', 'camera']);

const WARNINGS: ReadonlySet<string> = new Set<Warning['kind']>([
  'sender-mismatch',
  'role-mismatch',
  'key-changed',
]);

/** In ms. */
const SHOWN_FOR = 30_000;
