import type { Attendee } from '../browser/attendee';
import { Participant, type Person, RED } from '../browser/participant';
import { lively } from '../browser/picture';
import type { Server } from '../browser/server';
import { Encounter } from './encounter';
import { Link } from './link';
import { type Machine, SERVER } from './machine';
import { Reception, recordReception } from './reception';
import { type Impairment, Relay } from './relay';
import { Traffic } from './traffic';
import { writeVoice } from './voice';

/** What was received in some time: by the one behind the bad link, and by the other from there. */
export interface BothWays {
  readonly down: Reception;
  readonly up: Reception;
}

/** By its RID. */
export type Layer = 'q' | 'h' | 'f';

/**
 * Somebody behind a link that can be made bad, and somebody behind a good one
 * with Chromium, who is in a room from the start.
 */
export class BadLink<Far extends Attendee = Participant> {
  readonly #encounter: Encounter<Far>;
  #link: Link | undefined;
  #relay: Relay | undefined;
  /** How it went, told when it went wrong. */
  #course: string[] = [];

  /** `far` starts the browser behind the link. */
  constructor(name: string, far: (machine: Machine, origin: string) => Promise<Far>) {
    this.#encounter = new Encounter({
      name,
      plug: async (machine) => {
        this.#link = await Link.plug(machine, 1);
      },
      near: (surroundings) => Participant.start(speaking(RED, 110), LARGE, surroundings),
      far,
      scripts: [recordReception],
    });
  }

  async start(): Promise<void> {
    await this.#encounter.start();
    const { near, server } = this.#encounter;
    await near.page.setViewportSize(WINDOW);
    await near.open(server.link(await server.token('links')));
  }

  async close(): Promise<void> {
    this.#relay?.stop();
    await this.#encounter.close();
  }

  get link(): Link {
    if (this.#link === undefined) throw new Error('the cable is not plugged in');
    return this.#link;
  }

  get server(): Server {
    return this.#encounter.server;
  }

  /** The one behind the link. */
  get far(): Far {
    return this.#encounter.far;
  }

  /** The widths in which the one behind the good link sent a layer since a moment. */
  async widthsSent(layer: Layer, since: number): Promise<ReadonlySet<number>> {
    return (await Reception.at(this.#encounter.near, since)).widthsSent(layer);
  }

  /** To call in a test. */
  explainFailure(): void {
    this.#course = [];
    this.#encounter.explainFailure(() => this.#course.join('\n'));
  }

  /** The one behind the link comes in anew, over a link like this. Gives when it asked to. */
  async enter(impairment: Impairment): Promise<number> {
    const { far, server } = this.#encounter;
    await far.open('about:blank');
    this.#relay?.stop();
    this.#relay = await Relay.start(this.link.address, `${SERVER}:${server.mediaPort}`, impairment);
    await this.link.detour(server.mediaPort, this.#relay.address);
    await far.open(server.link(await server.token('links')));
    await far.meets(1);
    return far.evaluate(() => {
      const { joinCalled = 0 } = document.querySelector('quiet-room')?.room?.timings ?? {};
      return performance.timeOrigin + joinCalled;
    });
  }

  /** What has come both ways since a moment; prints it. */
  async receive(name: string, since: number): Promise<BothWays> {
    const { near, far } = this.#encounter;
    const [up, down] = await Promise.all([near, far].map((one) => Reception.at(one, since)));
    if (up === undefined || down === undefined) throw new Error('nothing was received');
    console.log(
      `${name}\n  toward the bad link: ${String(down)}\n  from it: ${String(up)}\n` +
        `  bits a second sent toward it: ${JSON.stringify(up.sent)}, from it: ${JSON.stringify(down.sent)}`,
    );
    this.#course.push(`toward the bad link:\n${down.course(since)}`);
    this.#course.push(`from it:\n${up.course(since)}`);
    return { down, up };
  }

  /** Watches the link until `work` is done. */
  async watching(since: number, work: () => Promise<void>): Promise<Traffic> {
    const traffic = Traffic.watch(this.link, this.server);
    try {
      await work();
    } finally {
      await traffic.stop();
      this.#course.push(traffic.course(since));
    }
    return traffic;
  }
}

/** Says something, before a camera that has a grain: both cost what they cost in life. */
export function speaking(person: Person, pitch: number): Person {
  return { ...person, voice: (path) => writeVoice(path, pitch), painter: lively(person.colour) };
}

/** Room enough for the camera's upper layer. */
export const WINDOW = { width: 1920, height: 1200 };
const LARGE = { width: 1280, height: 720, frames: 8 };
