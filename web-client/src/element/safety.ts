import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { GroupEpoch, GroupMember } from '../e2ee/messages';
import type { Messages } from './i18n';
import * as icons from './icons';

/** Somebody's line in the list. */
export interface SafetyEntry {
  readonly member: GroupMember;
  readonly label: string;
  readonly isLocal: boolean;
}

/**
 * Who holds the keys of the session, and the code to compare by voice. A
 * "compared" mark is of a person's key: it stays when others come and go, and
 * is not there for the same name under another key.
 */
export class SafetyElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    group: { attribute: false },
    entries: { attribute: false },
  };

  declare messages: Messages;
  declare group: GroupEpoch | undefined;
  declare entries: readonly SafetyEntry[];
  readonly #compared = new Set<string>();

  constructor() {
    super();
    this.entries = [];
  }

  protected override render(): TemplateResult {
    const { messages, group } = this;
    if (group === undefined) return html`<p class="pending">${messages.notYetEncrypted}</p>`;
    return html`
      <details>
        <summary>${icons.lock}${messages.encrypted}</summary>
        <div class="panel">
          <h3>${messages.safetyCode}</h3>
          <p class="code" aria-label=${messages.safetyCode}>
            ${groupsOfFive(group.safetyCode).map((digits) => html`<span>${digits}</span>`)}
          </p>
          <p>${messages.safetyAdvice}</p>
          <ul>
            ${this.entries.map((entry) => this.#renderEntry(entry))}
          </ul>
        </div>
      </details>
    `;
  }

  #renderEntry({ member, label, isLocal }: SafetyEntry): TemplateResult {
    const { messages } = this;
    return html`<li data-key=${member.key}>
      <span class="name">${label}</span>
      <span class="role">${messages.participant(member.role, undefined)}</span>
      ${
        isLocal
          ? nothing
          : html`<label
              ><input
                type="checkbox"
                .checked=${this.#compared.has(member.key)}
                @change=${(event: Event) => {
                  this.#mark(member.key, (event.target as HTMLInputElement).checked);
                }}
              />${messages.compared}</label
            >`
      }
    </li>`;
  }

  #mark(key: string, isCompared: boolean): void {
    if (isCompared) this.#compared.add(key);
    else this.#compared.delete(key);
    this.requestUpdate();
  }

  static override readonly styles = css`
    :host {
      display: block;
      align-self: center;
      max-width: 100%;
      font-size: 0.9375rem;
    }
    .pending {
      margin: 0;
      color: #c4d4d2;
      text-align: center;
    }
    summary {
      display: flex;
      align-items: center;
      justify-content: center;
      gap: 8px;
      padding: 4px 12px;
      border-radius: 999px;
      color: #9fd8c8;
      cursor: pointer;
      list-style: none;
    }
    summary:focus-visible {
      outline: 3px solid #ffd27a;
      outline-offset: 2px;
    }
    summary svg {
      flex: none;
      width: 1.2rem;
      height: 1.2rem;
    }
    .panel {
      max-width: 30rem;
      max-height: 40vh;
      padding: 12px 16px;
      overflow: auto;
      border-radius: 14px;
      background: #1c2b2e;
      color: #f3f7f6;
    }
    h3 {
      margin: 0 0 6px;
      font-size: 1rem;
    }
    p {
      margin: 0 0 10px;
    }
    .code {
      display: flex;
      flex-wrap: wrap;
      gap: 4px 14px;
      font-family: ui-monospace, monospace;
      font-size: 1.125rem;
    }
    ul {
      display: grid;
      gap: 6px;
      margin: 0;
      padding: 0;
      list-style: none;
    }
    li {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 4px 12px;
    }
    .role {
      flex: 1;
      color: #c4d4d2;
    }
    label {
      display: inline-flex;
      align-items: center;
      gap: 6px;
      min-height: 32px;
    }
  `;
}

function groupsOfFive(digits: string): readonly string[] {
  return digits.match(/.{5}/g) ?? [];
}

customElements.define('quiet-room-safety', SafetyElement);
