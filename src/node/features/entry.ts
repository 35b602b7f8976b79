// A cached row as a file: what it is, a checksum, the numbers.

import { createHash } from 'node:crypto';

const MAGIC = Buffer.from('VGG16row');
const CHECKSUM_BYTES = 16;
const HEADER_BYTES = MAGIC.length + CHECKSUM_BYTES;

/** The magic, the first 16 bytes of the numbers' SHA-256, and the numbers as little-endian f32. */
export function encodeEntry(values: Float32Array): Buffer {
  const bytes = bytesOf(values);
  return Buffer.concat([MAGIC, checksum(bytes), bytes]);
}

/** Reads an entry into `target`; false, and nothing read, for one of another length or whose checksum does not fit. */
export function decodeEntry(entry: Uint8Array, target: Float32Array): boolean {
  if (entry.length !== HEADER_BYTES + target.byteLength) return false;
  const bytes = entry.subarray(HEADER_BYTES);
  if (MAGIC.compare(entry, 0, MAGIC.length) !== 0) return false;
  if (checksum(bytes).compare(entry, MAGIC.length, HEADER_BYTES) !== 0) return false;
  bytesOf(target).set(bytes);
  return true;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, CHECKSUM_BYTES);
}
