// Views of numbers in a row: transposed, cut apart and put in order by shape and strides alone. Nothing is read here.

import { FileFault } from './file.js';
import type { Storage, StridedTensor } from './source.js';
import { formatShape, quote } from './text.js';

/** As many as NumPy and PyTorch have. What a file says of more is not looked at. */
export const MOST_AXES = 64;

/** The strides of an array whose last axis is contiguous: `[12, 4, 1]` for `(2, 3, 4)`. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of [...shape].reverse()) {
    strides.unshift(stride);
    stride *= size;
  }
  return strides;
}

/** How many elements a shape has; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Row-major numbers of a storage, from `offset` on. @throws as `checkView` */
export function wholeTensor(
  name: string,
  shape: readonly number[],
  storage: Storage,
  offset = 0,
): StridedTensor {
  return checkView({ name, shape, strides: rowMajorStrides(shape), offset, storage });
}

/**
 * The view that it is given, once it is known to stay within its storage.
 *
 * @throws FileFault for impossible sizes and strides, and for elements outside the storage
 */
export function checkView(view: StridedTensor): StridedTensor {
  const { name, shape, strides, offset, storage } = view;
  const fault = (what: string) => new FileFault(`tensor ${quote(name)}: ${what}`);
  // A stride of zero would let a small file stand for any number of elements; no tool writes weights so.
  const isRepeated = shape.some((size, axis) => size > 1 && strides[axis] === 0);
  if (shape.length !== strides.length || ![...shape, ...strides, offset].every(isSize) || isRepeated) {
    throw fault(`impossible shape ${formatShape(shape)} with strides ${formatShape(strides)}`);
  }
  if (!isSize(sizeOf(shape.map((size) => Math.max(size, 1))))) throw fault('2^53 elements or more');
  if (shape.includes(0)) return view;
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset);
  // Nor may elements overlap so much that there are more of them than numbers.
  if (last < storage.length && sizeOf(shape) <= storage.length) return view;
  throw fault(
    `shape ${formatShape(shape)} with strides ${formatShape(strides)} from ${offset} on needs ` +
      `${Math.max(last + 1, sizeOf(shape))} numbers, ${storage.length} are there`,
  );
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * The same numbers with their axes in another order: axis `i` of the result is axis `axes[i]` of the tensor.
 *
 * @throws FileFault where the tensor does not have these axes
 */
export function permuted(tensor: StridedTensor, axes: readonly number[]): StridedTensor {
  const { name, shape, strides } = tensor;
  if (axes.length !== shape.length || !shape.every((_, axis) => axes.includes(axis))) {
    throw new FileFault(
      `tensor ${quote(name)}: expected ${axes.length} dimensions, found shape ${formatShape(shape)}`,
    );
  }
  return { ...tensor, shape: axes.map((axis) => shape[axis]!), strides: axes.map((axis) => strides[axis]!) };
}

/**
 * The same numbers with one axis cut apart into several, the last of which runs fastest.
 *
 * @throws FileFault where the sides do not multiply to the axis
 */
export function reshaped(tensor: StridedTensor, axis: number, sides: readonly number[]): StridedTensor {
  const { name, shape, strides } = tensor;
  const stride = strides[axis];
  if (stride === undefined || sizeOf(sides) !== shape[axis]) {
    throw new FileFault(
      `tensor ${quote(name)}: axis ${axis} of shape ${formatShape(shape)} is not ${sides.join(' * ')}`,
    );
  }
  return {
    ...tensor,
    shape: shape.toSpliced(axis, 1, ...sides),
    strides: strides.toSpliced(axis, 1, ...rowMajorStrides(sides).map((inner) => inner * stride)),
  };
}
