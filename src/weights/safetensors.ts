// Reads and writes safetensors files, a tensor at a time: neither side ever holds the file in memory.

import { asWeightsError, bytesAt, FileFault, type RandomAccessFile, viewOf } from './file.js';
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
 * Reads the header of a safetensors file and checks it; tensors are read later, in pieces. Takes the file over: it is closed
 * with the source, or at once where this fails.
 *
 * @throws WeightsError where the file is unreadable, truncated or damaged, with the tensor and what is wrong
 */
export async function readSafetensors(file: RandomAccessFile): Promise<WeightsSource> {
  try {
    const { header, bufferStart } = await readHeader(file);
    return new SafetensorsFile(file, header, bufferStart);
  } catch (error) {
    await file.close();
    throw asWeightsError(file.path, error);
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

/** Writes a safetensors file under a name; on Node `writeSafetensors`. */
export type SafetensorsWriter = (
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
) => Promise<void>;

/**
 * The bytes of a safetensors file: tensors and metadata in the order given, so that equal input gives equal bytes. Each
 * chunk is a tensor's own, and good until the next is asked for.
 *
 * @throws FileFault for tensors that the format cannot hold: at once, before any data is asked for; and, when it comes, for
 *   data that does not have the size of its shape
 */
export function safetensorsChunks(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array> {
  const { bytes, sizes } = formatHeader(tensors, metadata);
  async function* chunks() {
    yield bytes;
    for (const [i, tensor] of tensors.entries()) yield* checked(tensor, sizes[i]!);
  }
  return chunks();
}

async function* checked(tensor: TensorToWrite, size: number): AsyncGenerator<Uint8Array> {
  let given = 0;
  for await (const chunk of tensor.data) {
    given += chunk.length;
    if (given > size) break;
    yield chunk;
  }
  if (given === size) return;
  const amount = given > size ? 'more' : `only ${given}`;
  throw new FileFault(`tensor ${quote(tensor.name)}: its shape needs ${size} bytes, ${amount} were given`);
}

class SafetensorsFile implements WeightsSource {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly path: string;
  readonly #file: RandomAccessFile;
  readonly #starts: ReadonlyMap<string, number>;

  constructor(file: RandomAccessFile, header: Header, bufferStart: number) {
    this.path = file.path;
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
  const length = viewOf(await bytesAt(file, 0, 8)).getBigUint64(0, true);
  if (length > LONGEST_HEADER) throw new FileFault('not a safetensors file');
  const bufferStart = 8 + Number(length);
  if (bufferStart > size) {
    throw new FileFault(`truncated: the header needs ${bufferStart} bytes, the file has ${size}`);
  }
  checkHeaderLength(Number(length));
  const bytes = await bytesAt(file, 8, Number(length));
  return { header: parseHeader(bytes, size - bufferStart), bufferStart };
}
