// Reads protocol buffers off a file, field by field, without holding them: a field of 400 MB is passed over as fast
// as one of four bytes.
//
//   message   field*
//   field     tag: number * 8 + wire type, as a varint;  then the value
//   value     0  varint, 7 bits a byte, lowest first      2  length as a varint, then as many bytes: text, numbers in
//             1  8 bytes                                      a row, or a message
//             5  4 bytes                                  3, 4  groups, which nobody writes any more
//
// Whoever reads knows which fields are messages and goes into those it wants: how deep is up to the code, never to
// the file.
//
// Source   https://protobuf.dev/programming-guides/encoding

import type { Bytes } from '../file.js';
import { FileFault } from '../file.js';

/** Bytes read ahead. */
const WINDOW = 2 ** 16;

/** A varint of 64 bits takes ten bytes. */
const LONGEST_VARINT = 10;

/** Names and settings; texts that are longer are nobody's name. */
const LONGEST_TEXT = 2 ** 14;

/** Lists of sizes and axes. */
const LONGEST_LIST = 64;

/** A VGG16's graph has some thousand fields; a file of millions would only keep us busy. */
const MOST_FIELDS = 100_000;

export interface Field {
  readonly number: number;
  readonly wire: 'varint' | 'fixed32' | 'fixed64' | 'bytes';
  /** A varint's, as an unsigned number of 64 bits; otherwise 0. */
  readonly value: bigint;
  /** The place of its first byte and of the one behind its last, without tag and length. */
  readonly start: number;
  readonly end: number;
}

const WIRES: ReadonlyMap<number, Field['wire']> = new Map([
  [0, 'varint'],
  [1, 'fixed64'],
  [2, 'bytes'],
  [5, 'fixed32'],
]);

export interface ProtobufReader {
  /**
   * The fields of the message that lies at bytes `[start, end)`.
   *
   * @throws FileFault for what is no message, and for more fields in all than any VGG16 has
   */
  fields(start: number, end: number): AsyncGenerator<Field>;
  /** @throws FileFault where it is no text, or over 16 kB long */
  text(field: Field): Promise<string>;
  /** Signed whole numbers: a single one, or several packed in one field. @throws FileFault for over 64 of them */
  integers(field: Field): Promise<number[]>;
  /** @throws FileFault where it is none */
  float(field: Field): Promise<number>;
}

/** Reads a file's messages one after another; calls must not overlap. */
export function protobufReader(file: Bytes, size: number): ProtobufReader {
  let fieldsLeft = MOST_FIELDS;
  let window = new Uint8Array(0);
  let windowStart = 0;

  /** The bytes from `start` on: up to `end`, at least `needed` of them where there are as many. */
  const bytesAt = async (start: number, end: number, needed: number) => {
    const inside = start >= windowStart && Math.min(start + needed, end) <= windowStart + window.length;
    if (!inside) {
      window = new Uint8Array(Math.min(WINDOW, size - start));
      windowStart = start;
      await file.read(start, window);
    }
    return window.subarray(start - windowStart, end - windowStart);
  };

  const varintAt = async (start: number, end: number) => {
    const bytes = await bytesAt(start, end, LONGEST_VARINT);
    const varint = parseVarint(bytes);
    if (varint) return varint;
    throw new FileFault(`byte ${start}: a number without an end`);
  };

  async function* fields(start: number, end: number): AsyncGenerator<Field> {
    for (let position = start; position < end; ) {
      if (fieldsLeft-- === 0) {
        throw new FileFault(`more than ${MOST_FIELDS} fields, which no VGG16 has`);
      }
      const tag = await varintAt(position, end);
      const number = Number(tag.value >> 3n);
      const wire = WIRES.get(Number(tag.value & 7n));
      const fault = (what: string) => new FileFault(`byte ${position}: ${what}`);
      if (!wire) throw fault(`wire type ${tag.value & 7n}, which is out of use`);
      if (number < 1 || number >= 2 ** 29) throw fault(`impossible field number ${number}`);
      let first = position + tag.length;
      let value = 0n;
      let length = wire === 'fixed32' ? 4 : 8;
      if (wire === 'varint' || wire === 'bytes') {
        const varint = await varintAt(first, end);
        if (wire === 'varint') {
          ({ value, length } = varint);
        } else {
          first += varint.length;
          length = Number(varint.value);
        }
      }
      if (length > end - first) {
        throw fault(
          `field ${number} has ${length} bytes where ${end - first} are left: damaged or truncated`,
        );
      }
      yield { number, wire, value, start: first, end: first + length };
      position = first + length;
    }
  }

  const bytesOf = async (field: Field, limit: number, what: string) => {
    const { number, start, end } = field;
    if (end - start > limit) throw new FileFault(`byte ${start}: field ${number} is too long for ${what}`);
    return bytesAt(start, end, end - start);
  };

  return {
    fields,
    text: async (field) => {
      expectWire(field, 'bytes');
      const bytes = await bytesOf(field, LONGEST_TEXT, 'a name');
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        throw new FileFault(`byte ${field.start}: field ${field.number} is not valid UTF-8`);
      }
    },
    integers: async (field) => {
      if (field.wire === 'varint') return [signed(field.value)];
      expectWire(field, 'bytes');
      const bytes = await bytesOf(field, LONGEST_LIST * LONGEST_VARINT, 'a list of sizes');
      const list: number[] = [];
      for (let at = 0; at < bytes.length; ) {
        const varint = parseVarint(bytes.subarray(at));
        if (!varint || list.length === LONGEST_LIST) {
          throw new FileFault(`byte ${field.start}: field ${field.number} is no list of sizes`);
        }
        list.push(signed(varint.value));
        at += varint.length;
      }
      return list;
    },
    float: async (field) => {
      expectWire(field, 'fixed32');
      const { buffer, byteOffset } = await bytesOf(field, 4, 'a number');
      return new DataView(buffer, byteOffset).getFloat32(0, true);
    },
  };
}

/** @throws FileFault where a field is not what its schema says */
export function expectWire(field: Field, wire: Field['wire']): void {
  if (field.wire === wire) return;
  throw new FileFault(`byte ${field.start}: field ${field.number} is ${field.wire}, expected ${wire}`);
}

/** The number at the start of the bytes and how many it takes; undefined where it does not end in time. */
function parseVarint(bytes: Uint8Array): { value: bigint; length: number } | undefined {
  let value = 0n;
  for (let i = 0; i < Math.min(bytes.length, LONGEST_VARINT); i++) {
    value |= BigInt(bytes[i]! & 0x7f) << BigInt(7 * i);
    if (bytes[i]! < 0x80) return { value: BigInt.asUintN(64, value), length: i + 1 };
  }
  return undefined;
}

/** Two's complement of 64 bits; beyond 2^53 no longer exact, which no check on sizes lets pass. */
function signed(value: bigint): number {
  return Number(BigInt.asIntN(64, value));
}
