import { expect, test } from 'vitest';
import { Hearing } from './hearing';

test('whoever is not heard for a while is asked, less and less often', () => {
  const hearing = new Hearing();
  hearing.handleMembers(new Set(['ann', 'ben']), false, 0);
  hearing.handleProfile('ann');

  expect(questions(hearing, 200_000)).toEqual([3000, 9000, 21_000, 45_000]);
});

test('nobody is asked when all were heard, nor for who has gone', () => {
  const hearing = new Hearing();
  hearing.handleMembers(new Set(['ann', 'ben']), false, 0);
  hearing.handleProfile('ann');
  hearing.handleProfile('ben');
  expect(hearing.nextTimeout).toBeUndefined();

  hearing.handleMembers(new Set(['ann', 'ben', 'cleo']), false, 1000);
  expect(hearing.nextTimeout).toBe(4000);
  hearing.handleMembers(new Set(['ann', 'ben']), false, 2000);
  expect(hearing.nextTimeout).toBeUndefined();
});

test('after a return all are asked soon, since anybody may have said something else', () => {
  const hearing = new Hearing();
  hearing.handleMembers(new Set(['ann']), false, 0);
  hearing.handleProfile('ann');

  hearing.handleMembers(new Set(['ann']), true, 60_000);
  expect(questions(hearing, 61_000)).toEqual([60_500]);
  hearing.handleProfile('ann');
  expect(hearing.nextTimeout).toBeUndefined();
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
});

/** When it asks, until `end`. */
function questions(hearing: Hearing, end: number): number[] {
  const asked: number[] = [];
  for (let due = hearing.nextTimeout; due !== undefined && due <= end; due = hearing.nextTimeout) {
    if (hearing.takeQuestion(due)) asked.push(due);
  }
  return asked;
}
