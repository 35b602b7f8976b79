// The seeded generator and the random networks that other tests and the benchmarks stand on.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/bench/random.js';
import { FULL_VGG16, writeRandomVgg16 } from '../../src/bench/random_vgg16.js';
import { openSafetensors } from '../../src/node/weights/safetensors.js';
import { findNonFinite, readFloats } from '../../src/weights/floats.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { temporaryFolder } from './files.js';

const folder = temporaryFolder();

function moments(values: ArrayLike<number>): { mean: number; deviation: number } {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    squares += values[i]! ** 2;
  }
  const mean = sum / values.length;
  return { mean, deviation: Math.sqrt(squares / values.length - mean ** 2) };
}

describe('the generator', () => {
  const COUNT = 200_000;

  test('repeats itself for one seed and no other', () => {
    const first = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 100 }, () => random.uint32());
    };
    expect(first(1)).toEqual(first(1));
    const together = new Set([0, 1, 2, 3, -1].flatMap(first));
    expect(together.size).toBeGreaterThan(495); // of 500; a pair of equal ones by chance has odds of 1 : 34,000
  });

  test('uint32 has each of its bits set half of the time', () => {
    const random = seededRandom(1);
    const set = new Uint32Array(32);
    for (let i = 0; i < COUNT; i++) {
      const word = random.uint32();
      for (let bit = 0; bit < 32; bit++) set[bit]! += (word >>> bit) & 1;
    }
    for (const count of set) expect(Math.abs(count / COUNT - 0.5)).toBeLessThan(0.006); // 5 deviations
  });

  test('uniform and below stay in their range and fill it', () => {
    const random = seededRandom(2);
    const uniform = Array.from({ length: COUNT }, () => random.uniform());
    expect(uniform.every((x) => x >= 0 && x < 1)).toBe(true);
    expect(moments(uniform).mean).toBeCloseTo(0.5, 2);
    expect(moments(uniform).deviation).toBeCloseTo(Math.sqrt(1 / 12), 2);
    const below = new Set(Array.from({ length: 1000 }, () => random.below(7)));
    expect([...below].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test('normal has the moments and the tails of the normal distribution', () => {
    const random = seededRandom(3);
    const normal = Array.from({ length: COUNT }, () => random.normal());
    const { mean, deviation } = moments(normal);
    expect(Math.abs(mean)).toBeLessThan(0.012); // 5 deviations
    expect(Math.abs(deviation - 1)).toBeLessThan(0.008);
    const beyond = (limit: number) => normal.filter((x) => Math.abs(x) > limit).length / COUNT;
    expect(beyond(1)).toBeCloseTo(0.3173, 2);
    expect(beyond(3)).toBeCloseTo(0.0027, 3);
  });
});

describe('a random VGG16', () => {
  const options = { widths: [16, 16, 16, 16, 32], hidden: 40, classes: 10, featureSide: 1 } as const;

  test('is the same for the same seed, and another for another', async () => {
    const bytes = async (seed: number) => {
      const path = join(folder, 'seeded');
      await writeRandomVgg16(path, { ...options, seed });
      return readFileSync(path);
    };
    expect((await bytes(1)).equals(await bytes(1))).toBe(true);
    expect((await bytes(1)).equals(await bytes(2))).toBe(false);
  });

  test.each(['F32', 'F16', 'BF16'] as const)('has He’s deviation in %s', async (dtype) => {
    const path = join(folder, dtype);
    await writeRandomVgg16(path, { ...options, seed: 1, dtype });
    const source = await openSafetensors(path);
    for (const { kernel, inputChannels } of describeVgg16(source).convs.slice(1)) {
      const { mean, deviation } = moments(await readFloats(source, kernel.name));
      const expected = Math.sqrt(2 / (9 * inputChannels));
      expect(kernel.dtype).toBe(dtype);
      expect(Math.abs(deviation / expected - 1)).toBeLessThan(0.08); // 2304 values and more: 5 deviations
      expect(Math.abs(mean / expected)).toBeLessThan(0.11);
    }
    await source.close();
  });

  test.skipIf(!process.env.FULL)(
    'of full size (FULL=1): 553 MB within 30 s and 100 MB of memory',
    async () => {
      const path = join(folder, 'full');
      const before = process.resourceUsage().maxRSS;
      const start = performance.now();
      await writeRandomVgg16(path, { ...FULL_VGG16, seed: 1 });
      expect(performance.now() - start).toBeLessThan(30_000);
      expect(statSync(path).size).toBe(553_432_984);
      const source = await openSafetensors(path);
      const { dense, featureSide } = describeVgg16(source);
      expect([featureSide, ...dense.flatMap((d) => [d.inputs, d.outputs])]).toEqual([
        7, 25088, 4096, 4096, 4096, 4096, 1000,
      ]);
      const part = new Uint8Array(2 ** 24);
      for (const { name, byteLength, dtype } of source.tensors.values()) {
        for (let at = 0; at < byteLength; at += part.length) {
          const bytes = part.subarray(0, byteLength - at);
          await source.read(name, at, bytes);
          expect(findNonFinite(bytes, dtype)).toBe(-1);
        }
      }
      await source.close();
      expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(100);
    },
  );
});
