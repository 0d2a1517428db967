import { expect, test } from 'vitest';
import type { FrameSender } from './decryptor';
import { Occupancy } from './occupancy';
import { CONTEXTS } from './sframe/key-id';

const ANN = 'aaaaaaaaaaaaaaaa';
const BEN = 'bbbbbbbbbbbbbbbb';

function frame(
  source: keyof typeof CONTEXTS,
  participantId: string | undefined = ANN,
): FrameSender {
  return { epoch: 3n, leaf: 0, participantId, context: CONTEXTS[source] };
}

function occupiedBy(participantId: string, place: 'person' | 'screen'): Occupancy {
  const occupancy = new Occupancy();
  occupancy.occupy(0, { participantId, place });
  return occupancy;
}

test('a person’s slot takes the person’s camera and microphone', () => {
  const occupancy = occupiedBy(ANN, 'person');

  expect(occupancy.admits(0, 'video', frame('camera'))).toBe(true);
  expect(occupancy.admits(0, 'audio', frame('microphone'))).toBe(true);
});

test('a screen’s slot takes the screen and its sound', () => {
  const occupancy = occupiedBy(ANN, 'screen');

  expect(occupancy.admits(0, 'video', frame('screen'))).toBe(true);
  expect(occupancy.admits(0, 'audio', frame('screen-audio'))).toBe(true);
});

test.each([
  ['somebody else’s camera', 'person', 'video', frame('camera', BEN)],
  ['somebody else’s voice', 'person', 'audio', frame('microphone', BEN)],
  ['somebody else’s screen', 'screen', 'video', frame('screen', BEN)],
  [
    'a frame of a leaf that nobody had',
    'person',
    'video',
    { ...frame('camera'), participantId: undefined },
  ],
  ['a screen where the camera belongs', 'person', 'video', frame('screen')],
  ['a screen’s sound where the voice belongs', 'person', 'audio', frame('screen-audio')],
  ['a camera where the screen belongs', 'screen', 'video', frame('camera')],
  ['a voice where the screen’s sound belongs', 'screen', 'audio', frame('microphone')],
] as const)('%s does not belong there', (_, place, kind, sender) => {
  expect(occupiedBy(ANN, place).admits(0, kind, sender)).toBe(false);
});

test('where nobody is, nothing belongs', () => {
  const occupancy = occupiedBy(ANN, 'person');
  expect(occupancy.admits(1, 'video', frame('camera'))).toBe(false);

  occupancy.occupy(0, undefined);

  expect(occupancy.admits(0, 'video', frame('camera'))).toBe(false);
  expect(new Occupancy().admits(0, 'video', { ...frame('camera'), participantId: undefined })).toBe(
    false,
  );
});

test('who comes next takes the place of whoever was there', () => {
  const occupancy = occupiedBy(ANN, 'person');

  occupancy.occupy(0, { participantId: BEN, place: 'person' });

  expect(occupancy.admits(0, 'video', frame('camera', ANN))).toBe(false);
  expect(occupancy.admits(0, 'video', frame('camera', BEN))).toBe(true);
});
