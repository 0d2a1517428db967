import { expect, test } from 'vitest';
import { Hearing } from './hearing';

test('whoever is not heard for a while is asked, less and less often', () => {
  const hearing = new Hearing();
  hearing.handleMembers(new Set(['ann', 'ben']), 0, false, 0);
  hearing.handleProfile('ann');

  expect(questions(hearing, 200_000)).toEqual([3000, 9000, 21_000, 45_000]);
});

test('nobody is asked when all were heard, nor for who has gone', () => {
  const hearing = new Hearing();
  hearing.handleMembers(new Set(['ann', 'ben']), 0, false, 0);
  hearing.handleProfile('ann');
  hearing.handleProfile('ben');
  expect(hearing.nextTimeout).toBeUndefined();

  hearing.handleMembers(new Set(['ann', 'ben', 'cleo']), 0, false, 1000);
  expect(hearing.nextTimeout).toBe(4000);
  hearing.handleMembers(new Set(['ann', 'ben']), 0, false, 2000);
  expect(hearing.nextTimeout).toBeUndefined();
});

test('after a return all are asked soon, since anybody may have said something else', () => {
  const hearing = new Hearing();
  hearing.handleMembers(new Set(['ann']), 0, false, 0);
  hearing.handleProfile('ann');

  hearing.handleMembers(new Set(['ann']), 0, true, 60_000);
  // It may have said more than who it is.
  hearing.handleProfile('ann');
  expect(questions(hearing, 61_000)).toEqual([60_500]);
  hearing.handleProfile('ann');
  expect(hearing.nextTimeout).toBeUndefined();

  hearing.handleRejoin(70_000);
  expect(questions(hearing, 73_000)).toEqual([72_000]);
  expect(hearing.takeAnswer(72_000)).toBe(true);
});

test('each leaf asks in its turn, and whoever hears a question waits for what it brings', () => {
  const [first, second] = [new Hearing(), new Hearing()];
  first.handleMembers(new Set(['ann', 'ben']), 2, false, 0);
  second.handleMembers(new Set(['ann', 'cleo']), 3, false, 0);
  expect(first.nextTimeout).toBe(3200);
  expect(second.nextTimeout).toBe(3300);

  second.handleQuestion(3250);
  expect(second.takeAnswer(3250)).toBe(true);
  expect(second.takeQuestion(3300)).toBe(false);
  expect(second.nextTimeout).toBe(6250);
});

test('many questions have one answer, and the next one waits', () => {
  const hearing = new Hearing();
  hearing.handleQuestion(1000);
  hearing.handleQuestion(1000);
  expect(hearing.takeAnswer(1000)).toBe(true);
  expect(hearing.takeAnswer(1000)).toBe(false);

  hearing.handleQuestion(1500);
  expect(hearing.nextTimeout).toBe(3000);
  expect(hearing.takeAnswer(2999)).toBe(false);
  expect(hearing.takeAnswer(3000)).toBe(true);

  // Whoever goes on is answered less often, for a while.
  hearing.handleQuestion(3000);
  expect(hearing.nextTimeout).toBe(7000);
  hearing.handleLoss();
  hearing.handleQuestion(70_000);
  expect(hearing.nextTimeout).toBe(70_000);
});

/** When it asks, until `end`. */
function questions(hearing: Hearing, end: number): number[] {
  const asked: number[] = [];
  for (;;) {
    const due = hearing.nextTimeout;
    if (due === undefined || due > end || !hearing.takeQuestion(due)) return asked;
    asked.push(due);
  }
}
