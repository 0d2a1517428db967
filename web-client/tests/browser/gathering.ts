import { onTestFailed } from 'vitest';

import { Participant, type Person } from './participant';
import type { PictureSize } from './picture';
import { type RoomSettings, Server } from './server';

/** One server and the people around it; `close` ends them all, whatever happened. */
export class Gathering {
  readonly #startServer: () => Promise<Server>;
  readonly #participants: Participant[] = [];
  #server: Server | undefined;

  private constructor(startServer: () => Promise<Server>) {
    this.#startServer = startServer;
  }

  /** People will meet by the link that the server prints. */
  static byPrintedLink(): Gathering {
    return new Gathering(() => Server.start());
  }

  /** People will meet in rooms of one's own choice, by tokens. */
  static byTokens(rooms: RoomSettings = {}): Gathering {
    return new Gathering(() => Server.startWithKeys(rooms));
  }

  /** People will meet in sessions that the clinic opens by the API, by tokens. */
  static bySessions(): Gathering {
    return new Gathering(() => Server.startWithSessions());
  }

  /** As {@link Gathering.byTokens}, and whoever measures may join without encryption. */
  static forMeasuring(): Gathering {
    return new Gathering(() => Server.startWithKeys({ encryption: 'optional' }));
  }

  get server(): Server {
    if (this.#server === undefined) throw new Error('the server is not started');
    return this.#server;
  }

  /** Starts the server and a browser for each person, none of them in a room yet. */
  async start(people: readonly Person[], size?: PictureSize): Promise<Participant[]> {
    this.#server = await this.#startServer();
    return this.#invite(people, size);
  }

  /** To call in a test: on failure prints what the server and every page had to say. */
  explainFailure(): void {
    onTestFailed(() => {
      console.error(`server:\n${this.#server?.output.join('') ?? ''}`);
      for (const { person, console: lines } of this.#participants) {
        console.error(`page of ${person.name}:\n${lines.join('\n')}`);
      }
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#participants.map((participant) => participant.close()));
    await this.#server?.stop();
  }

  async #invite(people: readonly Person[], size?: PictureSize): Promise<Participant[]> {
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
}
