import type { AudioCodec } from '../signaling/protocol/AudioCodec';
import { withConstantBitrate } from './constant-bitrate';
import { withSoundIn } from './redundancy';

/**
 * A connection's session descriptions, one exchange after the other. Changing
 * the codec of sound is none of the server's business, which took them all:
 * its answer is put in force again, with that codec first. Senders' own
 * parameters cannot choose between RED and Opus in any browser yet.
 */
export class Descriptions {
  readonly #connection: RTCPeerConnection;
  readonly #soundSections: () => readonly string[];
  #soundCodec: AudioCodec = 'opus';
  /** The server's newest, as it came. */
  #answer: string | undefined;
  /** What of it is in force. */
  #applied: string | undefined;
  /** An offer was taken back, and its answer may come all the same. */
  #isWithdrawn = false;
  #last: Promise<unknown> = Promise.resolve();

  /** `soundSections`: the `a=mid` of those that we send sound on, once they have one. */
  constructor(connection: RTCPeerConnection, soundSections: () => readonly string[]) {
    this.#connection = connection;
    this.#soundSections = soundSections;
  }

  /** Makes an offer and returns its text. Until it is answered nothing else changes. */
  offer(): Promise<string> {
    return this.#offer(() => undefined);
  }

  /** As {@link Descriptions.offer}, with new ICE credentials (RFC 8445 §2.4), after `prepare`. */
  restart(prepare: () => void = () => undefined): Promise<string> {
    // Not before it is our turn: the answer in force must fit until then.
    return this.#offer(() => {
      prepare();
      this.#connection.restartIce();
    });
  }

  /** Takes the server's answer; rejects if it does not fit the offer. */
  answer(sdp: string): Promise<void> {
    return this.#afterTheLast(async () => {
      // The answer to an offer that was taken back may come late, and then twice.
      if (this.#isWithdrawn || this.#connection.signalingState !== 'have-local-offer') return;
      await this.#accept(sdp);
      this.#answer = sdp;
    });
  }

  /** Takes back the offer that is not answered; what was in force before is so again. */
  withdraw(): Promise<void> {
    return this.#afterTheLast(async () => {
      if (this.#connection.signalingState !== 'have-local-offer') return;
      this.#isWithdrawn = true;
      await this.#connection.setLocalDescription({ type: 'rollback' });
    });
  }

  /** Sends sound in this codec, if the server took it; at once, or with the answer that is awaited. */
  sendSoundIn(codec: AudioCodec): Promise<void> {
    this.#soundCodec = codec;
    return this.#afterTheLast(async () => {
      const answer = this.#answer;
      if (answer === undefined || this.#connection.signalingState !== 'stable') return;
      if (this.#chosen(answer) === this.#applied) return;
      try {
        await this.#connection.setLocalDescription();
        await this.#accept(answer);
      } catch {
        // What was in force stays so: nothing was agreed upon with the server.
        await this.#connection.setLocalDescription({ type: 'rollback' }).catch(() => undefined);
      }
    });
  }

  #offer(prepare: () => void): Promise<string> {
    return this.#afterTheLast(async () => {
      prepare();
      this.#isWithdrawn = false;
      await this.#connection.setLocalDescription();
      return this.#connection.localDescription?.sdp ?? '';
    });
  }

  async #accept(answer: string): Promise<void> {
    const sdp = this.#chosen(answer);
    await this.#connection.setRemoteDescription({ type: 'answer', sdp });
    this.#applied = sdp;
  }

  #chosen(answer: string): string {
    const sections = this.#soundSections();
    return withConstantBitrate(withSoundIn(this.#soundCodec, answer, sections), sections);
  }

  #afterTheLast<Result>(step: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(step);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
