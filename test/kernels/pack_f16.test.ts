// pack into f16: what is f16 already is copied, all else rounded as weights/floats.ts rounds, bit by bit.

import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/gpu/tensor.js';
import { pack } from '../../src/kernels/pack/pack.js';
import { seededRandom } from '../../src/random.js';
import { pack as packReference } from '../../src/reference/pack.js';
import { decodeFloats, encodeFloats } from '../../src/weights/floats.js';
import type { Dtype } from '../../src/weights/source.js';
import { useGpu } from '../support/gpu.js';
import { run } from '../support/kernel.js';
import { kerasBox, type PackSizes, torchBox } from './pack_boxes.js';

const gpu = useGpu();

/** The bits of k after stored numbers were packed into it. */
async function packed(
  stored: Uint8Array,
  dtype: Dtype,
  sizes: PackSizes,
  boxOf = torchBox,
): Promise<Uint16Array> {
  const { space, C, columns } = sizes;
  const words = new Uint8Array(Math.ceil(stored.length / 4) * 4);
  words.set(stored);
  using source = await Tensor.from(gpu(), 'source', [words.length / 4], new Uint32Array(words.buffer));
  using k = await Tensor.create(gpu(), 'k', [space * C, columns], 'f16');
  await run(gpu(), (recorder) => pack(recorder, { label: 'fc1', source, dtype, k, box: boxOf(sizes) }));
  return new Uint16Array(await k.readBytes());
}

const halvesOf = (values: Float32Array) => new Uint16Array(encodeFloats(values, 'F16').buffer);

describe('pack_f16', () => {
  it.each([
    { dtype: 'F32', rows: 6, sourceC: 3, space: 9, C: 4, columns: 8, first: 0 },
    { dtype: 'F16', rows: 5, sourceC: 7, space: 9, C: 8, columns: 8, first: 0 },
    { dtype: 'BF16', rows: 3, sourceC: 5, space: 1, C: 8, columns: 12, first: 6 },
    { dtype: 'F32', rows: 1, sourceC: 2, space: 4, C: 4, columns: 4, first: 2 },
    { dtype: 'F16', rows: 1, sourceC: 1, space: 1, C: 4, columns: 4, first: 0 },
    { dtype: 'F32', boxOf: kerasBox, rows: 131, sourceC: 18, space: 9, C: 20, columns: 136, first: 2 },
    { dtype: 'F16', boxOf: kerasBox, rows: 5, sourceC: 7, space: 4, C: 8, columns: 8, first: 0 },
  ] as const)(
    '$dtype ($rows,$sourceC,$space) to columns $first.. of $columns',
    async ({ dtype, boxOf = torchBox, ...sizes }: PackSizes & { dtype: Dtype; boxOf?: typeof torchBox }) => {
      const { rows, sourceC, space, C, columns } = sizes;
      const random = seededRandom(8);
      const values = Float32Array.from({ length: rows * sourceC * space }, () => random.normal());
      const stored = encodeFloats(values, dtype);
      const expected = new Float64Array(space * C * columns);
      packReference(decodeFloats(stored, dtype), expected, boxOf(sizes));
      expect(await packed(stored, dtype, sizes, boxOf)).toEqual(halvesOf(Float32Array.from(expected)));
    },
  );

  it('leaves other columns as they are, so that a kernel can come in several chunks of rows', async () => {
    using k = await Tensor.from(gpu(), 'k', [4, 8], new Uint16Array(32).fill(0x1234));
    using source = await Tensor.from(gpu(), 'source', [8], new Float32Array([1, 1, 1, 1, 2, 2, 2, 2]));
    const box = torchBox({ rows: 2, sourceC: 4, space: 1, C: 4, columns: 8, first: 2 });
    await run(gpu(), (recorder) => pack(recorder, { label: 'fc1', source, dtype: 'F32', k, box }));
    const row = [0x1234, 0x1234, 0x3c00, 0x4000, 0x1234, 0x1234, 0x1234, 0x1234];
    expect([...new Uint16Array(await k.readBytes())]).toEqual([...row, ...row, ...row, ...row]);
  });

  /** As one row of channels, every second of k's columns. */
  async function oneByOne(stored: Uint8Array, dtype: Dtype, count: number): Promise<Uint16Array> {
    const sizes = { rows: 1, sourceC: count, space: 1, C: count, columns: 2, first: 0 };
    return (await packed(stored, dtype, sizes)).filter((_, i) => i % 2 === 0);
  }

  it('copies every finite f16, subnormals and minus zero too', async () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i).filter(
      (half) => (half & 0x7c00) < 0x7c00,
    );
    expect(await oneByOne(new Uint8Array(halves.buffer), 'F16', halves.length)).toEqual(halves);
  });

  it('rounds f32 to nearest even: every midpoint of two halves and its neighbours, of both signs', async () => {
    const largest = 0x7bff; // 65504
    const steps = decodeFloats(
      new Uint8Array(Uint16Array.from({ length: largest + 1 }, (_, i) => i).buffer),
      'F16',
    );
    const values = new Float32Array(6 * largest);
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < largest; i++) {
      values[6 * i] = (steps[i]! + steps[i + 1]!) / 2;
      bits[6 * i + 1] = bits[6 * i]! - 1;
      bits[6 * i + 2] = bits[6 * i]! + 1;
      for (let j = 0; j < 3; j++) values[6 * i + 3 + j] = -values[6 * i + j]!;
    }
    expect(await oneByOne(new Uint8Array(values.buffer), 'F32', values.length)).toEqual(halvesOf(values));
  });

  it.each(['F32', 'BF16'] as const)('rounds finite %s of any size as floats.ts does', async (dtype) => {
    const random = seededRandom(9);
    const values = new Float32Array(Uint32Array.from({ length: 2 ** 16 }, () => random.uint32()).buffer);
    // Half of all sizes, f32's own subnormals and what is infinite as f16 among them, half of those that f16 has.
    const some = values.map((value, i) => (i % 2 ? value : random.normal() * 2 ** -random.below(26)));
    const stored = encodeFloats(some.filter(Number.isFinite), dtype);
    const decoded = decodeFloats(stored, dtype);
    const finite = decoded.every(Number.isFinite)
      ? stored
      : encodeFloats(decoded.filter(Number.isFinite), dtype);
    const expected = halvesOf(decodeFloats(finite, dtype));
    expect(expected.some((half) => (half & 0x7fff) === 0x7c00)).toBe(true);
    expect(await oneByOne(finite, dtype, expected.length)).toEqual(expected);
  });
});
