/** What a relay answers that does not relay for us, by a STUN code (RFC 8489 §14.8, RFC 8656 §19). */
const REFUSALS = { first: 400, last: 599 } as const;

/**
 * Watches whether relays refuse to work for this connection, as with
 * credentials that are not theirs. Firefox tells of no such thing.
 */
export class RelayWatch {
  readonly #connection: RTCPeerConnection;
  readonly #giveUp: () => void;
  #refusal: string | undefined;
  #hasCandidates = false;
  #hasRelay = false;

  /** `giveUp` is called when no way is left since relays have refused. */
  constructor(connection: RTCPeerConnection, giveUp: () => void) {
    this.#connection = connection;
    this.#giveUp = giveUp;
    connection.addEventListener('icegatheringstatechange', this.#handleGathering);
    connection.addEventListener('icecandidate', this.#handleCandidate);
    connection.addEventListener('icecandidateerror', this.#handleError);
  }

  /** What a relay said, if none took us; for a developer's console. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  stop(): void {
    this.#connection.removeEventListener('icegatheringstatechange', this.#handleGathering);
    this.#connection.removeEventListener('icecandidate', this.#handleCandidate);
    this.#connection.removeEventListener('icecandidateerror', this.#handleError);
  }

  readonly #handleGathering = (): void => {
    switch (this.#connection.iceGatheringState) {
      case 'new':
        break;
      case 'gathering':
        this.#refusal = undefined;
        this.#hasCandidates = false;
        this.#hasRelay = false;
        break;
      case 'complete':
        // With none of our own there is nothing to check.
        if (this.#refusal !== undefined && !this.#hasCandidates) this.#giveUp();
        break;
    }
  };

  readonly #handleCandidate = ({ candidate }: RTCPeerConnectionIceEvent): void => {
    // An empty one says that there are no more.
    if (candidate === null || candidate.candidate === '') return;
    this.#hasCandidates = true;
    if (candidate.type !== 'relay') return;
    this.#hasRelay = true;
    this.#refusal = undefined;
  };

  readonly #handleError = (event: RTCPeerConnectionIceErrorEvent): void => {
    // One that relays is enough, whatever others say.
    if (this.#hasRelay) return;
    const { errorCode, errorText, url } = event;
    if (errorCode < REFUSALS.first || errorCode > REFUSALS.last) return;
    this.#refusal = `${url}: ${errorCode} ${errorText}`;
  };
}
