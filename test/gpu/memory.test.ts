// packLifetimes: what lives together never shares bytes, whatever the lifetimes; and little memory is enough.

import { describe, expect, it } from 'vitest';
import { ALIGNMENT, type Lifetime, type Packing, packLifetimes } from '../../src/gpu/memory.js';
import { seededRandom } from '../../src/random.js';

const NO_LIMIT = 2 ** 40;

const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
const overlaps = (a: Lifetime, b: Lifetime) => a.first <= b.last && b.first <= a.last;

/** What each step binds, as lifetimes. */
function lifetimesOf(sizes: readonly number[], steps: readonly (readonly number[])[]): Lifetime[] {
  return sizes.map((size, index) => {
    const used = [...steps.keys()].filter((step) => steps[step]!.includes(index));
    const neighbours = new Set(used.flatMap((step) => steps[step]!).filter((other) => other !== index));
    return { size, first: used[0]!, last: used.at(-1)!, neighbours };
  });
}

/** Each step reads what the step before wrote. */
function chain(sizes: readonly number[]): Lifetime[] {
  return lifetimesOf(
    sizes,
    sizes.slice(1).map((_, i) => [i, i + 1]),
  );
}

/** Everything that must hold. */
function expectSound(tensors: readonly Lifetime[], { buffers, places }: Packing, maxBuffer: number): void {
  expect(places.length).toBe(tensors.length);
  for (const [i, tensor] of tensors.entries()) {
    const { buffer, offset } = places[i]!;
    expect(offset % ALIGNMENT, `offset of ${i}`).toBe(0);
    expect(offset, `offset of ${i}`).toBeGreaterThanOrEqual(0);
    expect(offset + tensor.size, `end of ${i}`).toBeLessThanOrEqual(buffers[buffer]!);
    for (const [j, other] of tensors.entries()) {
      if (j <= i || places[j]!.buffer !== buffer) continue;
      expect(tensor.neighbours.has(j), `neighbours ${i} and ${j} in one buffer`).toBe(false);
      const apart = places[j]!.offset >= offset + tensor.size || offset >= places[j]!.offset + other.size;
      expect(apart || !overlaps(tensor, other), `${i} and ${j} share bytes`).toBe(true);
    }
  }
  // A buffer is no longer than what is in it, and within the limit, unless one tensor alone is larger.
  for (const [index, size] of buffers.entries()) {
    const held = [...tensors.keys()].filter((i) => places[i]!.buffer === index);
    expect(Math.max(...held.map((i) => places[i]!.offset + tensors[i]!.size))).toBe(size);
    if (held.length > 1) expect(size).toBeLessThanOrEqual(maxBuffer);
  }
}

describe('packLifetimes', () => {
  it('gives nothing for nothing', () => {
    expect(packLifetimes([], NO_LIMIT)).toEqual({ buffers: [], places: [] });
  });

  it('gives a chain of layers two buffers, as large as the largest of every second layer', () => {
    for (const sizes of [
      [256, 256, 256, 256, 256],
      [4096, 1024, 2048, 512, 512, 64],
      // The first and the fourth are far apart: one buffer for both would leave none of two for the third.
      [1000, 800, 700, 900],
      // VGG16 at 224 px, its pools too, in KiB.
      [
        784, 12544, 12544, 3136, 6272, 6272, 1568, 3136, 3136, 3136, 784, 1568, 1568, 1568, 392, 392, 392,
        392, 98,
      ],
    ]) {
      const tensors = chain(sizes);
      const packing = packLifetimes(tensors, NO_LIMIT);
      expectSound(tensors, packing, NO_LIMIT);
      expect(packing.buffers.length).toBe(2);
      const [even, odd] = [0, 1].map((side) => Math.max(...sizes.filter((_, i) => i % 2 === side)));
      expect(sum(packing.buffers)).toBe(even! + odd!);
    }
  });

  it('lets what lives apart share bytes, side by side too', () => {
    // A large tensor, after it two small ones at once, which no step binds together.
    const tensors = lifetimesOf([1024, 512, 512], [[0], [1], [2], [1], [2]]);
    const packing = packLifetimes(tensors, NO_LIMIT);
    expectSound(tensors, packing, NO_LIMIT);
    expect(packing.buffers).toEqual([1024]);
    expect(packing.places.map(({ offset }) => offset).sort((a, b) => a - b)).toEqual([0, 0, 512]);
  });

  it('lets nothing share that is needed all the time', () => {
    const steps = [
      [0, 1],
      [1, 2],
      [2, 0],
    ];
    const tensors = lifetimesOf([100, 200, 300], steps);
    const packing = packLifetimes(tensors, NO_LIMIT);
    expectSound(tensors, packing, NO_LIMIT);
    expect(sum(packing.buffers)).toBe(600);
  });

  it('keeps a last step apart from a first step that is the same', () => {
    const tensors: Lifetime[] = [
      { size: 8, first: 0, last: 3, neighbours: new Set() },
      { size: 8, first: 3, last: 5, neighbours: new Set() },
      { size: 8, first: 4, last: 5, neighbours: new Set() },
    ];
    const packing = packLifetimes(tensors, NO_LIMIT);
    expectSound(tensors, packing, NO_LIMIT);
    expect(packing.places[0]).not.toEqual(packing.places[1]);
    expect(packing.places[2]).toEqual(packing.places[0]);
  });

  it('makes no buffer longer than the adapter allows, but for a tensor that is longer itself', () => {
    const together = lifetimesOf([600, 600, 600], [[0], [1], [2], [0], [1], [2]]);
    expect(packLifetimes(together, NO_LIMIT).buffers).toEqual([2 * 768 + 600]);
    expect(packLifetimes(together, 1500).buffers).toEqual([768 + 600, 600]);
    expect(packLifetimes(together, 600).buffers).toEqual([600, 600, 600]);
    expect(packLifetimes(together, 100).buffers).toEqual([600, 600, 600]);
  });

  const random = seededRandom(11);
  it.each(Array.from({ length: 60 }, (_, i) => i))('is sound for random lifetimes, number %d', () => {
    const count = 1 + random.below(30);
    const sizes = Array.from({ length: count }, () => 4 * (1 + random.below(2 ** random.below(12))));
    // Each step binds up to four tensors, mostly near to each other, as in a network; every tensor has a step.
    const steps = Array.from({ length: count + random.below(40) }, (_, step) => {
      const own = step < count ? [step] : [];
      const others = Array.from({ length: random.below(4) }, () =>
        random.below(3) > 0 ? Math.min(count - 1, (step % count) + random.below(4)) : random.below(count),
      );
      return [...new Set([...own, ...others])];
    });
    const tensors = lifetimesOf(sizes, steps);
    for (const maxBuffer of [NO_LIMIT, 4 * 2 ** 11, Math.max(...sizes)]) {
      const packing = packLifetimes(tensors, maxBuffer);
      expectSound(tensors, packing, maxBuffer);
      const aligned = sizes.map((size) => Math.ceil(size / ALIGNMENT) * ALIGNMENT);
      // Never more than all of them in a row; never less than what one step needs at once.
      expect(sum(packing.buffers)).toBeLessThanOrEqual(sum(aligned));
      const needed = steps.map((_, step) =>
        sum(sizes.filter((_, i) => tensors[i]!.first <= step && step <= tensors[i]!.last)),
      );
      expect(sum(packing.buffers)).toBeGreaterThanOrEqual(Math.max(...needed));
    }
  });

  it('needs far less than the sum of sizes for a long network', () => {
    const sizes = Array.from({ length: 40 }, () => 256 * (1 + random.below(64)));
    const packing = packLifetimes(chain(sizes), NO_LIMIT);
    expect(sum(packing.buffers)).toBeLessThan(sum(sizes) / 8);
  });
});
