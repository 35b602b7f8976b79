// A tensor of an ONNX file (TensorProto): its numbers stay where they are, in the file or in another beside it.
//
//   dims           1   sizes                       raw_data        9   little-endian bytes, row-major
//   data_type      2   FLOAT, FLOAT16 ...          double_data    10   doubles in a row
//   float_data     4   singles in a row            external_data  13   location, offset, length as texts
//   int64_data     7   whole numbers, as varints   data_location  14   1 where the data is external
//   name           8
//
// Source   https://github.com/onnx/onnx, onnx/onnx.proto

import { asWeightsError, type Bytes, bytesAt, FileFault, type RandomAccessFile, viewOf } from '../file.js';
import type { StridedTensor } from '../source.js';
import { sizeOf, wholeTensor } from '../strided.js';
import { formatShape, quote } from '../text.js';
import { ENCODED_BYTES, type Encoding, storedNumbers } from './numbers.js';
import type { ExternalFiles, ExternalPlace } from './onnx_external.js';
import { expectWire, type Field, type ProtobufReader } from './protobuf.js';

const INT64 = 7;
const ENCODINGS: ReadonlyMap<number, Encoding> = new Map([
  [1, 'F32'],
  [10, 'F16'],
  [11, 'F64'],
  [16, 'BF16'],
]);

/** Sizes and axes are short lists; a longer one is not read. */
const MOST_INTEGERS = 64;

/** A convolution's kernel has four. */
const MOST_AXES = 8;

/** Where a tensor's numbers lie, by the field that holds them. */
const DATA_FIELDS: ReadonlyMap<number, { readonly name: string; readonly encoding?: Encoding }> = new Map([
  [4, { name: 'float_data', encoding: 'F32' }],
  [5, { name: 'int32_data' }],
  [7, { name: 'int64_data' }],
  [9, { name: 'raw_data' }],
  [10, { name: 'double_data', encoding: 'F64' }],
]);

export interface OnnxTensor {
  readonly name: string;
  /** Where it holds floating point numbers. */
  readonly tensor?: StridedTensor;
  /** Where it is a short list of whole numbers: sizes, axes. */
  readonly integers?: readonly number[];
}

/** A TensorProto's fields. */
interface Parsed {
  name: string;
  readonly dims: number[];
  type: number;
  data: Field | undefined;
  isExternal: boolean;
  readonly external: Map<string, string>;
}

/**
 * Reads a TensorProto without its numbers.
 *
 * @param message  the field that holds it
 * @throws FileFault for shapes and data that do not fit each other, and for external data outside the model's folder
 */
export async function readTensor(
  file: RandomAccessFile,
  reader: ProtobufReader,
  message: Field,
  externalFiles: ExternalFiles,
): Promise<OnnxTensor> {
  const parsed = await parseTensor(reader, message);
  const { name, dims, type } = parsed;
  try {
    if (dims.length > MOST_AXES || dims.some((size) => size < 0)) {
      throw new FileFault(`impossible shape ${formatShape(dims.slice(0, MOST_AXES + 1))}`);
    }
    const encoding = ENCODINGS.get(type);
    if (encoding) {
      const { file: holder, start, length } = await placeOf(parsed, encoding, file, externalFiles);
      const count = length / ENCODED_BYTES[encoding];
      if (count !== sizeOf(dims)) {
        throw new FileFault(
          `its shape ${formatShape(dims)} as ${encoding} does not fit its ${length} bytes of data`,
        );
      }
      const numbers = storedNumbers(tensorBytes(holder, name), encoding, count, start);
      return { name, tensor: wholeTensor(name, dims, numbers) };
    }
    const isShort = sizeOf(dims) <= MOST_INTEGERS;
    if (type === INT64 && isShort && !parsed.isExternal) {
      return { name, integers: await integersOf(parsed, file, reader) };
    }
    return { name };
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    const isNamed = error.message.startsWith('tensor ');
    throw isNamed ? error : new FileFault(`tensor ${quote(name)}: ${error.message}`, { cause: error });
  }
}

async function parseTensor(reader: ProtobufReader, message: Field): Promise<Parsed> {
  expectWire(message, 'bytes');
  const parsed: Parsed = {
    name: '',
    dims: [],
    type: 0,
    data: undefined,
    isExternal: false,
    external: new Map(),
  };
  for await (const field of reader.fields(message.start, message.end)) {
    if (field.number === 1) parsed.dims.push(...(await reader.integers(field)));
    else if (field.number === 2) parsed.type = (await reader.integers(field))[0] ?? 0;
    else if (field.number === 8) parsed.name = await reader.text(field);
    else if (field.number === 13) parsed.external.set(...(await readEntry(reader, field)));
    else if (field.number === 14) parsed.isExternal = field.value === 1n;
    else if (DATA_FIELDS.has(field.number)) {
      if (field.number !== 9 && field.wire === 'bytes' && field.start === field.end) continue;
      const { name } = DATA_FIELDS.get(field.number)!;
      if (parsed.data || field.wire !== 'bytes') {
        throw new FileFault(
          `byte ${field.start}: ${name} in several parts; save the model again with raw_data`,
        );
      }
      parsed.data = field;
    }
  }
  return parsed;
}

/** A StringStringEntryProto. */
async function readEntry(reader: ProtobufReader, message: Field): Promise<[key: string, value: string]> {
  expectWire(message, 'bytes');
  let key = '';
  let value = '';
  for await (const field of reader.fields(message.start, message.end)) {
    if (field.number === 1) key = await reader.text(field);
    if (field.number === 2) value = await reader.text(field);
  }
  return [key, value];
}

/** The bytes that hold a tensor's numbers. */
async function placeOf(
  { dims, data, isExternal, external }: Parsed,
  encoding: Encoding,
  file: RandomAccessFile,
  externalFiles: ExternalFiles,
): Promise<ExternalPlace> {
  if (isExternal) return externalFiles.find(external, sizeOf(dims) * ENCODED_BYTES[encoding]);
  if (!data) return { file, start: 0, length: 0 };
  const kept = DATA_FIELDS.get(data.number)!;
  if (kept.name !== 'raw_data' && kept.encoding !== encoding) {
    throw new FileFault(
      `${encoding} numbers kept as ${kept.name} are not understood; save the model with raw_data`,
    );
  }
  return { file, start: data.start, length: data.end - data.start };
}

/** A file's bytes, read once it is open: by then who reads no longer knows which tensor it is. */
function tensorBytes(file: RandomAccessFile, name: string): Bytes {
  return {
    read: async (position, target) => {
      try {
        await file.read(position, target);
      } catch (error) {
        throw asWeightsError(`${file.path}: tensor ${quote(name)}`, error);
      }
    },
  };
}

async function integersOf(
  { dims, data }: Parsed,
  file: RandomAccessFile,
  reader: ProtobufReader,
): Promise<readonly number[]> {
  const name = data && DATA_FIELDS.get(data.number)!.name;
  let integers: number[] = [];
  if (name === 'int64_data') {
    integers = await reader.integers(data!);
  } else if (name === 'raw_data' && data!.end - data!.start === 8 * sizeOf(dims)) {
    const bytes = viewOf(await bytesAt(file, data!.start, 8 * sizeOf(dims)));
    integers = Array.from({ length: sizeOf(dims) }, (_, i) => Number(bytes.getBigInt64(8 * i, true)));
  }
  if (integers.length === sizeOf(dims)) return integers;
  throw new FileFault(`its shape ${formatShape(dims)} does not fit its data`);
}
