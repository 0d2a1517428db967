import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { toQuietroomError, type QuietroomError } from '../error';
import type { Messages } from '../i18n/messages';
import type { MediaAddress, NetworkTest } from '../transport/network-test';
import * as icons from './icons';
import { buttonStyles } from './styles/buttons';

/** How a network is tested; see {@link testNetwork}. */
export type TestNetwork = (signal: AbortSignal) => Promise<NetworkTest>;

/** A button that tries whether sound and pictures would get through, and what came of it in plain words. */
export class ConnectionCheckElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    test: { attribute: false },
    outcome: { state: true },
  };

  declare messages: Messages;
  declare test: TestNetwork;
  declare outcome: NetworkTest | QuietroomError | 'running' | undefined;
  #running: AbortController | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    // A test beside a session would take some of the line.
    this.#running?.abort();
  }

  protected override render(): TemplateResult {
    const { messages, outcome } = this;
    const needs = neededAddresses(outcome);
    return html`
      <button
        type="button"
        class="check"
        aria-disabled=${outcome === 'running' ? 'true' : 'false'}
        @click=${this.#handlePress}
      >
        ${icons.connection}${messages.testConnection}
      </button>
      <p role="status">${outcomeText(outcome, messages)}</p>
      ${
        needs.length === 0
          ? nothing
          : html`<p class="needs">${messages.connectionNeeds}</p>
              <ul>
                ${needs.map((line) => html`<li><bdi dir="ltr">${line}</bdi></li>`)}
              </ul>`
      }
    `;
  }

  readonly #handlePress = (): void => {
    // Not disabled, so that the keyboard stays where it is.
    if (this.outcome === 'running') return;
    void this.#run();
  };

  async #run(): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    this.outcome = 'running';
    const outcome = await this.test(running.signal).catch((reason: unknown) =>
      toQuietroomError(reason, 'internal'),
    );
    this.outcome = running.signal.aborted ? undefined : outcome;
    await this.updateComplete;
    // It may be longer than what was there before, and below what is seen.
    if (this.shadowRoot?.activeElement != null) this.scrollIntoView({ block: 'nearest' });
  }

  static override readonly styles = [
    buttonStyles,
    css`
      :host {
        display: block;
        text-align: start;
      }
      button {
        min-height: 44px;
        padding: 4px 16px;
      }
      button[aria-disabled='true'] {
        color: var(--qr-muted-text);
        cursor: progress;
      }
      p {
        min-height: 1.4em;
        margin: 6px 0 0;
        color: var(--qr-muted-text);
        font-size: 0.875rem;
      }
      ul {
        margin: 4px 0 0;
        padding-inline-start: 1.2em;
        font-size: 0.875rem;
        overflow-wrap: anywhere;
        user-select: text;
      }
    `,
  ];
}

function outcomeText(
  outcome: ConnectionCheckElement['outcome'],
  messages: Messages,
): string | typeof nothing {
  if (outcome === undefined) return nothing;
  if (outcome === 'running') return messages.testingConnection;
  if (outcome instanceof Error) return messages.errors[outcome.code].join(' ');
  const { verdict, roundTripTime = 0 } = outcome;
  const text = messages.connectionVerdicts[verdict];
  return roundTripTime > SLOW ? `${text} ${messages.connectionSlow}` : text;
}

/** What a firewall would have to let through, where it does not, as its owner writes it. */
function neededAddresses(outcome: ConnectionCheckElement['outcome']): readonly string[] {
  if (outcome === undefined || outcome === 'running' || outcome instanceof Error) return [];
  const { verdict, addresses, paths } = outcome;
  if (verdict === 'good' || verdict === 'relayed') return [];
  const blocked = addresses.filter(({ path }) => paths[path] === 'failed');
  return [...new Set(blocked.map(addressText))];
}

function addressText({ path, host, port }: MediaAddress): string {
  const isBare = host.includes(':') && !host.startsWith('[');
  return `${PROTOCOLS[path]} ${isBare ? `[${host}]` : host}:${port}`;
}

const PROTOCOLS: Record<MediaAddress['path'], string> = {
  udp: 'UDP',
  tcp: 'TCP',
  'relay-udp': 'UDP',
  'relay-tcp': 'TCP',
  'relay-tls': 'TCP',
};

/** To the server and back, in ms: with as much again to another person, ITU-T G.114 has talk suffer. */
const SLOW = 300;

customElements.define('quiet-room-connection-check', ConnectionCheckElement);
