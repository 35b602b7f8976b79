// Reads and writes safetensors files, a tensor at a time: neither side ever holds the file in memory.

import { type Append, writeAtomically } from '../node/atomic_file.js';
import { asWeightsError, FileFault, openFile, type RandomAccessFile } from './file.js';
import {
  checkHeaderLength,
  formatHeader,
  type Header,
  LONGEST_HEADER,
  parseHeader,
} from './safetensors_header.js';
import { type Dtype, entryToRead, type TensorEntry, type WeightsSource } from './source.js';
import { quote } from './text.js';

/**
 * Opens a safetensors file and checks its header and size; tensors are read later, in pieces.
 *
 * @throws WeightsError where the file is missing, unreadable, truncated or damaged, with the tensor and what is wrong
 */
export async function openSafetensors(path: string): Promise<WeightsSource> {
  const file = await openFile(path);
  try {
    const { header, bufferStart } = await readHeader(file);
    return new SafetensorsFile(path, file, header, bufferStart);
  } catch (error) {
    await file.close();
    throw asWeightsError(path, error);
  }
}

/** A tensor to be written. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /**
   * The bytes, little-endian and row-major, in chunks of any size. Each chunk is written before the next is asked
   * for, so a generator may fill the same array again.
   */
  readonly data: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Writes a safetensors file: tensors and metadata in the order given, so that equal input gives equal bytes.
 * The file appears under its name only when it is complete and on the disk.
 *
 * @throws WeightsError for tensors that the format cannot hold, or whose data does not have the size of their shape
 * @throws OutputError  where the file cannot be written
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  try {
    const { bytes, sizes } = formatHeader(tensors, metadata);
    await writeAtomically(path, async (append) => {
      await append(bytes);
      for (const [i, tensor] of tensors.entries()) await appendTensor(append, tensor, sizes[i]!);
    });
  } catch (error) {
    throw asWeightsError(path, error);
  }
}

async function appendTensor(append: Append, tensor: TensorToWrite, size: number): Promise<void> {
  let given = 0;
  for await (const chunk of tensor.data) {
    given += chunk.length;
    if (given > size) break;
    await append(chunk);
  }
  if (given === size) return;
  const amount = given > size ? 'more' : `only ${given}`;
  throw new FileFault(`tensor ${quote(tensor.name)}: its shape needs ${size} bytes, ${amount} were given`);
}

class SafetensorsFile implements WeightsSource {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #file: RandomAccessFile;
  readonly #starts: ReadonlyMap<string, number>;

  constructor(
    readonly path: string,
    file: RandomAccessFile,
    header: Header,
    bufferStart: number,
  ) {
    this.#file = file;
    this.metadata = header.metadata;
    this.tensors = new Map(
      header.tensors.map(({ name, dtype, shape, byteLength }) => [name, { name, dtype, shape, byteLength }]),
    );
    this.#starts = new Map(header.tensors.map(({ name, begin }) => [name, bufferStart + begin]));
  }

  async read(name: string, start: number, target: Uint8Array): Promise<void> {
    entryToRead(this, name, start, target.length);
    try {
      await this.#file.read(this.#starts.get(name)! + start, target);
    } catch (error) {
      throw asWeightsError(`${this.path}: tensor ${quote(name)}`, error);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function readHeader(file: RandomAccessFile): Promise<{ header: Header; bufferStart: number }> {
  const { size } = file;
  if (size < 8) throw new FileFault(`truncated: ${size} bytes are too few for a safetensors file`);
  const field = Buffer.alloc(8);
  await file.read(0, field);
  const length = field.readBigUInt64LE();
  if (length > LONGEST_HEADER) throw new FileFault('not a safetensors file');
  const bufferStart = 8 + Number(length);
  if (bufferStart > size) {
    throw new FileFault(`truncated: the header needs ${bufferStart} bytes, the file has ${size}`);
  }
  checkHeaderLength(Number(length));
  const bytes = new Uint8Array(Number(length));
  await file.read(8, bytes);
  return { header: parseHeader(bytes, size - bufferStart), bufferStart };
}
