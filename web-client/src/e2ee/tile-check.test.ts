import { beforeEach, expect, test } from 'vitest';
import { GroupRoster } from './roster';
import { TileCheck } from './tile-check';

const ANN = 'aaaaaaaaaaaaaaaa';
const BEN = 'bbbbbbbbbbbbbbbb';

let roster: GroupRoster;
let check: TileCheck;

beforeEach(() => {
  roster = new GroupRoster();
  check = new TileCheck(roster);
  roster.handleEpoch({
    epoch: 3n,
    safetyCode: '0'.repeat(30),
    members: [ANN, BEN].map((participantId, leaf) => ({
      participantId,
      leaf,
      room: 'room',
      role: 'client',
      key: participantId,
    })),
  });
});

function frame(change: { leaf?: number; context?: 0 | 1 | 2 | 3; epoch?: bigint } = {}) {
  return {
    type: 'sender',
    slot: 0,
    kind: 'video',
    epoch: 3n,
    leaf: 0,
    context: 1,
    ...change,
  } as const;
}

test('a picture of the one whom the server named is no mismatch, nor is none at all', () => {
  expect(check.isMismatch(0, ANN)).toBe(false);

  check.handleSender(frame());

  expect(check.isMismatch(0, ANN)).toBe(false);
  expect(check.isMismatch(0, BEN)).toBe(true);
});

test.each([
  ['a screen where the camera belongs', { context: 2 }],
  ['a leaf that nobody had', { leaf: 9 }],
  ['an epoch that is not known', { epoch: 99n }],
] as const)('%s is a mismatch', (_, change) => {
  check.handleSender(frame(change));

  expect(check.isMismatch(0, ANN)).toBe(true);
});

test('who was at a leaf is asked of the epoch of the frame', () => {
  roster.handleEpoch({ epoch: 4n, safetyCode: '', members: [] });

  check.handleSender(frame());

  expect(check.isMismatch(0, ANN)).toBe(false);
});

test('a change of the occupant makes what came before worthless, in that slot only', () => {
  check.handleSender(frame());
  check.handleSender({ ...frame(), slot: 1 });

  check.forget(0);

  expect(check.isMismatch(0, BEN)).toBe(false);
  expect(check.isMismatch(1, BEN)).toBe(true);
});
