import { beforeEach, expect, test } from 'vitest';
import { Conversation, MAX_LINES } from './conversation';

let conversation: Conversation;

beforeEach(() => {
  conversation = new Conversation();
});

function add(text: string, isOwn = false): void {
  conversation.add({ writer: 'Ben', isOwn, text, at: 0 });
}

test('what others write while it is closed is unread until it is opened', () => {
  add('one');
  add('two');
  add('my own', true);
  expect(conversation.unread).toBe(2);

  conversation.setOpen(true);
  add('three');
  expect(conversation.unread).toBe(0);

  conversation.setOpen(false);
  add('four');
  expect(conversation.unread).toBe(1);
});

test('who floods pushes out the oldest lines only', () => {
  for (let count = 0; count <= MAX_LINES; count += 1) add(String(count));

  expect(conversation.lines).toHaveLength(MAX_LINES);
  expect(conversation.lines[0]?.text).toBe('1');
  const ids = conversation.lines.map(({ id }) => id);
  expect(new Set(ids).size).toBe(MAX_LINES);
});
