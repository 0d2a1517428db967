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

interface Change {
  kind?: 'audio' | 'video';
  leaf?: number;
  context?: 0 | 1 | 2 | 3;
  epoch?: bigint;
}

function frame(change: Change = {}) {
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
  expect(check.isMismatch(0, ANN, 'person')).toBe(false);

  check.handleSender(frame());

  expect(check.isMismatch(0, ANN, 'person')).toBe(false);
  expect(check.isMismatch(0, BEN, 'person')).toBe(true);
});

test.each([
  ['a screen where the camera belongs', { context: 2 }],
  ['a screen’s sound where the voice belongs', { kind: 'audio', context: 3 }],
  ['a leaf that nobody had', { leaf: 9 }],
  ['an epoch that is not known', { epoch: 99n }],
] as const)('%s is a mismatch', (_, change) => {
  check.handleSender(frame(change));

  expect(check.isMismatch(0, ANN, 'person')).toBe(true);
});

test('a screen and its sound are no mismatch where a screen belongs', () => {
  check.handleSender(frame({ context: 2 }));
  check.handleSender(frame({ kind: 'audio', context: 3 }));

  expect(check.isMismatch(0, ANN, 'screen')).toBe(false);
  expect(check.isMismatch(0, BEN, 'screen')).toBe(true);
});

test.each([
  ['a camera', {}],
  ['a voice', { kind: 'audio', context: 0 }],
  ['a screen of somebody else', { context: 2, leaf: 1 }],
] as const)('%s is a mismatch where a screen belongs', (_, change) => {
  check.handleSender(frame(change));

  expect(check.isMismatch(0, ANN, 'screen')).toBe(true);
});

test('who was at a leaf is asked of the epoch of the frame', () => {
  roster.handleEpoch({ epoch: 4n, safetyCode: '', members: [] });

  check.handleSender(frame());

  expect(check.isMismatch(0, ANN, 'person')).toBe(false);
});

test('a change of the occupant makes what came before worthless, in that slot only', () => {
  check.handleSender(frame());
  check.handleSender({ ...frame(), slot: 1 });

  check.forget(0);

  expect(check.isMismatch(0, BEN, 'person')).toBe(false);
  expect(check.isMismatch(1, BEN, 'person')).toBe(true);
});
