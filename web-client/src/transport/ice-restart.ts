import { BackOff } from '../signaling/back-off';

/** What an {@link IceRestart} has others do. */
export interface IceRestartDuties {
  /** Whether an offer would reach the server now, as far as is known. */
  canOffer(): boolean;
  /** Whether media has stopped coming, as far as can be told. */
  isSilent(): boolean;
  /** Sends an offer with new ICE credentials. */
  offer(): void;
  /** Takes back the offer that is not answered: it was refused. */
  withdraw(): void;
  /** No answer came: the connection to the server may be dead too. */
  doubtServer(): void;
  /** Media did not come, or not come back. */
  giveUp(): void;
}

/**
 * When to restart ICE (RFC 8445 §2.4) on one connection for media: the network
 * may be another one, or media has fallen silent. A restart takes nothing from
 * media that flows. One offer is answered before the next is made.
 */
export class IceRestart {
  readonly #duties: IceRestartDuties;
  readonly #backOff = new BackOff();
  #state: RTCPeerConnectionState = 'new';
  #wasConnected = false;
  #isWanted = false;
  /** When the offer was made that is not answered yet. */
  #offeredAt: number | undefined;
  /** How long its answer may take. */
  #patience = LEAST_PATIENCE;
  #attempts = 0;
  /** How often in a row an answer did not come in time. */
  #doubts = 0;
  /** Runs from a refusal until the offer is taken back. */
  #refusal: ReturnType<typeof setTimeout> | undefined;
  /** Runs from an attempt until it must have helped. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(duties: IceRestartDuties) {
    this.#duties = duties;
  }

  /** Whether there has been a connection for media. */
  get wasConnected(): boolean {
    return this.#wasConnected;
  }

  /** Takes note of how the connection for media is. */
  handleState(state: RTCPeerConnectionState): void {
    this.#state = state;
    if (state === 'connected') {
      this.#wasConnected = true;
      this.#begin();
    } else if (state === 'failed' && !this.#wasConnected) {
      this.#duties.giveUp();
    } else if (state === 'disconnected' || state === 'failed') {
      this.#want();
    }
  }

  /** The server can be reached, maybe from elsewhere than before. */
  handleReachable(): void {
    this.#begin();
    this.#want();
  }

  /** An answer is in force. */
  handleAnswer(): void {
    this.#offeredAt = undefined;
    this.#patience = LEAST_PATIENCE;
    this.#doubts = 0;
    this.#clearRefusal();
    if (this.#isWanted && this.#timer === undefined) this.#want();
  }

  /**
   * The server refused something that was sent, which may have been the offer:
   * if no answer comes soon, another one is made.
   */
  handleRefusal(): void {
    if (this.#isClosed || this.#offeredAt === undefined || this.#refusal !== undefined) return;
    this.#refusal = setTimeout(() => {
      this.#refusal = undefined;
      this.#offeredAt = undefined;
      this.#duties.withdraw();
      this.#want();
    }, AFTER_REFUSAL);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#clearRefusal();
  }

  #clearRefusal(): void {
    clearTimeout(this.#refusal);
    this.#refusal = undefined;
  }

  /** Forgets what failed before. */
  #begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#attempts = 0;
    this.#backOff.reset();
  }

  /** Before media has flowed there is nothing to restart. */
  #want(): void {
    if (this.#isClosed || !this.#wasConnected) return;
    this.#isWanted = true;
    if (this.#timer === undefined) this.#attempt();
  }

  #attempt(): void {
    // Until it can, the stay's socket has a time of its own to come back.
    if (!this.#duties.canOffer()) return;
    if (this.#attempts >= MOST_ATTEMPTS) {
      this.#giveUp();
      return;
    }
    this.#attempts += 1;
    this.#timer = setTimeout(this.#review, LEAST_WAIT + this.#backOff.next());
    if (this.#offeredAt !== undefined) return;
    this.#isWanted = false;
    this.#offeredAt = Date.now();
    this.#duties.offer();
  }

  readonly #review = (): void => {
    this.#timer = undefined;
    const isLate = this.#offeredAt !== undefined && Date.now() - this.#offeredAt >= this.#patience;
    // A server that refuses is there.
    if (isLate && this.#refusal === undefined) {
      // A path this slow must not be given up for ever before an answer can come.
      this.#patience *= 2;
      this.#doubts += 1;
      if (this.#doubts > MOST_DOUBTS) {
        this.#giveUp();
        return;
      }
      this.#duties.doubtServer();
    }
    // A browser may go on with a path that is dead. But silence may also be
    // what it is: no reason to go on for long.
    const isInVain = this.#duties.isSilent() && this.#attempts < MOST_FOR_SILENCE;
    if (this.#isWanted || this.#state !== 'connected' || isInVain) this.#want();
  };

  #giveUp(): void {
    this.close();
    this.#duties.giveUp();
  }
}

/** They take about twenty seconds. */
const MOST_ATTEMPTS = 8;
const MOST_FOR_SILENCE = 3;
/** A server that can be reached again and again and never answers has lost the offer. */
const MOST_DOUBTS = 3;

// In ms.

/** For an offer, its answer and the first checks. */
const LEAST_WAIT = 750;

/** For an answer, until the socket is held for dead. */
const LEAST_PATIENCE = 1500;

/** From a refusal until the offer is held for what was refused. */
const AFTER_REFUSAL = 2000;
