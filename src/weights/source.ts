// What every weights format is turned into: named tensors that are read in pieces, from a file that is never held whole.

import { quote } from './text.js';

/** Number formats of stored weights: IEEE 754 single and half precision, and the upper half of a single. */
export type Dtype = 'F32' | 'F16' | 'BF16';

export const BYTES_PER_ELEMENT: Readonly<Record<Dtype, number>> = { F32: 4, F16: 2, BF16: 2 };

export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  /** Row-major: the last dimension is contiguous. Empty for a scalar. */
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** Numbers in a row, as a file holds them; read as 32-bit floats. */
export interface Storage {
  /** How many numbers. */
  readonly length: number;
  /** How the file keeps them, for people: `F32`, `F64`, `U8 (quantised)`. */
  readonly stored: string;
  /** The least of our dtypes that holds them: exactly, but for F64, which is rounded to F32. */
  readonly dtype: Dtype;
  /**
   * Reads the numbers `[start, start + target.length)`. Reading forwards is fast; going back may mean to begin again,
   * where the file is compressed. Calls may overlap in time.
   *
   * @throws WeightsError where the file ends early or cannot be read
   */
  read(start: number, target: Float32Array): Promise<void>;
}

/** A view of a storage: element (i, j, ...) is number `offset + i * strides[0] + j * strides[1] + ...` of it. */
export interface StridedTensor {
  /** As in its file, for messages. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly storage: Storage;
}

/** An open weights file. Whoever opened it closes it. */
export interface WeightsSource {
  /** For messages. */
  readonly path: string;
  /** In the order in which the tensors' bytes lie in the file. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Reads the bytes `[start, start + target.length)` of a tensor into `target`: little-endian, row-major.
   * Calls may overlap in time.
   *
   * @throws WeightsError where the file ends early or cannot be read
   * @throws RangeError for an unknown name or a range outside the tensor
   */
  read(name: string, start: number, target: Uint8Array): Promise<void>;
  /**
   * A tensor as it lies in the file, for whoever can take its numbers in any order; undefined where it lies there as `read`
   * gives it. Reads of its storage throw as `read` does.
   *
   * @internal
   */
  stored?(name: string): StridedTensor | undefined;
  close(): Promise<void>;
}

/** The tensor that `WeightsSource.read` is asked for. @throws RangeError as `read` does */
export function entryToRead(
  { path, tensors }: Pick<WeightsSource, 'path' | 'tensors'>,
  name: string,
  start: number,
  length: number,
): TensorEntry {
  const entry = tensors.get(name);
  if (!entry) throw new RangeError(`${path} has no tensor ${quote(name)}`);
  const end = start + length;
  if (!Number.isSafeInteger(start) || start < 0 || end > entry.byteLength) {
    throw new RangeError(`bytes ${start} to ${end} lie outside the ${entry.byteLength} of ${quote(name)}`);
  }
  return entry;
}
