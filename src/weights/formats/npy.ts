// The header of a .npy file: a line of Python that says how an array's numbers lie behind it.
//
//   6 bytes   \x93NUMPY
//   2 bytes   version: 1.0, 2.0 or 3.0
//   2 bytes   length of the header, little-endian; 4 bytes from version 2.0 on
//   header    {'descr': '<f4', 'fortran_order': False, 'shape': (3, 3, 3, 64), }   padded with spaces to a line's end
//   data      the numbers; the first axis runs slowest, or fastest in Fortran's order
//
// Only this one literal is understood, nothing is evaluated. Arrays of Python objects are pickles, programs that run
// when they are read: they are refused.
//
// Source   https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

import { FileFault, latin1 } from '../file.js';
import { rowMajorStrides } from '../strided.js';
import { listNames, quote } from '../text.js';
import type { Encoding } from './numbers.js';

/** Bytes before the header's length. */
const PREAMBLE = 8;

/** As many as version 1.0 can say; a plain array's header has a hundred or so. */
const LONGEST_HEADER = 2 ** 16;

/** NumPy's own limit. */
const MOST_AXES = 64;

const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
  ['f2', 'F16'],
  ['f4', 'F32'],
  ['f8', 'F64'],
]);

export interface NpyHeader {
  /** NumPy's name of the number format: `<f4`. */
  readonly descr: string;
  /** Undefined for numbers that are no floating point of ours: `<i8`, `<c16`, `|S5`. */
  readonly encoding: Encoding | undefined;
  readonly isBigEndian: boolean;
  readonly shape: readonly number[];
  /** In numbers; for the order that the header says. */
  readonly strides: readonly number[];
  /** The byte at which the numbers begin. */
  readonly dataStart: number;
}

/**
 * Reads an array's header.
 *
 * @param read  the array's bytes `[start, start + length)`
 * @param size  bytes in all
 * @throws FileFault for what is no .npy file, and for an array of Python objects
 */
export async function readNpyHeader(
  read: (start: number, length: number) => Promise<Uint8Array>,
  size: number,
): Promise<NpyHeader> {
  const preamble = await read(0, Math.min(size, PREAMBLE));
  if (latin1(preamble.subarray(0, 6)) !== '\x93NUMPY') throw new FileFault('not an array of NumPy (.npy)');
  const version = preamble[6] ?? 0;
  if (version < 1 || version > 3) throw new FileFault(`version ${version} of .npy is unknown`);
  const field = version === 1 ? 2 : 4;
  const headerStart = PREAMBLE + field;
  if (headerStart > size) throw new FileFault(`truncated: ${size} bytes are too few for an array of NumPy`);
  const length = (await read(PREAMBLE, field)).reduceRight((sum, byte) => 256 * sum + byte, 0);
  if (length > LONGEST_HEADER) throw new FileFault(`a header of ${length} bytes is no plain array's`);
  const dataStart = headerStart + length;
  if (dataStart > size)
    throw new FileFault(`truncated: the header needs ${dataStart} bytes, ${size} are there`);
  const bytes = await read(headerStart, length);
  const header = version === 3 ? new TextDecoder().decode(bytes) : latin1(bytes);
  return { ...parseHeader(header), dataStart };
}

function parseHeader(text: string): Omit<NpyHeader, 'dataStart'> {
  const { descr, fortran_order: isFortran, shape } = parseDictionary(text);
  if (typeof isFortran !== 'boolean') throw new FileFault('its header says no fortran_order');
  if (!Array.isArray(shape)) throw new FileFault('its header says no shape');
  if (typeof descr !== 'string') {
    throw new FileFault('a structured array, of records and not of numbers; save plain arrays');
  }
  if (descr.includes('O')) {
    throw new FileFault(
      `an array of Python objects (descr ${quote(descr)}), a pickle: reading it could run a program; save plain arrays`,
    );
  }
  const strides = isFortran ? rowMajorStrides(shape.toReversed()).toReversed() : rowMajorStrides(shape);
  const [, order, type] = /^([<>=|])(\w+)$/.exec(descr) ?? [];
  return {
    descr,
    encoding: ENCODINGS.get(type ?? ''),
    isBigEndian: order === '>',
    shape,
    strides,
  };
}

type Value = string | boolean | number[] | undefined;

/** Python's literals that occur in a header; a list, as in a structured array's descr, is passed over. */
const TOKEN =
  /\s*(?:(?<text>'[^'\\]*'|"[^"\\]*")|(?<truth>True|False)|(?<tuple>\([\d\sL,]*\))|(?<list>\[.*\])|(?<mark>[{}:,])|$)/sy;

function parseDictionary(text: string): Record<string, Value> {
  const token = new RegExp(TOKEN);
  const next = () => {
    const at = token.lastIndex;
    const groups = token.exec(text)?.groups;
    if (groups) return groups;
    throw new FileFault(`its header cannot be understood at ${quote(text.slice(at, at + 20))}`);
  };
  const expect = (mark: string) => {
    if (next().mark !== mark) throw new FileFault(`its header has no ${mark} where one belongs`);
  };
  const values = new Map<string, Value>();
  expect('{');
  for (;;) {
    const { text: key, mark } = next();
    if (key === undefined && mark === '}') break;
    if (key === undefined) throw new FileFault('its header is no dictionary');
    const name = key.slice(1, -1);
    if (values.has(name)) throw new FileFault(`its header has the key ${quote(name)} twice`);
    expect(':');
    values.set(name, parseValue(next()));
    const { mark: after } = next();
    if (after === '}') break;
    if (after !== ',') throw new FileFault('its header is no dictionary');
  }
  const names = [...values.keys()].sort();
  if (names.join() !== 'descr,fortran_order,shape' || text.slice(token.lastIndex).trim() !== '') {
    throw new FileFault(`its header should have descr, fortran_order and shape, it has ${listNames(names)}`);
  }
  return Object.fromEntries(values);
}

function parseValue({ text, truth, tuple }: Record<string, string | undefined>): Value {
  if (text) return text.slice(1, -1);
  if (truth) return truth === 'True';
  if (!tuple) return undefined;
  // "(3, 3)", "(64,)" or "()"; Python 2 writes long numbers as "64L".
  const sizes = tuple.slice(1, -1).replace(/,\s*$/, '');
  const shape = sizes.trim() === '' ? [] : sizes.split(',').map((size) => size.trim());
  if (shape.length > MOST_AXES || !shape.every((size) => /^\d{1,16}L?$/.test(size))) {
    throw new FileFault(`its header has an impossible shape ${quote(tuple)}`);
  }
  return shape.map((size) => Number.parseInt(size, 10));
}
