import { onTestFailed } from 'vitest';

import { Participant, type Person } from '../browser/participant';
import { watchWorker } from './worker-watch';

/** People in one room, with what their pages and encryption workers say. */
export class Company {
  readonly participants: Participant[] = [];

  /** Starts a browser for each, on an empty page. */
  async start(people: readonly Person[]): Promise<Participant[]> {
    const arrivals = await Promise.allSettled(
      people.map(async (person) => {
        const participant = await Participant.start(person);
        this.participants.push(participant);
        await participant.page.addInitScript(watchWorker);
        return participant;
      }),
    );
    return arrivals.map((arrival) => {
      if (arrival.status === 'rejected') throw arrival.reason;
      return arrival.value;
    });
  }

  /** To call in a test: on failure prints what the server and every page had to say. */
  explainFailure(server: () => readonly string[]): void {
    onTestFailed(async () => {
      console.error(`server:\n${server().join('')}`);
      for (const { person, console: lines, page } of this.participants) {
        const reports = await page.evaluate(() => window.workerWatch.reports).catch(() => []);
        const told = reports
          .filter(({ type }) => TELLING.has(type))
          .map((report) =>
            JSON.stringify(report, (_, value: unknown) =>
              typeof value === 'bigint' ? String(value) : value,
            ).slice(0, 200),
          );
        const pictures = await page.evaluate(describePictures).catch(() => []);
        console.error(`page of ${person.name}:\n${[...lines, ...told, ...pictures].join('\n')}`);
      }
    });
  }

  /** Whether every page is in its room and none has thrown. */
  async isWell(): Promise<boolean> {
    const states = await Promise.all(
      this.participants.map(({ page }) => page.evaluate(() => window.observer.connected())),
    );
    return (
      states.every((isConnected) => isConnected) &&
      this.participants.every(({ console: lines }) =>
        lines.every((line) => !line.startsWith('thrown')),
      )
    );
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.participants.map((participant) => participant.close()));
  }
}

const TELLING = new Set(['epoch', 'sender', 'undecryptable', 'unsent', 'group-refused']);

/** The id by which a page's own participant is known. */
export function idOf({ page }: Participant): Promise<string> {
  return page.evaluate(() => document.querySelector('quiet-room')?.room?.localParticipant.id ?? '');
}

/** The ids of those whose tiles a page hides since they show somebody or something else. */
export function hiddenOn({ page }: Participant): Promise<string[]> {
  return page.evaluate(() => {
    const participants = document.querySelector('quiet-room')?.room?.participants ?? [];
    return participants.filter(({ isBlanked }) => isBlanked).map(({ id }) => id);
  });
}

/** The 30 digits by which a page's group is known. */
export function safetyCode({ page }: Participant): Promise<string> {
  return page.evaluate(() => document.querySelector('quiet-room')?.room?.group?.safetyCode ?? '');
}

/** What the page tells the person of a picture or voice that was not whose it should be. */
export const ACCUSATION = /not of the person whom the server named/;

/** Runs in the page: why somebody's picture may not be shown. */
function describePictures(): string[] {
  const { room } = document.querySelector('quiet-room') ?? {};
  return (room?.participants ?? []).map(({ id, videoPaused, cameraEnabled, videoTrack }) =>
    [
      `${id}: camera ${cameraEnabled ? 'on' : 'off'}`,
      videoPaused === undefined ? 'not paused' : `paused: ${videoPaused}`,
      videoTrack === undefined ? 'without a track' : 'with a track',
    ].join(', '),
  );
}
