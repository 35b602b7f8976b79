// The random numbers of training: the same everywhere, different where they should be, and spread as they say.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../src/train/random.js';

const COUNT = 20_000;

/** Of seed 7, `shuffle` 3: a run that is repeated draws these. */
const GOLDEN = [2325038378, 938041382, 3508281428, 2303400773, 33, 83, 32, 1];

const draw = <T>(next: () => T, count = COUNT): T[] => Array.from({ length: count }, next);
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

describe('numbers', () => {
  it('are whole and below what is asked for, all alike', () => {
    const { below } = randomStream(1, 'split');
    const counts = [0, 0, 0];
    for (const value of draw(() => below(3))) counts[value]!++;
    for (const count of counts)
      expect(Math.abs(count - COUNT / 3)).toBeLessThan(4 * Math.sqrt((COUNT * 2) / 9));
    expect(new Set(draw(() => below(1), 10))).toEqual(new Set([0]));
  });

  it('of uniform lie in [0, 1) and fill it', () => {
    const values = draw(randomStream(2, 'dropout').uniform);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    const tenths = new Set(values.map((value) => Math.floor(10 * value)));
    expect(tenths.size).toBe(10);
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(4 / Math.sqrt(12 * COUNT));
  });

  it('of normal have mean 0, deviation 1, and the tails of a bell', () => {
    const values = draw(randomStream(3, 'init', 0).normal);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(Math.abs(mean(values))).toBeLessThan(4 / Math.sqrt(COUNT));
    expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1, 1);
    expect(mean(values.map((value) => value ** 4))).toBeCloseTo(3, 0);
    const beyond = values.filter((value) => Math.abs(value) > 1.96).length / COUNT;
    expect(beyond).toBeCloseTo(0.05, 2);
  });
});

describe('shuffled', () => {
  it('keeps every item, and leaves the argument as it is', () => {
    const items = Object.freeze([5, 1, 1, 9, 3]);
    const result = randomStream(4, 'shuffle', 0).shuffled(items);
    expect(items).toEqual([5, 1, 1, 9, 3]);
    expect([...result].sort()).toEqual([...items].sort());
    expect(randomStream(4, 'shuffle', 0).shuffled([])).toEqual([]);
  });

  it('gives every order equally often', () => {
    const { shuffled } = randomStream(5, 'shuffle', 0);
    const orders = new Map<string, number>();
    for (const order of draw(() => shuffled(['a', 'b', 'c']).join(''), 6000)) {
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(6);
    for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt(1000));
  });
});
