import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { Gathering } from './gathering';
import type { JoinTimings } from './observer';
import { BLUE, GREEN, type Participant, RED } from './participant';

describe('joining a room where two people are', () => {
  const gathering = Gathering.byPrintedLink();
  let red: Participant;
  let green: Participant;
  let newcomer: Participant;

  beforeAll(async () => {
    [red, green, newcomer] = (await gathering.start([RED, GREEN, BLUE])) as [
      Participant,
      Participant,
      Participant,
    ];
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('shows the first picture within a second', async () => {
    await red.open(gathering.server.printedLink ?? '');
    await green.open(gathering.server.printedLink ?? '');
    await red.meets(1);
    const joins: JoinTimings[] = [];
    for (let round = 0; round < JOINS; round += 1) {
      await newcomer.page.goto('about:blank');
      await newcomer.open(gathering.server.printedLink ?? '');
      joins.push(await newcomer.timings());
      await newcomer.meets(2);
    }
    const firstFrame = joins.map((join) => join.firstFrame);
    console.log(
      [
        `join to first picture: median ${milliseconds(median(firstFrame))} (${firstFrame.map(milliseconds).join(', ')})`,
        ...Object.keys(joins[0]?.marks ?? {}).map(
          (mark) =>
            `  ${mark}: median ${milliseconds(median(joins.map(({ marks }) => marks[mark] ?? NaN)))}`,
        ),
      ].join('\n'),
    );
    expect(median(firstFrame)).toBeLessThan(JOIN_MS);
  });
});

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function milliseconds(value: number): string {
  return `${value.toFixed(0)} ms`;
}

const JOINS = 5;
const JOIN_MS = 1_000;
