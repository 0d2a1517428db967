import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Permission } from '../signaling/protocol/Permission';
import type { Room } from '../room/room';
import { listed } from '../i18n/formats';
import type { Messages } from '../i18n/messages';
import { FocusKeeper } from './focus-keeper';
import * as icons from './icons';
import { participantName } from './names';

/** Somebody who waits to be let in, as it is called. */
export interface WaitingEntry {
  readonly id: string;
  readonly label: string;
  /** Beside a name, which is the person's own word. */
  readonly role: string | undefined;
  readonly isReachable: boolean;
}

/** What somebody with power asks for. */
export type PowerRequest =
  | { readonly action: 'admit' | 'refuse'; readonly participantId: string }
  | { readonly action: 'tell-waiting'; readonly text: string }
  // Whoever comes meanwhile was not looked at, and is not let in.
  | { readonly action: 'admit-all'; readonly participantIds: readonly string[] }
  | { readonly action: 'lock' | 'unlock' | 'mute-all' | 'end' };

/** Who waits, numbered where nothing else tells them apart. */
export function waitingEntries(
  { rules: { waitingList }, participants, localParticipant }: Room,
  messages: Messages,
): WaitingEntry[] {
  const others = [...waitingList, ...participants];
  return waitingList.map((caller, index) => {
    const { id, role, name, isReachable } = caller;
    if (name === '') {
      const number = waitingList.length > 1 ? index + 1 : undefined;
      return { id, label: messages.participant(role, number), role: undefined, isReachable };
    }
    const label = participantName(caller, others, localParticipant.name, messages);
    return { id, label, role: messages.participant(role, undefined), isReachable };
  });
}

declare global {
  interface HTMLElementEventMap {
    /** A power over the session was used. Cancelled if it could not be; what was written stays then. */
    'power-request': CustomEvent<PowerRequest>;
  }
}

/** Who waits, and what its host may do with the session as a whole. */
export class SessionControlsElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    permissions: { attribute: false },
    waiting: { attribute: false },
    locked: { type: Boolean },
    away: { type: Boolean },
    outcome: { state: true },
  };

  declare messages: Messages;
  declare permissions: ReadonlySet<Permission>;
  declare waiting: readonly WaitingEntry[];
  declare locked: boolean;
  /** Nothing of it can be done until the connection is back. */
  declare away: boolean;
  /** What became of what was written last to those who wait. */
  declare outcome: string | undefined;

  constructor() {
    super();
    // Not the next one's button: a press too many would let in somebody else.
    new FocusKeeper(this, ['#waiting', '.session']);
    this.permissions = new Set();
    this.waiting = [];
    this.locked = false;
    this.away = false;
  }

  protected override render(): TemplateResult {
    const { messages, permissions } = this;
    const { disabled, reason } = this.#state;
    return html`
      <div role="status">
        ${this.away ? html`<p id="away">${messages.awayPowers}</p>` : nothing}
      </div>
      ${permissions.has('admit') && this.waiting.length > 0 ? this.#renderWaiting() : nothing}
      <div class="session" role="group" tabindex="-1" aria-label=${messages.session}>
        ${
          permissions.has('lock')
            ? html`<button
                class="lock"
                aria-pressed=${this.locked ? 'true' : 'false'}
                aria-disabled=${disabled}
                aria-describedby=${reason}
                @click=${this.#request({ action: this.locked ? 'unlock' : 'lock' })}
              >
                ${icons.lock}${this.locked ? messages.unlock : messages.lock}
              </button>`
            : nothing
        }
        ${
          permissions.has('mute')
            ? html`<button
                class="mute-all"
                aria-disabled=${disabled}
                aria-describedby=${reason}
                @click=${this.#request({ action: 'mute-all' })}
              >
                ${icons.microphoneOff}${messages.muteAll}
              </button>`
            : nothing
        }
        ${
          permissions.has('end')
            ? html`<button
                class="end"
                aria-disabled=${disabled}
                aria-describedby=${reason}
                @click=${this.#request({ action: 'end' })}
              >
                ${icons.leave}${messages.endForAll}
              </button>`
            : nothing
        }
      </div>
    `;
  }

  /** Not disabled, so that the keyboard stays where it is. */
  get #state(): Record<'disabled' | 'reason', string | typeof nothing> {
    return this.away
      ? { disabled: 'true', reason: 'away' }
      : { disabled: nothing, reason: nothing };
  }

  #renderWaiting(): TemplateResult {
    const { messages, waiting } = this;
    const { disabled, reason } = this.#state;
    return html`<section class="waiting" aria-labelledby="waiting">
      <header>
        <h3 id="waiting" tabindex="-1">${messages.waitingRoom}</h3>
        ${
          waiting.length > 1
            ? html`<button
                class="admit-all"
                aria-disabled=${disabled}
                aria-describedby=${reason}
                @click=${this.#request({
                  action: 'admit-all',
                  participantIds: waiting.map(({ id }) => id),
                })}
              >
                ${messages.admitAll}
              </button>`
            : nothing
        }
      </header>
      <ul>
        ${repeat(
          waiting,
          ({ id }) => id,
          ({ id, label, role }) =>
            html`<li data-waiting=${id}>
              <span class="who">
                <span class="name" dir="auto">${label}</span>
                ${role === undefined ? nothing : html`<span class="role">${role}</span>`}
              </span>
              <button
                class="admit primary"
                aria-label=${messages.admitPerson(label)}
                aria-disabled=${disabled}
                aria-describedby=${reason}
                @click=${this.#request({ action: 'admit', participantId: id })}
              >
                ${messages.admit}
              </button>
              <button
                class="refuse"
                aria-label=${messages.refusePerson(label)}
                aria-disabled=${disabled}
                aria-describedby=${reason}
                @click=${this.#request({ action: 'refuse', participantId: id })}
              >
                ${messages.refuse}
              </button>
            </li>`,
        )}
      </ul>
      <form class="tell" @submit=${this.#handleTell}>
        <label for="tell">${messages.tellWaiting}</label>
        <input
          id="tell"
          maxlength=${MAX_LENGTH}
          autocomplete="off"
          dir="auto"
          @input=${() => {
            this.outcome = undefined;
          }}
        />
        <button type="submit" aria-disabled=${disabled} aria-describedby=${reason}>
          ${messages.chatSend}
        </button>
        <div role="status">${this.outcome ?? nothing}</div>
      </form>
    </section>`;
  }

  readonly #handleTell = (event: Event): void => {
    event.preventDefault();
    const input = this.renderRoot.querySelector<HTMLInputElement>('#tell');
    const text = input?.value.trim() ?? '';
    if (input === null || text === '' || this.away) return;
    const { messages, waiting } = this;
    const unreached = waiting.filter(({ isReachable }) => !isReachable).map(({ label }) => label);
    const notTold = messages.notTold(listed(unreached, messages.language));
    if (unreached.length === waiting.length) {
      this.#sayOutcome(notTold);
      return;
    }
    const detail: PowerRequest = { action: 'tell-waiting', text };
    const request = new CustomEvent('power-request', { detail, cancelable: true });
    if (!this.dispatchEvent(request)) return;
    input.value = '';
    const { toldWaiting } = messages;
    this.#sayOutcome(unreached.length === 0 ? toldWaiting : `${toldWaiting} ${notTold}`);
  };

  /** A screen reader hears the same words again only after they were gone. */
  #sayOutcome(outcome: string): void {
    this.outcome = undefined;
    void this.updateComplete.then(() => {
      this.outcome = outcome;
    });
  }

  #request(detail: PowerRequest): () => void {
    return () => {
      if (this.away) return;
      this.dispatchEvent(new CustomEvent('power-request', { detail }));
    };
  }

  static override readonly styles = css`
    :host {
      display: grid;
      gap: 10px;
      margin-bottom: 10px;
    }
    .session,
    .waiting header,
    li {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 8px;
    }
    .waiting {
      padding: 10px 12px;
      border-radius: 12px;
      background: var(--qr-notice);
      color: var(--qr-notice-text);
    }
    .waiting header {
      justify-content: space-between;
    }
    h3 {
      margin: 0;
      font-size: 1rem;
      font-weight: 600;
    }
    ul {
      margin: 0;
      padding: 0;
      list-style: none;
    }
    li {
      padding: 6px 0;
    }
    .who {
      flex: 1 1 7rem;
      display: grid;
      min-width: 0;
    }
    .name {
      overflow-wrap: anywhere;
      font-weight: 600;
    }
    .role,
    .tell {
      font-size: 0.875rem;
    }
    .tell {
      display: grid;
      grid-template-columns: 1fr auto;
      gap: 4px 8px;
    }
    .tell label,
    .tell [role='status'] {
      grid-column: 1 / -1;
    }
    input {
      box-sizing: border-box;
      width: 100%;
      min-width: 0;
      min-height: 44px;
      padding: 6px 12px;
      border: 1px solid var(--qr-field-border);
      border-radius: 10px;
      background: var(--qr-surface);
      color: var(--qr-text);
      font: inherit;
    }
    button {
      display: inline-flex;
      align-items: center;
      gap: 6px;
      min-height: 44px;
      padding: 6px 14px;
      border: 1px solid var(--qr-field-border);
      border-radius: 999px;
      background: var(--qr-control);
      color: var(--qr-text);
      font: inherit;
      font-size: 0.875rem;
      cursor: pointer;
    }
    button:hover {
      background: var(--qr-control-hover);
    }
    :focus-visible {
      outline: 3px solid var(--qr-focus);
      outline-offset: 2px;
    }
    button.primary {
      border-color: var(--qr-accent);
      background: var(--qr-accent);
      color: var(--qr-accent-text);
      font-weight: 600;
    }
    button[aria-pressed='true'] {
      border-color: var(--qr-accent);
      background: var(--qr-active);
    }
    button.end {
      border-color: var(--qr-danger-border);
      background: var(--qr-danger);
      color: var(--qr-danger-text);
    }
    button[aria-disabled='true'] {
      border-color: var(--qr-border);
      background: none;
      color: var(--qr-muted-text);
      cursor: default;
    }
    #away {
      margin: 0;
      font-size: 0.875rem;
    }
    svg {
      flex: none;
      width: 1.1rem;
      height: 1.1rem;
    }
  `;
}

/** As {@link SessionRules.tellWaiting} takes it. */
const MAX_LENGTH = 500;

customElements.define('quiet-room-session-controls', SessionControlsElement);
