import { onTestFailed } from 'vitest';

import type { Attendee } from '../browser/attendee';
import { keepConnections } from '../browser/connections';
import type { OtherBrowser, Participant } from '../browser/participant';
import { Server } from '../browser/server';
import type { Role } from '../../src/signaling/protocol/Role';
import { Machine, SERVER, trusting } from './machine';

/** Who is where in an {@link Encounter}. */
export interface Placement<Far extends Attendee> {
  /** Short: the names of the machine's cables here begin with it. */
  readonly name: string;
  /** Gives the machine its cables. */
  readonly plug: (machine: Machine) => Promise<unknown>;
  /** Starts the browser beside the server. */
  readonly near: (surroundings: OtherBrowser) => Promise<Participant>;
  /** Starts the browser on the machine, for pages of `origin`. */
  readonly far: (machine: Machine, origin: string) => Promise<Far>;
  /** What runs in every page of both before its own scripts. */
  readonly scripts: readonly (() => void)[];
  /** Whether media may come over TCP too. */
  readonly mediaOverTcp?: boolean;
}

/** A server, somebody beside it, and somebody on another machine; `close` ends them all, whatever happened. */
export class Encounter<Far extends Attendee = Participant> {
  readonly #placement: Placement<Far>;
  #server: Server | undefined;
  #machine: Machine | undefined;
  #near: Participant | undefined;
  #far: Far | undefined;

  constructor(placement: Placement<Far>) {
    this.#placement = placement;
  }

  get server(): Server {
    return started(this.#server);
  }

  get machine(): Machine {
    return started(this.#machine);
  }

  get near(): Participant {
    return started(this.#near);
  }

  get far(): Far {
    return started(this.#far);
  }

  /** Nobody is in a room yet. */
  async start(): Promise<void> {
    const { name, plug, near, far, scripts, mediaOverTcp = false } = this.#placement;
    const server = await Server.startAt(SERVER, { capacity: 3 }, mediaOverTcp);
    this.#server = server;
    const machine = await Machine.make(name);
    this.#machine = machine;
    await plug(machine);
    await Promise.all([
      near(trusting(server.origin)).then((started) => (this.#near = started)),
      far(machine, server.origin).then((started) => (this.#far = started)),
    ]);
    for (const attendee of [this.near, this.far]) {
      for (const script of [keepConnections, ...scripts]) await attendee.prepare(script);
    }
  }

  /** Both come into one room. */
  async meet(roles: { readonly near: Role; readonly far: Role }): Promise<void> {
    await this.far.open(this.server.link(await this.server.token('one', roles.far)));
    await this.near.open(this.server.link(await this.server.token('one', roles.near)));
    await Promise.all([this.near.meets(1), this.far.meets(1)]);
  }

  /** To call in a test: on failure prints what all had to say, and what `more` gives. */
  explainFailure(more: () => string = () => ''): void {
    onTestFailed(() => {
      console.error(`${more()}\nserver:\n${this.#server?.output.join('') ?? ''}`);
      for (const attendee of [this.#near, this.#far]) {
        if (attendee === undefined) continue;
        console.error(`page of ${attendee.name}:\n${attendee.console.join('\n')}`);
      }
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#near?.close(), this.#far?.close()]);
    await this.#machine?.remove();
    await this.#server?.stop();
  }
}

function started<Thing>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw new Error('the encounter has not begun');
  return thing;
}
