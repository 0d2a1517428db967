import { css, html, LitElement, type TemplateResult } from 'lit';
import type { Messages } from '../i18n/messages';
import { isFocusLost, tellFocusLost } from './focus-keeper';
import { buttonStyles } from './styles/buttons';
import { dialogStyles } from './styles/dialog';

/** Something that cannot be taken back. */
export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button that does it says. */
  readonly label: string;
  readonly act: () => void;
}

/** Asks before something is done that cannot be taken back. */
export class ConfirmationElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    question: { state: true },
  };

  declare messages: Messages;
  declare question: Question | undefined;

  async ask(question: Question): Promise<void> {
    this.question = question;
    await this.updateComplete;
    this.renderRoot.querySelector('dialog')?.showModal();
  }

  protected override render(): TemplateResult {
    const { question, messages } = this;
    return html`<dialog
      aria-labelledby="title"
      aria-describedby="text"
      @close=${this.#handleClosed}
    >
      <h2 id="title">${question?.title}</h2>
      <p id="text">${question?.text}</p>
      <div class="answers">
        <button class="cancel" autofocus @click=${this.#close}>${messages.cancel}</button>
        <button class="confirm" @click=${this.#confirm}>${question?.label}</button>
      </div>
    </dialog>`;
  }

  readonly #close = (): void => {
    this.renderRoot.querySelector('dialog')?.close();
  };

  /** The browser gives the keyboard back to what had it, which may be gone by now. */
  readonly #handleClosed = (): void => {
    if (isFocusLost(this.ownerDocument)) tellFocusLost(this);
  };

  readonly #confirm = (): void => {
    this.#close();
    this.question?.act();
  };

  static override readonly styles = [
    buttonStyles,
    dialogStyles,
    css`
      .confirm {
        border-color: var(--qr-danger-border);
        background: var(--qr-danger);
        color: var(--qr-danger-text);
      }
      .confirm:hover {
        background: var(--qr-danger-hover);
      }
    `,
  ];
}

customElements.define('quiet-room-confirmation', ConfirmationElement);
