import { expect, test } from 'vitest';
import { joinProofContent } from './join-proof';

test('what is signed is what the server checks', async () => {
  const nonce = new Uint8Array(32).fill(7);
  const content = await joinProofContent('join', nonce, 'room', 'token');

  // The server's own test has the same bytes.
  expect([...content].map((byte) => byte.toString(16).padStart(2, '0')).join('')).toBe(EXPECTED);
});

test('lengths are written as MLS writes them', async () => {
  const content = await joinProofContent('join', new Uint8Array(32), 'r'.repeat(100), 'token');
  const inner = content.slice(19);
  // 33 for the nonce, 102 for the room, 33 for the hash.
  expect([...inner.slice(0, 2)]).toEqual([0x40, 168]);
  expect([...inner.slice(2 + 33, 2 + 35)]).toEqual([0x40, 100]);
});

const EXPECTED =
  '125175696574726f6f6d20312e30204a6f696e404720070707070707070707070707070707070707070707070707070707070707070704726f6f6d203c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0';
