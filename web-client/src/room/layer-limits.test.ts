import { expect, test } from 'vitest';
import { LayerLimits } from './layer-limits';

test('without a wish nothing is told', () => {
  expect(new LayerLimits().news(new Map([[0, 'ada']]))).toEqual([]);
});

test('a wish is told once, and again when it changes', () => {
  const limits = new LayerLimits();
  const slots = new Map([[3, 'ada']]);
  limits.set('ada', { spatial: 0 });

  expect(limits.news(slots)).toEqual([{ slot: 3, spatial: 0 }]);
  expect(limits.news(slots)).toEqual([]);
  limits.set('ada', { spatial: 1, temporal: 0 });
  expect(limits.news(slots)).toEqual([{ slot: 3, spatial: 1, temporal: 0 }]);
  limits.set('ada', {});
  expect(limits.news(slots)).toEqual([{ slot: 3 }]);
});

test('a wish follows its person, and the slot is free of it again', () => {
  const limits = new LayerLimits();
  limits.set('ada', { spatial: 0 });
  limits.news(new Map([[0, 'ada']]));

  const moved = limits.news(
    new Map([
      [0, 'ben'],
      [1, 'ada'],
    ]),
  );

  expect(moved).toEqual([{ slot: 0 }, { slot: 1, spatial: 0 }]);
});

test('what is no layer is refused', () => {
  const limits = new LayerLimits();

  for (const spatial of [-1, 0.5, Number.NaN, 256]) {
    expect(() => {
      limits.set('ada', { spatial });
    }).toThrow(RangeError);
  }
});
