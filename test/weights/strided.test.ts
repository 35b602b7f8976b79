// Views and the order in which their numbers come out, against a walk over every index.

import { describe, expect, it, test } from 'vitest';
import { type Random, seededRandom } from '../../src/random.js';
import { FileFault } from '../../src/weights/file.js';
import { gather } from '../../src/weights/gather.js';
import type { Storage, StridedTensor } from '../../src/weights/source.js';
import {
  checkView,
  permuted,
  reshaped,
  rowMajorStrides,
  sizeOf,
  wholeTensor,
} from '../../src/weights/strided.js';

/** Numbers 0, 1, 2, ...; `reads` are the ranges that were asked for. */
function counting(length: number): Storage & { readonly reads: [start: number, end: number][] } {
  const reads: [number, number][] = [];
  return {
    length,
    stored: 'F32',
    dtype: 'F32',
    reads,
    read: async (start, target) => {
      if (start < 0 || start + target.length > length)
        throw new Error(`${start} + ${target.length} > ${length}`);
      reads.push([start, start + target.length]);
      for (let i = 0; i < target.length; i++) target[i] = start + i;
    },
  };
}

/** The view's numbers, row-major, one index after the other. */
function walked({ shape, strides, offset }: StridedTensor): number[] {
  return shape.reduce(
    (places, size, axis) =>
      places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * strides[axis]!)),
    [offset],
  );
}

async function gathered(
  tensor: StridedTensor,
  budget: number,
  piece = sizeOf(tensor.shape),
): Promise<number[]> {
  const view = gather(tensor, budget);
  const values: number[] = [];
  for (let at = 0; at < sizeOf(tensor.shape); at += piece) {
    const target = new Float32Array(Math.min(piece, sizeOf(tensor.shape) - at));
    await view.read(at, target);
    values.push(...target);
  }
  return values;
}

/** Of a storage's numbers any view that holds each at most once: axes cut, reversed in order, stepped over. */
function randomView(random: Random): StridedTensor {
  const shape = Array.from({ length: 1 + random.below(5) }, () => 1 + random.below(6));
  const axes = shape.map((_, axis) => axis).sort(() => random.below(3) - 1);
  const offset = random.below(4);
  const whole = wholeTensor('x', shape, counting(offset + sizeOf(shape)), offset);
  const view = permuted(whole, axes);
  const steps = view.shape.map(() => 1 + random.below(4) * random.below(2));
  return {
    ...view,
    shape: view.shape.map((size, axis) => Math.ceil(size / steps[axis]!)),
    strides: view.strides.map((stride, axis) => stride * steps[axis]!),
  };
}

test('500 random views, in stripes and pieces of random sizes', async () => {
  const random = seededRandom(7);
  for (let i = 0; i < 500; i++) {
    const view = checkView(randomView(random));
    const expected = walked(view);
    const budget = 1 + random.below(expected.length + 5);
    const piece = 1 + random.below(expected.length);
    expect(await gathered(view, budget, piece), JSON.stringify({ i, budget, piece, ...view })).toEqual(
      expected,
    );
  }
});

test('a kernel of Keras over a flattened map: (H*W*C, O) becomes (O, C, H, W)', async () => {
  const [H, W, C, O] = [2, 3, 4, 5];
  const whole = wholeTensor('kernel', [H * W * C, O], counting(H * W * C * O));
  const view = permuted(reshaped(whole, 0, [H, W, C]), [3, 2, 0, 1]);
  expect(view.shape).toEqual([O, C, H, W]);
  const values = await gathered(view, 60);
  const at = (o: number, c: number, h: number, w: number) => values[((o * C + c) * H + h) * W + w];
  expect(at(3, 1, 1, 2)).toBe(((1 * W + 2) * C + 1) * O + 3);
  expect(values).toEqual(walked(view));
});

describe('how the storage is read', () => {
  it('in order already: straight through, and no more than asked for', async () => {
    const storage = counting(1000);
    const view = gather(wholeTensor('x', [10, 5, 2], storage, 100), 1);
    await view.read(30, new Float32Array(20));
    expect(storage.reads).toEqual([[130, 150]]);
  });

  it('transposed: forwards, once for each stripe, whatever the pieces', async () => {
    const storage = counting(3_000_000);
    const rows = 3;
    const transposed = permuted(wholeTensor('x', [1_000_000, rows], storage), [1, 0]);
    const view = gather(transposed, 2_000_000);
    for (let at = 0; at < 3_000_000; at += 100_000) await view.read(at, new Float32Array(100_000));
    // Two stripes, of two rows and of one; in chunks of 2^21.
    expect(storage.reads).toEqual([
      [0, 2 ** 21],
      [2 ** 21, 2_999_999],
      [2, 2 + 2 ** 21],
      [2 + 2 ** 21, 3_000_000],
    ]);
  });

  it('a row larger than the budget is cut as well', async () => {
    const storage = counting(24);
    const view = permuted(wholeTensor('x', [4, 3, 2], storage), [2, 1, 0]);
    expect(await gathered(view, 4, 4)).toEqual(walked(view));
    expect(storage.reads.length).toBe(6);
  });
});

test('a NaN keeps its bits', async () => {
  const bits = Uint32Array.of(0x7fc00001, 0x7f812345, 0xffffffff, 0x80000000, 1, 0x3f800000);
  const storage: Storage = {
    ...counting(6),
    read: async (start, target) => {
      new Uint32Array(target.buffer, target.byteOffset, target.length).set(
        bits.subarray(start, start + target.length),
      );
    },
  };
  const target = new Float32Array(6);
  await gather(permuted(wholeTensor('x', [2, 3], storage), [1, 0]), 100).read(0, target);
  expect([...new Uint32Array(target.buffer)]).toEqual([0, 3, 1, 4, 2, 5].map((i) => bits[i]));
});

test('strides, scalars and empty tensors', async () => {
  expect(rowMajorStrides([2, 3, 4])).toEqual([12, 4, 1]);
  expect(rowMajorStrides([])).toEqual([]);
  expect(await gathered(wholeTensor('x', [], counting(5), 4), 1)).toEqual([4]);
  expect(await gathered(wholeTensor('x', [0, 4], counting(0)), 1, 1)).toEqual([]);
});

test.each<[string, Partial<StridedTensor>, string]>([
  ['one number too many', { shape: [3, 4], strides: [4, 1], offset: 1 }, 'needs 13 numbers, 12 are there'],
  ['a stride too long', { shape: [3, 4], strides: [5, 1] }, 'needs 14 numbers, 12 are there'],
  [
    'a stride of zero',
    { shape: [1000, 2], strides: [0, 1] },
    'impossible shape (1000, 2) with strides (0, 1)',
  ],
  ['windows that overlap', { shape: [9, 4], strides: [1, 1] }, 'needs 36 numbers, 12 are there'],
  ['a negative stride', { shape: [3], strides: [-1], offset: 2 }, 'impossible shape (3,) with strides (-1,)'],
  ['half a number', { shape: [1.5], strides: [1] }, 'impossible shape'],
  ['fewer strides than sides', { shape: [3, 4], strides: [1] }, 'impossible shape'],
  ['beyond all numbers', { shape: [2 ** 40, 0, 2 ** 40], strides: [1, 1, 1] }, '2^53 elements or more'],
])('a view is refused: %s', (_, view, message) => {
  const tensor = { name: 'x', shape: [], strides: [], offset: 0, storage: counting(12), ...view };
  expect(() => checkView(tensor)).toThrow(FileFault);
  expect(() => checkView(tensor)).toThrow(`tensor "x": `);
  expect(() => checkView(tensor)).toThrow(message);
});

test('axes that are not there, and sides that do not multiply, are refused', () => {
  const whole = wholeTensor('x', [6, 2], counting(12));
  expect(() => permuted(whole, [0, 1, 2])).toThrow('tensor "x": expected 3 dimensions, found shape (6, 2)');
  expect(() => reshaped(whole, 0, [2, 2])).toThrow('tensor "x": axis 0 of shape (6, 2) is not 2 * 2');
  expect(() => reshaped(whole, 2, [1])).toThrow(FileFault);
});
