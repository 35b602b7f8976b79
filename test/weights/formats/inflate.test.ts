// Deflated bytes, whole and cut off, read forwards, backwards and not to their end. A mutant of fuzz.test.ts, cut off
// behind what was asked for, once ended the process.

import { deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { seededRandom } from '../../../src/random.js';
import type { RandomAccessFile } from '../../../src/weights/file.js';
import { Inflated } from '../../../src/weights/formats/inflate.js';

const random = seededRandom(3);
const ORIGINAL = Buffer.from(
  Array.from({ length: 300_000 }, (_, i) => (i % 1000 < 500 ? random.below(256) : 7)),
);

function inflated(deflated: Buffer): Inflated {
  const file: RandomAccessFile = {
    path: 'file',
    size: deflated.length,
    read: async (position, target) => target.set(deflated.subarray(position, position + target.length)),
    close: async () => {},
  };
  return new Inflated(file, 0, deflated.length);
}

test('any bytes in any order, while others are read', async () => {
  const entry = inflated(deflateRawSync(ORIGINAL));
  const reads = Array.from({ length: 40 }, async () => {
    const start = random.below(ORIGINAL.length);
    const target = Buffer.alloc(random.below(ORIGINAL.length - start));
    await entry.read(start, target);
    expect(target.equals(ORIGINAL.subarray(start, start + target.length))).toBe(true);
  });
  await Promise.all(reads);
  entry.close();
});

test('cut off: what is there can be read, then it ends; nothing is left behind that could end the process', async () => {
  const whole = deflateRawSync(ORIGINAL.subarray(0, 5000));
  for (const cut of [1, 2, 5, 100]) {
    for (const length of [0, 1, 2000, 4000]) {
      const entry = inflated(whole.subarray(0, -cut));
      const target = Buffer.alloc(length);
      await entry.read(0, target);
      expect(target.equals(ORIGINAL.subarray(0, length))).toBe(true);
      // The error comes now, when nobody reads.
      await new Promise((resolve) => setTimeout(resolve, 5));
      entry.close();
    }
    const entry = inflated(whole.subarray(0, -cut));
    await expect(entry.read(4000, Buffer.alloc(1001))).rejects.toThrow(/^the deflated data /);
    entry.close();
  }
});
