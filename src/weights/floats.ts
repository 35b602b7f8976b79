// Stored numbers to Float32Array and back. Weights are little-endian, and so is every platform that Dawn runs on.
//
//          sign  exponent  mantissa   largest finite   smallest normal
//   F32     1       8         23      3.4e38           2^-126
//   BF16    1       8          7      3.4e38           2^-126            an F32 without its lower 16 bits
//   F16     1       5         10      65504            2^-14             subnormals in steps of 2^-24
//
// Conversions work on bit patterns, so that a NaN keeps its payload, and every F16 and BF16 survives the trip to F32
// and back. Narrowing rounds to the nearest value, ties to even (IEEE 754-2019, section 4.3.1).

import { BYTES_PER_ELEMENT, type Dtype, type WeightsSource } from './source.js';

/** Stored numbers as 32-bit floats; exact for every dtype. */
export function decodeFloats(bytes: Uint8Array, dtype: Dtype): Float32Array<ArrayBuffer> {
  const stored = words(bytes, dtype);
  const bits = new Uint32Array(stored.length);
  if (dtype === 'F32') bits.set(stored);
  else if (dtype === 'BF16') for (let i = 0; i < bits.length; i++) bits[i] = stored[i]! << 16;
  else for (let i = 0; i < bits.length; i++) bits[i] = halfToSingle(stored[i]!);
  return new Float32Array(bits.buffer);
}

/** 32-bit floats as they are stored, rounded to nearest even; what is too large for the dtype becomes infinite. */
export function encodeFloats(values: Float32Array, dtype: Dtype): Uint8Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const stored = dtype === 'F32' ? new Uint32Array(bits) : new Uint16Array(bits.length);
  if (dtype === 'BF16') for (let i = 0; i < bits.length; i++) stored[i] = singleToBrain(bits[i]!);
  else if (dtype === 'F16') for (let i = 0; i < bits.length; i++) stored[i] = singleToHalf(bits[i]!);
  return new Uint8Array(stored.buffer);
}

const SIGN: Readonly<Record<Dtype, number>> = { F32: 0x80000000, F16: 0x8000, BF16: 0x8000 };
const INFINITY: Readonly<Record<Dtype, number>> = { F32: 0x7f800000, F16: 0x7c00, BF16: 0x7f80 };
/** Of each dtype, the least number that F16 rounds to infinity: 65520, which BF16 does not have, but 65536. */
const INFINITY_AS_F16: Readonly<Record<Dtype, number>> = { F32: 0x477ff000, F16: 0x7c00, BF16: 0x4780 };

/**
 * The index of the first NaN or infinity among stored numbers, or, if they are to become F16, of the first number that
 * is one then; -1 where there is none. Compares magnitudes as integers, fast enough to pass over all of VGG16's 138
 * million weights while they are being loaded.
 */
export function findNonFinite(bytes: Uint8Array, dtype: Dtype, become?: 'F16'): number {
  const stored = words(bytes, dtype);
  const mask = ~SIGN[dtype];
  const least = (become === 'F16' ? INFINITY_AS_F16 : INFINITY)[dtype];
  for (let i = 0; i < stored.length; i++) if ((stored[i]! & mask) >= least) return i;
  return -1;
}

/** A whole tensor as 32-bit floats. Meant for small ones: both copies are held at once. */
export async function readFloats(source: WeightsSource, name: string): Promise<Float32Array<ArrayBuffer>> {
  const entry = source.tensors.get(name);
  if (!entry) throw new RangeError(`${source.path} has no tensor ${name}`);
  const bytes = new Uint8Array(entry.byteLength);
  await source.read(name, 0, bytes);
  return decodeFloats(bytes, entry.dtype);
}

/** The bytes seen as unsigned words of the dtype's size; a copy where they do not lie on a word's boundary. */
function words(bytes: Uint8Array, dtype: Dtype): Uint32Array | Uint16Array {
  const size = BYTES_PER_ELEMENT[dtype];
  if (bytes.length % size !== 0)
    throw new RangeError(`${bytes.length} bytes are no whole number of ${dtype}`);
  const { buffer, byteOffset, length } = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return size === 4
    ? new Uint32Array(buffer, byteOffset, length / 4)
    : new Uint16Array(buffer, byteOffset, length / 2);
}

function halfToSingle(half: number): number {
  const sign = (half & 0x8000) << 16;
  const magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) return sign | 0x7f800000 | ((magnitude & 0x03ff) << 13);
  if (magnitude >= 0x0400) return sign | ((magnitude << 13) + ((127 - 15) << 23));
  if (magnitude === 0) return sign;
  // Subnormal, magnitude * 2^-24: its leading one moves up to bit 23, where adding it raises the exponent by one.
  const shift = Math.clz32(magnitude) - 8;
  return sign | ((magnitude << shift) + ((127 - 24 + 22 - shift) << 23));
}

function singleToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7c00 | ((magnitude & 0x007fffff) >>> 13 || 0x0200);
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and more: nearer to 2^16 than to 65504, or a tie
  if (magnitude >= 0x38800000) {
    return sign | roundedShift(magnitude - ((127 - 15) << 23), 13); // a carry out of the mantissa raises the exponent
  }
  if (magnitude <= 0x33000000) return sign; // 2^-25 and less: nearer to 0 than to 2^-24, or a tie
  const mantissa = (magnitude & 0x007fffff) | 0x00800000;
  return sign | roundedShift(mantissa, 126 - (magnitude >>> 23)); // counts steps of 2^-24
}

function singleToBrain(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | ((bits & 0x007f0000) === 0 ? 0x0040 : 0);
  return roundedShift(bits, 16);
}

/** `word / 2^shift`, rounded to nearest, ties to even: adds just under a half, or a half where the result is odd. */
function roundedShift(word: number, shift: number): number {
  const underHalf = (1 << (shift - 1)) - 1;
  return (word + underHalf + ((word >>> shift) & 1)) >>> shift;
}
