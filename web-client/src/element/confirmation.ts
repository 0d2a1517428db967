import { css, html, LitElement, type TemplateResult } from 'lit';
import type { Messages } from './i18n';

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
    return html`<dialog aria-labelledby="title" aria-describedby="text">
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

  readonly #confirm = (): void => {
    this.#close();
    this.question?.act();
  };

  static override readonly styles = css`
    dialog {
      box-sizing: border-box;
      width: min(28rem, calc(100vw - 32px));
      padding: 20px;
      border: 1px solid #52696b;
      border-radius: 16px;
      background: #1c2b2e;
      color: #f3f7f6;
    }
    dialog::backdrop {
      background: rgb(0 0 0 / 60%);
    }
    h2 {
      margin: 0 0 8px;
      font-size: 1.25rem;
      font-weight: 600;
    }
    p {
      margin: 0 0 20px;
      color: #d3e0de;
    }
    .answers {
      display: flex;
      flex-wrap: wrap;
      justify-content: flex-end;
      gap: 8px;
    }
    button {
      min-height: 48px;
      padding: 8px 20px;
      border: 1px solid #52696b;
      border-radius: 999px;
      background: #26383b;
      color: inherit;
      font: inherit;
      cursor: pointer;
    }
    button:focus-visible {
      outline: 3px solid #ffd27a;
      outline-offset: 2px;
    }
    .confirm {
      border-color: #c0392f;
      background: #a92d24;
      color: #fff;
    }
  `;
}

customElements.define('quiet-room-confirmation', ConfirmationElement);
