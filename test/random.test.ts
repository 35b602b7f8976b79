// Seeded random numbers: the same everywhere, and spread as they say.

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../src/random.js';

const COUNT = 20_000;

/** What seed 7 draws on every machine: random weights and runs that are repeated depend on it. */
const GOLDEN = [3706281174, 4092345860, 881152436, 2629918986];

const draw = <T>(next: () => T, count = COUNT): T[] => Array.from({ length: count }, next);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a seed', () => {
  it('gives the same numbers on every machine, and another seed gives others', () => {
    const { uint32 } = seededRandom(7);
    expect(draw(uint32, 4)).toEqual(GOLDEN);
    const seeds = [0, 1, 2, 3, -1];
    expect(new Set(seeds.flatMap((seed) => draw(seededRandom(seed).uint32, 100))).size).toBeGreaterThan(495);
  });

  it('has nothing to do with its neighbours', () => {
    const first = Array.from({ length: 4000 }, (_, seed) => seededRandom(seed).uniform());
    expect(mean(first)).toBeCloseTo(0.5, 1);
    const products = first.slice(1).map((value, i) => (value - 0.5) * (first[i]! - 0.5));
    expect(Math.abs(mean(products))).toBeLessThan(4 / 12 / Math.sqrt(products.length));
  });
});

describe('numbers', () => {
  it('are whole and below what is asked for, all alike', () => {
    const { below } = seededRandom(1);
    const counts = [0, 0, 0];
    for (const value of draw(() => below(3))) counts[value]!++;
    for (const count of counts)
      expect(Math.abs(count - COUNT / 3)).toBeLessThan(4 * Math.sqrt((COUNT * 2) / 9));
    expect(new Set(draw(() => below(1), 10))).toEqual(new Set([0]));
  });

  it('of uniform lie in [0, 1) and fill it', () => {
    const values = draw(seededRandom(2).uniform);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    const tenths = new Set(values.map((value) => Math.floor(10 * value)));
    expect(tenths.size).toBe(10);
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(4 / Math.sqrt(12 * COUNT));
  });

  it('of normal have mean 0, deviation 1, and the tails of a bell', () => {
    const values = draw(seededRandom(3).normal);
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
    const result = seededRandom(4).shuffled(items);
    expect(items).toEqual([5, 1, 1, 9, 3]);
    expect([...result].sort()).toEqual([...items].sort());
    expect(seededRandom(4).shuffled([])).toEqual([]);
  });

  it('gives every order equally often', () => {
    const { shuffled } = seededRandom(5);
    const orders = new Map<string, number>();
    for (const order of draw(() => shuffled(['a', 'b', 'c']).join(''), 6000)) {
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(6);
    for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt(1000));
  });
});
