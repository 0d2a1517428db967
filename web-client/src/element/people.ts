import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { GroupEpoch, GroupMember } from '../e2ee/messages';
import type { EmergencyInformation } from '../room/participant';
import type { Messages } from '../i18n/messages';
import { FocusKeeper } from './focus-keeper';
import * as icons from './icons';
import { panelStyles } from './panel';
import type { PersonAction } from './powers';

/** Somebody's line in the list. */
export interface PeopleEntry {
  readonly participantId: string;
  /** Absent of somebody who is here and holds no keys. */
  readonly member: GroupMember | undefined;
  readonly label: string;
  readonly role: string;
  readonly isLocal: boolean;
  readonly handRaised: boolean;
  /** Whose turn it is, from 1, where several hands are up. */
  readonly handPlace: number | undefined;
  /** How this one's connection is, in words; absent where it is good. */
  readonly connection: string | undefined;
  /** What is known of this one's consent, in words; absent where it is no question. */
  readonly consent: string | undefined;
  /** The code was compared with this person's key in force. */
  readonly isCompared: boolean;
  readonly emergency: EmergencyInformation | undefined;
  /** What may be done to or asked of this person. */
  readonly actions: readonly PersonAction[];
}

/** That an action was chosen. */
export interface PersonRequest {
  readonly participantId: string;
  readonly action: PersonAction;
}

/** That a person was marked as compared, or is no more. */
export interface Comparison {
  /** The person's key. */
  readonly key: string;
  readonly isCompared: boolean;
}

declare global {
  interface HTMLElementEventMap {
    'compared-change': CustomEvent<Comparison>;
    'person-request': CustomEvent<PersonRequest>;
  }
}

/**
 * Who holds the keys of the session, who is here without, and the code to
 * compare by voice. A "compared" mark is of a person's key: it stays when others
 * come and go, and is not there for the same name under another key.
 */
export class PeopleElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    group: { attribute: false },
    entries: { attribute: false },
    away: { type: Boolean },
  };

  declare messages: Messages;
  declare group: GroupEpoch | undefined;
  declare entries: readonly PeopleEntry[];
  /** Nothing can be done to anybody until the connection is back. */
  declare away: boolean;

  constructor() {
    super();
    new FocusKeeper(this, ['.scroll']);
    this.entries = [];
    this.away = false;
  }

  protected override render(): TemplateResult {
    const { messages, group } = this;
    return html`
      <div class="scroll" tabindex="0" role="group" aria-label=${messages.people}>
        <ul>
          ${repeat(
            this.entries,
            ({ member, participantId }) => member?.leaf ?? participantId,
            (entry) => this.#renderEntry(entry),
          )}
        </ul>
        ${
          group === undefined
            ? html`<p class="pending">${messages.notYetEncrypted}</p>`
            : this.#renderSafetyCode(group)
        }
      </div>
    `;
  }

  #renderSafetyCode({ safetyCode }: GroupEpoch): TemplateResult {
    const { messages } = this;
    return html`<section aria-labelledby="code">
      <h3 id="code">${icons.lock}${messages.safetyCode}</h3>
      <p class="code">${groupsOfFive(safetyCode).map((digits) => html`<span>${digits}</span>`)}</p>
      <p class="advice">${messages.safetyAdvice}</p>
    </section>`;
  }

  #renderEntry(entry: PeopleEntry): TemplateResult {
    const { messages } = this;
    const { member, label, role, isLocal, handRaised, handPlace, isCompared } = entry;
    const { connection, consent } = entry;
    return html`<li data-key=${member?.key ?? nothing}>
      <div class="who">
        <span class="name" dir="auto">${label}</span>
        <span class="role">${role}</span>
      </div>
      ${handRaised ? this.#renderHand(handPlace) : nothing}
      ${
        isLocal || member === undefined
          ? nothing
          : html`<label class=${isCompared ? 'compared' : ''}
              ><input
                type="checkbox"
                aria-label=${messages.comparedWith(label)}
                .checked=${isCompared}
                @change=${(event: Event) => {
                  this.#mark(member.key, (event.target as HTMLInputElement).checked);
                }}
              />${messages.compared}</label
            >`
      }
      ${
        member === undefined && this.group !== undefined
          ? html`<p class="keyless">${messages.notInGroup}</p>`
          : nothing
      }
      ${connection === undefined ? nothing : html`<p class="connection">${connection}</p>`}
      ${consent === undefined ? nothing : html`<p class="consent">${consent}</p>`}
      ${
        entry.emergency === undefined
          ? nothing
          : html`<dl class="emergency" aria-label=${messages.emergencyOf(label)}>
              <dt>${messages.emergencyWhere}</dt>
              <dd dir="auto">${entry.emergency.place}</dd>
              <dt>${messages.emergencyContact}</dt>
              <dd dir="auto">${entry.emergency.contact}</dd>
            </dl>`
      }
      ${entry.actions.length === 0 ? nothing : this.#renderActions(entry)}
    </li>`;
  }

  #renderHand(place: number | undefined): TemplateResult {
    const { messages } = this;
    const words = place === undefined ? messages.handRaised : messages.handRaisedAs(place);
    return html`<span class="hand" role="img" aria-label=${words} title=${words}
      >${icons.hand}${place === undefined ? nothing : html`<span class="place">${place}</span>`}</span
    >`;
  }

  #renderActions({ participantId, label, actions }: PeopleEntry): TemplateResult {
    const { messages } = this;
    return html`<div class="actions" role="group" aria-label=${messages.actionsOn(label)}>
      ${repeat(
        actions,
        (action) => action,
        (action) =>
          html`<button
            class=${action}
            aria-disabled=${this.away ? 'true' : nothing}
            title=${this.away ? messages.awayPowers : nothing}
            @click=${() => {
              if (this.away) return;
              const detail: PersonRequest = { participantId, action };
              this.dispatchEvent(new CustomEvent('person-request', { detail }));
            }}
          >
            ${messages.actions[action]}
          </button>`,
      )}
    </div>`;
  }

  #mark(key: string, isCompared: boolean): void {
    const detail: Comparison = { key, isCompared };
    this.dispatchEvent(new CustomEvent('compared-change', { detail }));
  }

  static override readonly styles = [
    panelStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      .pending {
        margin: auto;
        color: var(--qr-muted-text);
      }
      ul {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 10px;
        min-height: 48px;
        padding: 4px 0;
        border-bottom: 1px solid var(--qr-border-faint);
      }
      .who {
        flex: 1;
        display: grid;
        min-width: 0;
      }
      .name {
        overflow-wrap: anywhere;
        font-weight: 600;
        line-height: 1.3;
      }
      .role,
      .keyless,
      .connection,
      .consent {
        color: var(--qr-muted-text);
        font-size: 0.875rem;
      }
      .keyless,
      .connection,
      .consent {
        flex: 1 0 100%;
        margin: -6px 0 0;
        overflow-wrap: anywhere;
      }
      .emergency {
        box-sizing: border-box;
        flex: 1 0 100%;
        margin: 0;
        padding: 6px 10px;
        border-radius: 10px;
        background: var(--qr-notice);
        color: var(--qr-notice-text);
        font-size: 0.875rem;
      }
      dt {
        font-weight: 600;
      }
      dd {
        margin: 0;
        overflow-wrap: anywhere;
      }
      .actions {
        flex: 1 0 100%;
        display: flex;
        flex-wrap: wrap;
        gap: 6px;
        padding-bottom: 6px;
      }
      .actions button {
        min-height: 44px;
        padding: 4px 12px;
        border: 1px solid var(--qr-border);
        border-radius: 999px;
        background: var(--qr-control);
        color: var(--qr-text);
        font: inherit;
        font-size: 0.875rem;
        cursor: pointer;
      }
      .actions button:hover {
        background: var(--qr-control-hover);
      }
      .actions button[aria-disabled='true'] {
        background: none;
        color: var(--qr-muted-text);
        cursor: default;
      }
      .hand {
        display: flex;
        align-items: center;
        gap: 4px;
        color: var(--qr-highlight);
      }
      .place {
        font-weight: 700;
        font-variant-numeric: tabular-nums;
      }
      svg {
        width: 1.2rem;
        height: 1.2rem;
      }
      label {
        display: inline-flex;
        align-items: center;
        gap: 6px;
        min-height: 44px;
        color: var(--qr-muted-text);
        font-size: 0.875rem;
        cursor: pointer;
      }
      label.compared {
        color: var(--qr-accent);
      }
      input {
        width: 1.15rem;
        height: 1.15rem;
        margin: 0;
        accent-color: var(--qr-accent);
      }
      section {
        margin-top: 16px;
        padding: 12px 14px;
        border-radius: 12px;
        background: var(--qr-background);
      }
      h3 {
        display: flex;
        align-items: center;
        gap: 8px;
        margin: 0 0 8px;
        color: var(--qr-accent);
        font-size: 1rem;
        font-weight: 600;
      }
      .code {
        display: grid;
        grid-template-columns: repeat(3, max-content);
        justify-content: space-between;
        gap: 4px 12px;
        max-width: 17rem;
        margin: 0 0 10px;
        font-family: ui-monospace, monospace;
        font-size: 1.25rem;
        letter-spacing: 0.04em;
      }
      .advice {
        margin: 0;
        color: var(--qr-muted-text);
        font-size: 0.875rem;
      }
    `,
  ];
}

function groupsOfFive(digits: string): readonly string[] {
  return digits.match(/.{5}/g) ?? [];
}

customElements.define('quiet-room-people', PeopleElement);
