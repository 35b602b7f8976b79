// The named streams of training: the same everywhere, and different where they should be.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../src/train/random.js';

/** Of seed 7, `shuffle` 3: a run that is repeated draws these. */
const GOLDEN = [2325038378, 938041382, 3508281428, 2303400773, 33, 83, 32, 1];

const draw = <T>(next: () => T, count: number): T[] => Array.from({ length: count }, next);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a stream', () => {
  it('is the same for the same seed and name, on every machine', () => {
    const { uint32, below } = randomStream(7, 'shuffle', 3);
    const numbers = [...draw(uint32, 4), ...draw(() => below(100), 4)];
    expect(numbers).toEqual(GOLDEN);
    const again = randomStream(7, 'shuffle', 3);
    expect(draw(again.uint32, 4)).toEqual(GOLDEN.slice(0, 4));
  });

  it('is another for another seed, purpose, or place', () => {
    const names = [
      ...[randomStream(7, 'shuffle', 3), randomStream(8, 'shuffle', 3), randomStream(7, 'init', 3)],
      ...[randomStream(7, 'shuffle', 4), randomStream(7, 'shuffle'), randomStream(7, 'shuffle', '3')],
      ...[randomStream(7, 'augment', 1, 23), randomStream(7, 'augment', 12, 3)],
      ...[randomStream(2 ** 32 + 7, 'shuffle', 3), randomStream(Number.MAX_SAFE_INTEGER, 'shuffle', 3)],
    ];
    expect(new Set(names.map(({ uint32 }) => draw(uint32, 4).join())).size).toBe(names.length);
  });

  it('has nothing to do with its neighbours', () => {
    const columns = Array.from({ length: 4000 }, (_, which) => randomStream(0, 'shuffle', which).uniform());
    expect(mean(columns)).toBeCloseTo(0.5, 1);
    const products = columns.slice(1).map((value, i) => (value - 0.5) * (columns[i]! - 0.5));
    expect(Math.abs(mean(products))).toBeLessThan(4 / 12 / Math.sqrt(products.length));
  });
});
