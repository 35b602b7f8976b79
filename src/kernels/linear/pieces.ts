// A fully connected layer's kernel in pieces of columns, as small as the adapter needs them.

import { GpuError } from '../../errors.js';
import { type BufferLimits, bindable } from '../../gpu/limits.js';
import { BYTES_PER_VALUE, type Tensor, type TensorDtype } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';

/** Some columns of a kernel (D,O): the whole of it, unless the adapter cannot bind so much. */
export interface LinearPiece {
  /** The piece's first column in the whole, a multiple of 4. */
  readonly first: number;
  /** (D,columns), columns a multiple of 4; f32 or, where nothing is trained, f16. */
  readonly k: Tensor;
}

/** What a kernel needs to know of a piece: where its columns are in the whole. */
export function pieceConstants({ first, k }: LinearPiece): { FIRST: number; COLUMNS: number } {
  return { FIRST: first, COLUMNS: k.shape[1]! };
}

/** @throws GpuError unless the pieces, in their order, make up a kernel (D,O), each stored as one of `dtypes`. */
export function expectPieces(
  label: string,
  pieces: readonly LinearPiece[],
  [D, O]: readonly [D: number, O: number],
  dtypes: readonly TensorDtype[] = ['f32'],
): void {
  let next = 0;
  for (const { first, k } of pieces) {
    const [, columns] = expectSides(label, k, 2, dtypes);
    expectShape(label, k, [D, columns], dtypes);
    if (first !== next)
      throw new GpuError(`${label}: a piece of k begins at column ${first}, expected ${next}`);
    next += columns;
  }
  if (next !== O) throw new GpuError(`${label}: the pieces of k have ${next} columns, expected ${O}`);
}

/** As many columns of a dense layer's kernel as the adapter can bind at once: fc1 as a whole has 411 MB, 206 as f16. */
export function columnsPerPiece(
  limits: BufferLimits,
  depth: number,
  columns: number,
  dtype: TensorDtype = 'f32',
): number {
  const most = Math.floor(bindable(limits) / (BYTES_PER_VALUE[dtype] * depth));
  return Math.min(columns, Math.max(4, Math.floor(most / 4) * 4));
}
