import { css, html, LitElement, type TemplateResult } from 'lit';
import type { Messages } from '../i18n/messages';
import { isFocusLost, tellFocusLost } from './focus-keeper';
import { SHORTCUT_KEYS, type Shortcut, type ShortcutSetting } from './shortcuts';
import { buttonStyles } from './styles/buttons';
import { dialogStyles } from './styles/dialog';

/** The keys that do something, and whether they shall. */
export class HelpSheetElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    setting: { attribute: false },
  };

  declare messages: Messages;
  declare setting: ShortcutSetting;

  open(): void {
    const dialog = this.renderRoot.querySelector('dialog');
    if (dialog?.open === false) dialog.showModal();
  }

  protected override render(): TemplateResult {
    const { messages, setting } = this;
    const shortcuts = Object.entries(SHORTCUT_KEYS) as [Shortcut, string][];
    return html`<dialog aria-labelledby="title" @close=${this.#handleClosed}>
      <h2 id="title">${messages.shortcuts}</h2>
      <p>${messages.shortcutsAdvice}</p>
      <dl>
        ${shortcuts.map(
          ([shortcut, key]) =>
            html`<div>
              <dt><kbd>${key}</kbd></dt>
              <dd>${messages.shortcutNames[shortcut]}</dd>
            </div>`,
        )}
      </dl>
      <label
        ><input
          type="checkbox"
          .checked=${setting.isOn}
          @change=${(event: Event) => {
            setting.set((event.target as HTMLInputElement).checked);
          }}
        />${messages.shortcutsOn}</label
      >
      <div class="answers">
        <button class="close" autofocus @click=${this.#close}>${messages.close}</button>
      </div>
    </dialog>`;
  }

  readonly #close = (): void => {
    this.renderRoot.querySelector('dialog')?.close();
  };

  /** As after a question that was asked. */
  readonly #handleClosed = (): void => {
    if (isFocusLost(this.ownerDocument)) tellFocusLost(this);
  };

  static override readonly styles = [
    buttonStyles,
    dialogStyles,
    css`
      p {
        margin-bottom: 12px;
      }
      dl {
        display: grid;
        gap: 6px;
        margin: 0 0 12px;
      }
      dl div {
        display: grid;
        grid-template-columns: 3rem 1fr;
        align-items: center;
      }
      dd {
        margin: 0;
      }
      kbd {
        display: inline-block;
        box-sizing: border-box;
        min-width: 2rem;
        padding: 2px 8px;
        border: 1px solid var(--qr-field-border);
        border-radius: 6px;
        font: inherit;
        font-weight: 600;
        text-align: center;
      }
      label {
        display: flex;
        align-items: center;
        gap: 8px;
        min-height: 44px;
        cursor: pointer;
      }
      input {
        width: 1.25rem;
        height: 1.25rem;
        margin: 0;
        accent-color: var(--qr-accent);
      }
      input:focus-visible {
        outline: 3px solid var(--qr-focus);
        outline-offset: 2px;
      }
    `,
  ];
}

customElements.define('quiet-room-help', HelpSheetElement);
