// The operands of a pickle's instructions.

import { toHex } from '../../sha256.js';
import { FileFault, latin1, viewOf } from '../file.js';

/** What is wrong with an instruction; whoever knows its byte makes a FileFault of it. */
export class PickleFault extends Error {}

/** The bytes end before the pickle does: it is truncated, or there is more of it to be read. */
export class PickleEnd extends FileFault {}

/** Longest whole number in bytes; PyTorch's magic number has ten. */
const LONGEST_INTEGER = 64;
/** A module's or a class's name. */
const LONGEST_LINE = 1000;

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Reads forwards; every method throws PickleEnd where the bytes end before. */
export class PickleBytes {
  readonly #view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    public position: number,
  ) {
    this.#view = viewOf(bytes);
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** Rounded from 2^53 on, where it is more than any file has. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  /** Big-endian, other than all else. */
  float64(): number {
    return this.#view.getFloat64(this.#advance(8));
  }

  /** A whole number of `length` bytes, little-endian, in two's complement. */
  long(length: number): number | bigint {
    if (length > LONGEST_INTEGER) throw new PickleFault(`a whole number of ${length} bytes`);
    if (length === 0) return 0;
    const hex = toHex(this.raw(length).toReversed());
    const value = BigInt.asIntN(8 * length, BigInt(`0x${hex}`));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  raw(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.bytes.subarray(start, start + length);
  }

  latin1(length: number): string {
    return latin1(this.raw(length));
  }

  utf8(length: number): string {
    return UTF8.decode(this.raw(length));
  }

  skip(length: number): void {
    this.#advance(length);
  }

  /** Text up to the end of the line. */
  line(): string {
    const end = this.bytes.subarray(0, this.position + LONGEST_LINE).indexOf(0x0a, this.position);
    if (end < 0 && this.bytes.length >= this.position + LONGEST_LINE)
      throw new PickleFault('a name without end');
    const text = this.utf8((end < 0 ? this.bytes.length + 1 : end) - this.position);
    this.skip(1);
    return text;
  }

  /** Moves on by `length` bytes and returns where they begin. */
  #advance(length: number): number {
    const start = this.position;
    if (start + length > this.bytes.length) {
      throw new PickleEnd(`truncated: the pickle goes on behind byte ${this.bytes.length}`);
    }
    this.position = start + length;
    return start;
  }
}
