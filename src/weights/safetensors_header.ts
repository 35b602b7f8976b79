// The header of a safetensors file: JSON that says where each tensor's bytes lie.
//
//   8 bytes   length of the header, unsigned, little-endian
//   header    {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
//             padded at its end with spaces
//   buffer    the tensors' bytes, little-endian, row-major; offsets count from its start
//
// The format's rules are what makes a file safe to read: tensors may not overlap, may leave no hole, and cover the
// buffer to its last byte, so that no two programs can see different things in one file. All are checked here.
//
// Source   https://github.com/huggingface/safetensors, README "Format"

import { FileFault } from './file.js';
import { duplicateKey } from './json_keys.js';
import { BYTES_PER_ELEMENT, type TensorEntry } from './source.js';
import { MOST_AXES } from './strided.js';
import { formatShape, quote } from './text.js';

/** The reference implementation's limit: a file that claims more is none of this format. */
export const LONGEST_HEADER = 100_000_000;

/** What we read and write. Parsed, a header takes many times its size; a VGG16's has 4 kB, and names of classes. */
const LARGEST_HEADER = 2 ** 20;

/** @throws FileFault for a header that we neither read nor write */
export function checkHeaderLength(length: number): void {
  if (length <= LARGEST_HEADER) return;
  throw new FileFault(`a header of ${length} bytes is too long, that of a VGG16 has some kB`);
}

const METADATA = '__metadata__';

/** Counters, masks and the like, which no weights are made of. */
const BYTES_PER_OTHER = { BOOL: 1, U8: 1, I8: 1, I16: 2, U16: 2, I32: 4, U32: 4, I64: 8, U64: 8 } as const;

const BYTES_PER_NUMBER = { ...BYTES_PER_ELEMENT, ...BYTES_PER_OTHER };

type AnyDtype = keyof typeof BYTES_PER_NUMBER;

export interface Header {
  /** In the order of their bytes in the buffer. Those of whole numbers are checked, and left out. */
  readonly tensors: readonly PlacedTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PlacedTensor extends TensorEntry {
  /** Offset of the first byte in the buffer. */
  readonly begin: number;
}

type AnyTensor = Omit<PlacedTensor, 'dtype'> & { readonly dtype: AnyDtype };

/**
 * Parses and checks a header.
 *
 * @param bytes       the header without its length field
 * @param bufferSize  bytes in the file after the header
 * @throws FileFault for every departure from the format
 */
export function parseHeader(bytes: Uint8Array, bufferSize: number): Header {
  const root = parseObject(bytes);
  const placed = Object.entries(root)
    .filter(([name]) => name !== METADATA)
    .map(([name, info]) => parseTensor(name, info));
  // Empty tensors take no place: first among those that begin at the same byte.
  placed.sort((a, b) => a.begin - b.begin || a.byteLength - b.byteLength);
  checkCoverage(placed, bufferSize);
  return { tensors: placed.filter(isOfWeights), metadata: parseMetadata(root[METADATA]) };
}

/**
 * A header with its length field in front and padded, so that the buffer starts at a multiple of 8 bytes; and the
 * number of bytes of each tensor.
 *
 * @throws FileFault for a name that is taken, for impossible shapes, and for too many of them
 */
export function formatHeader(
  tensors: readonly Omit<TensorEntry, 'byteLength'>[],
  metadata: Readonly<Record<string, string>>,
): { readonly bytes: Uint8Array; readonly sizes: readonly number[] } {
  // Put together member by member, because an object would move names such as "0" to the front.
  const members: string[] = [];
  if (Object.keys(metadata).length > 0) members.push(`"${METADATA}":${JSON.stringify(metadata)}`);
  const names = new Set([METADATA]);
  const sizes: number[] = [];
  let begin = 0;
  for (const { name, dtype, shape } of tensors) {
    if (names.has(name)) throw new FileFault(`tensor ${quote(name)}: the name is taken`);
    names.add(name);
    if (!shape.every(isSize))
      throw new FileFault(`tensor ${quote(name)}: impossible shape ${formatShape(shape)}`);
    const size = byteLength(name, dtype, shape);
    sizes.push(size);
    const end = begin + size;
    if (!isSize(end)) throw new FileFault(`tensor ${quote(name)}: ends beyond 2^53 bytes`);
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
    begin = end;
  }
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  checkHeaderLength(length);
  const bytes = new Uint8Array(8 + length).fill(0x20, 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return { bytes, sizes };
}

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseObject(bytes: Uint8Array): JsonObject {
  if (bytes[0] !== 0x7b) throw new FileFault('the header does not begin with {');
  let json: string;
  try {
    json = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new FileFault('the header is not valid UTF-8');
  }
  let root: unknown;
  try {
    root = JSON.parse(json);
  } catch {
    throw new FileFault('the header is not valid JSON');
  }
  const twice = duplicateKey(json);
  if (twice !== undefined) throw new FileFault(`the header has the key ${quote(twice)} twice`);
  return root as JsonObject; // JSON that begins with { is an object
}

function parseMetadata(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isObject(value)) throw new FileFault(`${METADATA} is not an object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw new FileFault(`${METADATA} ${quote(key)} is not a string`);
  }
  return value as Readonly<Record<string, string>>;
}

function parseTensor(name: string, info: unknown): AnyTensor {
  const fault = (what: string) => new FileFault(`tensor ${quote(name)}: ${what}`);
  if (!isObject(info)) throw fault('its description is not an object');
  const { dtype, shape, data_offsets: offsets } = info;
  if (typeof dtype !== 'string') throw fault('dtype is not a string');
  if (!isDtype(dtype)) throw fault(`dtype ${quote(dtype)} is not supported (F32, F16 and BF16 are)`);
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw fault('shape is not a list of whole numbers from 0 to 2^53 - 1');
  }
  if (shape.length > MOST_AXES) throw fault(`shape has ${shape.length} axes, more than ${MOST_AXES}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw fault('data_offsets is not a pair of whole numbers from 0 to 2^53 - 1');
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) throw fault(`data_offsets [${begin}, ${end}] end before they begin`);
  const needed = byteLength(name, dtype, shape);
  if (end - begin !== needed) {
    throw fault(`data_offsets span ${end - begin} bytes where dtype and shape need ${needed}`);
  }
  return { name, dtype, shape, byteLength: needed, begin };
}

function isDtype(dtype: string): dtype is AnyDtype {
  return Object.hasOwn(BYTES_PER_NUMBER, dtype);
}

function isOfWeights(tensor: AnyTensor): tensor is PlacedTensor {
  return Object.hasOwn(BYTES_PER_ELEMENT, tensor.dtype);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Multiplies in the shape's order; even a zero at its end excuses no overflow before it, as in the reference. */
function byteLength(name: string, dtype: AnyDtype, shape: readonly number[]): number {
  let bytes = BYTES_PER_NUMBER[dtype];
  for (const size of shape) {
    bytes *= size;
    if (!isSize(bytes)) throw new FileFault(`tensor ${quote(name)}: shape multiplies to 2^53 bytes or more`);
  }
  return bytes;
}

function checkCoverage(placed: readonly AnyTensor[], bufferSize: number): void {
  let covered = 0;
  for (const { name, begin, byteLength } of placed) {
    if (begin < covered) throw new FileFault(`tensor ${quote(name)}: overlaps the one before it`);
    if (begin > covered) {
      throw new FileFault(`tensor ${quote(name)}: ${begin - covered} bytes before it belong to no tensor`);
    }
    covered = begin + byteLength;
  }
  if (covered > bufferSize) {
    throw new FileFault(`truncated: ${covered - bufferSize} of ${covered} bytes of tensors are missing`);
  }
  if (covered < bufferSize) {
    throw new FileFault(`${bufferSize - covered} bytes follow the last tensor`);
  }
}
