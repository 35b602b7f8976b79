// The operands of a pickle's instructions.

import { FileFault } from '../file.js';

/** What is wrong with an instruction; whoever knows its byte makes a FileFault of it. */
export class PickleFault extends Error {}

/** The bytes end before the pickle does: it is truncated, or there is more of it to be read. */
export class PickleEnd extends FileFault {}

/** Longest whole number in bytes; PyTorch's magic number has ten. */
const LONGEST_INTEGER = 64;
/** A module's or a class's name. */
const LONGEST_LINE = 1000;

/** Reads forwards; every method throws PickleEnd where the bytes end before. */
export class PickleBytes {
  readonly #buffer: Buffer;

  constructor(
    bytes: Uint8Array,
    public position: number,
  ) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  uint8(): number {
    return this.#buffer.readUInt8(this.#advance(1));
  }

  uint16(): number {
    return this.#buffer.readUInt16LE(this.#advance(2));
  }

  int32(): number {
    return this.#buffer.readInt32LE(this.#advance(4));
  }

  uint32(): number {
    return this.#buffer.readUInt32LE(this.#advance(4));
  }

  /** Rounded from 2^53 on, where it is more than any file has. */
  uint64(): number {
    return Number(this.#buffer.readBigUInt64LE(this.#advance(8)));
  }

  /** Big-endian, other than all else. */
  float64(): number {
    return this.#buffer.readDoubleBE(this.#advance(8));
  }

  /** A whole number of `length` bytes, little-endian, in two's complement. */
  long(length: number): number | bigint {
    if (length > LONGEST_INTEGER) throw new PickleFault(`a whole number of ${length} bytes`);
    if (length === 0) return 0;
    const hex = Buffer.from(this.raw(length)).reverse().toString('hex');
    const value = BigInt.asIntN(8 * length, BigInt(`0x${hex}`));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  raw(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#buffer.subarray(start, start + length);
  }

  latin1(length: number): string {
    const start = this.#advance(length);
    return this.#buffer.toString('latin1', start, start + length);
  }

  utf8(length: number): string {
    const start = this.#advance(length);
    return this.#buffer.toString('utf8', start, start + length);
  }

  skip(length: number): void {
    this.#advance(length);
  }

  /** Text up to the end of the line. */
  line(): string {
    const end = this.#buffer.subarray(0, this.position + LONGEST_LINE).indexOf(0x0a, this.position);
    if (end < 0 && this.#buffer.length >= this.position + LONGEST_LINE)
      throw new PickleFault('a name without end');
    const text = this.utf8((end < 0 ? this.#buffer.length + 1 : end) - this.position);
    this.skip(1);
    return text;
  }

  /** Moves on by `length` bytes and returns where they begin. */
  #advance(length: number): number {
    const start = this.position;
    if (start + length > this.#buffer.length) {
      throw new PickleEnd(`truncated: the pickle goes on behind byte ${this.#buffer.length}`);
    }
    this.position = start + length;
    return start;
  }
}
