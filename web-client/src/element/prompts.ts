import { html, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { Emitter } from '../events';

/** Something that the person may answer, or only take note of. */
export interface Prompt {
  /** What it is about; there is one prompt for each. */
  readonly subject: string;
  readonly text: string;
  /** At least one. The first stands out. */
  readonly answers: readonly Answer[];
}

/** A button under a prompt. */
export interface Answer {
  readonly label: string;
  readonly act: () => void;
}

/** What the room asks of the person just now, oldest first. */
export class Prompts extends Emitter<{ changed: [] }> {
  readonly #prompts = new Map<string, Prompt>();

  get all(): readonly Prompt[] {
    return [...this.#prompts.values()];
  }

  has(subject: string): boolean {
    return this.#prompts.has(subject);
  }

  /** In place of one about the same. */
  show(prompt: Prompt): void {
    this.#prompts.set(prompt.subject, prompt);
    this.emit('changed');
  }

  dismiss(subject: string): void {
    if (this.#prompts.delete(subject)) this.emit('changed');
  }

  clear(): void {
    this.#prompts.clear();
    this.emit('changed');
  }
}

/** The prompts as lines with buttons. */
export function renderPrompts(prompts: Prompts): TemplateResult {
  const press = ({ subject }: Prompt, { act }: Answer): void => {
    prompts.dismiss(subject);
    act();
  };
  return html`<div class="prompts" role="alert" aria-atomic="false">
    ${repeat(
      prompts.all,
      ({ subject }) => subject,
      (prompt) =>
        html`<div class="prompt" part="prompt" data-subject=${prompt.subject}>
          <p>${prompt.text}</p>
          <div class="answers">
            ${prompt.answers.map(
              (answer, index) =>
                html`<button
                  class=${index === 0 ? 'primary' : ''}
                  @click=${() => {
                    press(prompt, answer);
                  }}
                >
                  ${answer.label}
                </button>`,
            )}
          </div>
        </div>`,
    )}
  </div>`;
}
