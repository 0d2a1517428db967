import { expect, test } from 'vitest';
import { QuietroomError, toQuietroomError } from './error';

test('an error has a code, a sentence and a mend', () => {
  const error = new QuietroomError('room-full');

  expect(error).toMatchObject({
    code: 'room-full',
    message: 'The room is full.',
    mend: 'Join again when somebody has left.',
  });
});

test('the detail is for the console, not for the sentence', () => {
  const error = new QuietroomError('internal', 'stack of the server');

  expect(error.cause).toBe('stack of the server');
  expect(error.message).not.toContain('stack');
});

test('an unforeseen reason becomes an error with that cause', () => {
  const reason = new TypeError('surprise');

  expect(toQuietroomError(reason, 'internal')).toMatchObject({ code: 'internal', cause: reason });
});

test('an error of ours stays what it is', () => {
  const error = new QuietroomError('left');

  expect(toQuietroomError(error, 'internal')).toBe(error);
});
