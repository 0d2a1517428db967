// @vitest-environment happy-dom
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FocusKeeper, isFocusLost } from './focus-keeper';

class Panel extends LitElement {
  static override readonly properties = {
    hasButton: { state: true },
    hasTitle: { state: true },
    disabled: { state: true },
  };

  declare hasButton: boolean;
  declare hasTitle: boolean;
  declare disabled: boolean;
  readonly keeper = new FocusKeeper(this, ['h2', '.other']);

  constructor() {
    super();
    this.hasButton = true;
    this.hasTitle = true;
    this.disabled = false;
  }

  protected override render(): TemplateResult {
    return html`
      ${this.hasTitle ? html`<h2 tabindex="-1">Title</h2>` : nothing}
      ${this.hasButton ? html`<button class="one" ?disabled=${this.disabled}>One</button>` : nothing}
      <button class="other" ?disabled=${!this.hasTitle}>Other</button>
    `;
  }
}
customElements.define('test-panel', Panel);

let panel: Panel;

beforeEach(async () => {
  panel = new Panel();
  document.body.append(panel);
  await panel.updateComplete;
});

afterEach(() => {
  panel.remove();
});

function find(selector: string): HTMLElement | null {
  return panel.renderRoot.querySelector(selector);
}

test('the keyboard gets another place when its button goes away', async () => {
  find('.one')?.focus();
  panel.hasButton = false;
  await panel.updateComplete;

  expect(panel.shadowRoot?.activeElement).toBe(find('h2'));
  expect(isFocusLost(document)).toBe(false);
});

test('it gets one when its button can no longer be pressed', async () => {
  find('.one')?.focus();
  panel.disabled = true;
  await panel.updateComplete;

  expect(panel.shadowRoot?.activeElement).toBe(find('h2'));
});

test('it stays where it is otherwise, and comes to nobody who did not have it', async () => {
  panel.hasButton = false;
  await panel.updateComplete;
  expect(isFocusLost(document)).toBe(true);

  find('.other')?.focus();
  panel.hasButton = true;
  await panel.updateComplete;
  expect(panel.shadowRoot?.activeElement).toBe(find('.other'));
});

test('where there is no place, what is around is told', async () => {
  const told = vi.fn();
  document.body.addEventListener('focus-lost', told, { once: true });
  find('.one')?.focus();
  panel.hasButton = false;
  panel.hasTitle = false;
  await panel.updateComplete;

  expect(told).toHaveBeenCalledOnce();
});

test('the outermost tells the page nothing', async () => {
  const told = vi.fn();
  document.body.addEventListener('focus-lost', told);
  new FocusKeeper(panel, ['.nowhere'], { isOutermost: true }).findPlace();
  await panel.updateComplete;
  document.body.removeEventListener('focus-lost', told);

  expect(told).not.toHaveBeenCalled();
});
