// Numbers that lie in a row somewhere in a file, in the formats that the readers here meet, as 32-bit floats.

import { type Bytes, viewOf } from '../file.js';
import { decodeFloats } from '../floats.js';
import type { Dtype, Storage } from '../source.js';

/** IEEE 754 half, single and double precision, and the upper half of a single. */
export type Encoding = Dtype | 'F64';

export const ENCODED_BYTES: Readonly<Record<Encoding, number>> = { F16: 2, BF16: 2, F32: 4, F64: 8 };

/** Numbers decoded at once where they need a copy. */
const PIECE = 2 ** 16;

/**
 * A storage of `length` numbers, the first of which is at byte `position`.
 *
 * @param bigEndian  whether a number's most significant byte comes first
 */
export function storedNumbers(
  bytes: Bytes,
  encoding: Encoding,
  length: number,
  position = 0,
  bigEndian = false,
): Storage {
  const size = ENCODED_BYTES[encoding];
  const readDecoded = async (start: number, target: Float32Array) => {
    const scratch = new Uint8Array(Math.min(PIECE, target.length) * size);
    for (let done = 0; done < target.length; done += PIECE) {
      const piece = target.subarray(done, done + PIECE);
      const encoded = scratch.subarray(0, piece.length * size);
      await bytes.read(position + (start + done) * size, encoded);
      if (bigEndian) swapBytes(encoded, size);
      decodeInto(piece, encoded, encoding);
    }
  };
  const readInPlace = (start: number, target: Float32Array) =>
    bytes.read(position + start * size, new Uint8Array(target.buffer, target.byteOffset, target.byteLength));
  return {
    length,
    stored: encoding,
    dtype: encoding === 'F64' ? 'F32' : encoding,
    read: encoding === 'F32' && !bigEndian ? readInPlace : readDecoded,
  };
}

function decodeInto(target: Float32Array, encoded: Uint8Array, encoding: Encoding): void {
  if (encoding === 'F64') {
    target.set(new Float64Array(encoded.buffer, encoded.byteOffset, target.length));
    return;
  }
  // As integers, so that a NaN keeps its bits.
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  bits.set(new Uint32Array(decodeFloats(encoded, encoding).buffer));
}

function swapBytes(bytes: Uint8Array, size: number): void {
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length; at += size) {
    if (size === 2) view.setUint16(at, view.getUint16(at, true));
    else if (size === 4) view.setUint32(at, view.getUint32(at, true));
    else view.setBigUint64(at, view.getBigUint64(at, true));
  }
}
