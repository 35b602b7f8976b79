// A tensor's numbers in the dtype that is wanted, none of them NaN or infinite.

import { WeightsError } from '../errors.js';
import { type ChunkOptions, readChunks } from './chunks.js';
import { decodeFloats, encodeFloats, findNonFinite } from './floats.js';
import { BYTES_PER_ELEMENT, type Dtype, type TensorEntry, type WeightsSource } from './source.js';
import { quote } from './text.js';

/**
 * Reads a tensor in pieces, as `readChunks` does, and rounds it to `dtype`.
 *
 * @throws WeightsError for NaN, infinities and, in F16, numbers of 65520 and more, with tensor and place; where the
 *                      source ends early
 */
export async function* readFinite(
  source: WeightsSource,
  entry: TensorEntry,
  dtype: Dtype = entry.dtype,
  options: ChunkOptions = {},
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const stored of readChunks(source, entry, options)) {
    // Narrowing may overflow, widening never does: looking at the result finds every number without a place in it.
    const bytes = entry.dtype === dtype ? stored : encodeFloats(floatsOf(stored, entry.dtype), dtype);
    const at = findNonFinite(bytes, dtype);
    if (at >= 0) {
      throw unfitNumber(source.path, entry.name, done + at, floatsOf(stored, entry.dtype)[at]!);
    }
    yield bytes;
    done += bytes.length / BYTES_PER_ELEMENT[dtype];
  }
}

/** The error for a number that cannot be used: NaN, an infinity, or a finite one that is too large for f16. */
export function unfitNumber(path: string, tensor: string, element: number, value: number): WeightsError {
  return new WeightsError(
    `${path}: tensor ${quote(tensor)}: element ${element} is ${value}` +
      (Number.isFinite(value)
        ? ', which does not fit f16 (65504 at most); dtype f32 has a place for it'
        : '; the file is damaged, or its training diverged'),
  );
}

/** As `decodeFloats`, without a copy where none is needed: the garbage of 553 MB adds up. */
function floatsOf(bytes: Uint8Array, dtype: Dtype): Float32Array {
  if (dtype !== 'F32') return decodeFloats(bytes, dtype);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / BYTES_PER_ELEMENT.F32);
}
