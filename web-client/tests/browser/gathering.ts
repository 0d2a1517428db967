import { onTestFailed } from 'vitest';

import { Participant, type Person } from './participant.js';
import type { PictureSize } from './picture.js';
import { Server } from './server.js';

/** One server and the people around it; `close` ends them all, whatever happened. */
export class Gathering {
  readonly server: Server;
  readonly #participants: Participant[] = [];

  private constructor(server: Server) {
    this.server = server;
  }

  /** For `link()`: people meet by the link that the server prints. */
  static async byPrintedLink(): Promise<Gathering> {
    return new Gathering(await Server.start());
  }

  /** For rooms of one's own, by tokens. */
  static async byTokens(): Promise<Gathering> {
    return new Gathering(await Server.startWithKeys());
  }

  /** Starts a browser for each person, none of them in the room yet. */
  async invite(people: readonly Person[], size?: PictureSize): Promise<Participant[]> {
    const arrivals = await Promise.allSettled(
      people.map(async (person) => {
        const participant = await Participant.start(person, size);
        this.#participants.push(participant);
        return participant;
      }),
    );
    return arrivals.map((arrival) => {
      if (arrival.status === 'rejected') throw arrival.reason;
      return arrival.value;
    });
  }

  /** To call in a test: on failure prints what the server and every page had to say. */
  explainFailure(): void {
    onTestFailed(() => {
      console.error(`server:\n${this.server.output.join('')}`);
      for (const { person, console: lines } of this.#participants) {
        console.error(`page of ${person.name}:\n${lines.join('\n')}`);
      }
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#participants.map((participant) => participant.close()));
    await this.server.stop();
  }
}
