import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSafetensors, writeSafetensors } from '../../src/node/weights/safetensors.js';
import { seededRandom } from '../../src/random.js';
import { encodeFloats } from '../../src/weights/floats.js';
import { CHUNK_LENGTH } from '../../src/weights/gather.js';
import { type Statistics, statisticsOf } from '../../src/weights/inspect.js';
import type { Dtype } from '../../src/weights/source.js';
import { temporaryFolder } from './files.js';

const folder = temporaryFolder();

async function statistics(values: ArrayLike<number>, dtype: Dtype = 'F32'): Promise<Statistics> {
  const path = join(folder, 'x.safetensors');
  const data = [encodeFloats(Float32Array.from(values), dtype)];
  await writeSafetensors(path, [{ name: 'x', dtype, shape: [values.length], data }]);
  const source = await openSafetensors(path);
  try {
    return await statisticsOf(source, source.tensors.get('x')!);
  } finally {
    await source.close();
  }
}

test.each(['F32', 'F16', 'BF16'] as const)(
  'of a few numbers in %s are those worked out by hand',
  async (dtype) => {
    expect(await statistics([2, 4, 4, 4, 5, 5, 7, 9], dtype)).toEqual({
      mean: 5,
      deviation: 2,
      min: 2,
      max: 9,
      nonFinite: 0,
    });
  },
);

test('count what is not finite and leave it out', async () => {
  const values = [Number.NaN, 1, Number.POSITIVE_INFINITY, 3, Number.NEGATIVE_INFINITY];
  expect(await statistics(values)).toEqual({ mean: 2, deviation: 1, min: 1, max: 3, nonFinite: 3 });
  const nothing = { mean: NaN, deviation: NaN, min: NaN, max: NaN };
  expect(await statistics([Number.NaN])).toEqual({ ...nothing, nonFinite: 1 });
  expect(await statistics([])).toEqual({ ...nothing, nonFinite: 0 });
});

test('keep their digits far from zero and beyond a piece', async () => {
  const random = seededRandom(1);
  const values = Float32Array.from({ length: CHUNK_LENGTH + 1000 }, () => 1e6 + random.normal());
  const sum = values.reduce((total, value) => total + (value - 1e6), 0);
  const mean = sum / values.length;
  const squares = values.reduce((total, value) => total + (value - 1e6 - mean) ** 2, 0);
  const found = await statistics(values);
  // Sums of plain squares, 1e12 each, would leave four digits.
  expect(Math.abs(found.mean - 1e6 - mean)).toBeLessThan(1e-6);
  expect(Math.abs(found.deviation / Math.sqrt(squares / values.length) - 1)).toBeLessThan(1e-6);
  expect([found.min, found.max]).toEqual([
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ]);
});
