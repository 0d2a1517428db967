import { expect, test } from 'vitest';
import { SlotTable } from './slots';

test('an assignment fills a slot and reports who came', () => {
  const table = new SlotTable(2);

  const changes = table.assign([{ slot: 1, participantId: 'ada' }]);

  expect(changes).toEqual([{ slot: 1, previous: undefined, occupant: 'ada' }]);
  expect(table.slotOf('ada')).toBe(1);
});

test('null empties a slot', () => {
  const table = new SlotTable(1);
  table.assign([{ slot: 0, participantId: 'ada' }]);

  const changes = table.assign([{ slot: 0, participantId: null }]);

  expect(changes).toEqual([{ slot: 0, previous: 'ada', occupant: undefined }]);
  expect(table.slotOf('ada')).toBeUndefined();
});

test('a slot told again changes nothing', () => {
  const table = new SlotTable(1);
  table.assign([{ slot: 0, participantId: 'ada' }]);

  expect(table.assign([{ slot: 0, participantId: 'ada' }])).toEqual([]);
});

test('slots that are not named stay as they are', () => {
  const table = new SlotTable(2);
  table.assign([{ slot: 0, participantId: 'ada' }]);

  table.assign([{ slot: 1, participantId: 'ben' }]);

  expect(table.slotOf('ada')).toBe(0);
});

test('two participants can swap slots in one message', () => {
  const table = new SlotTable(2);
  table.assign([
    { slot: 0, participantId: 'ada' },
    { slot: 1, participantId: 'ben' },
  ]);

  const changes = table.assign([
    { slot: 0, participantId: 'ben' },
    { slot: 1, participantId: 'ada' },
  ]);

  expect(changes).toEqual([
    { slot: 0, previous: 'ada', occupant: 'ben' },
    { slot: 1, previous: 'ben', occupant: 'ada' },
  ]);
});

test('somebody moved to another slot leaves the former one', () => {
  const table = new SlotTable(2);
  table.assign([{ slot: 0, participantId: 'ada' }]);

  const changes = table.assign([{ slot: 1, participantId: 'ada' }]);

  expect(changes).toEqual([
    { slot: 0, previous: 'ada', occupant: undefined },
    { slot: 1, previous: undefined, occupant: 'ada' },
  ]);
});

test('a slot that was never offered is refused and changes nothing', () => {
  const table = new SlotTable(1);

  expect(() =>
    table.assign([
      { slot: 0, participantId: 'ada' },
      { slot: 1, participantId: 'ben' },
    ]),
  ).toThrow(RangeError);
  expect(table.slotOf('ada')).toBeUndefined();
});
