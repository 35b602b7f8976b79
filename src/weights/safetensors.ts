// Reads and writes safetensors files, a tensor at a time: neither side ever holds the file in memory.

import { type FileHandle, open, stat } from 'node:fs/promises';
import { type Append, writeAtomically } from '../atomic_file.js';
import { WeightsError } from '../errors.js';
import { FileFault, formatHeader, type Header, LONGEST_HEADER, parseHeader } from './safetensors_header.js';
import type { Dtype, TensorEntry, WeightsSource } from './source.js';
import { quote } from './text.js';

/** What one call to the system reads; Linux itself stops at 2 GiB. */
const LARGEST_READ = 2 ** 30;

/**
 * Opens a safetensors file and checks its header and size; tensors are read later, in pieces.
 *
 * @throws WeightsError where the file is missing, unreadable, truncated or damaged, with the tensor and what is wrong
 */
export async function openSafetensors(path: string): Promise<WeightsSource> {
  const file = await openFile(path);
  try {
    const fileSize = (await file.stat()).size;
    const { header, bufferStart } = await readHeader(file, fileSize);
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
  readonly #file: FileHandle;
  readonly #starts: ReadonlyMap<string, number>;

  constructor(
    readonly path: string,
    file: FileHandle,
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
    const entry = this.tensors.get(name);
    if (!entry) throw new RangeError(`${this.path} has no tensor ${quote(name)}`);
    const end = start + target.length;
    if (!Number.isSafeInteger(start) || start < 0 || end > entry.byteLength) {
      throw new RangeError(`bytes ${start} to ${end} lie outside the ${entry.byteLength} of ${quote(name)}`);
    }
    try {
      await readFully(this.#file, target, this.#starts.get(name)! + start);
    } catch (error) {
      throw asWeightsError(`${this.path}: tensor ${quote(name)}`, error);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // Asked before it is opened, because opening a pipe would wait for its other end.
    if (!(await stat(path)).isFile()) throw new FileFault('not a file');
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new WeightsError(`${path}: no such file`, { cause: error });
    }
    throw asWeightsError(path, error);
  }
}

async function readHeader(
  file: FileHandle,
  fileSize: number,
): Promise<{ header: Header; bufferStart: number }> {
  if (fileSize < 8) throw new FileFault(`truncated: ${fileSize} bytes are too few for a safetensors file`);
  const start = Buffer.alloc(Math.min(9, fileSize));
  await readFully(file, start, 0);
  const length = start.readBigUInt64LE();
  const nature = natureOf(start);
  if (nature) throw new FileFault(`not a safetensors file but ${nature}`);
  if (length > LONGEST_HEADER) throw new FileFault('not a safetensors file');
  const bufferStart = 8 + Number(length);
  if (bufferStart > fileSize) {
    throw new FileFault(`truncated: the header needs ${bufferStart} bytes, the file has ${fileSize}`);
  }
  const bytes = new Uint8Array(Number(length));
  await readFully(file, bytes, 8);
  return { header: parseHeader(bytes, fileSize - bufferStart), bufferStart };
}

/** What people take for a weights file, by its first bytes. */
const NATURES: readonly (readonly [start: string, nature: string])[] = [
  ['PK\x03\x04', 'a zip archive, as PyTorch (.pth) and NumPy (.npz) write them'],
  ['\x89HDF', 'HDF5, as Keras (.h5) writes it'],
  ['\x80\x02', 'a Python pickle, as old PyTorch (.pth) writes it'],
  ['version ', 'a Git LFS pointer to one: fetch it with git lfs pull'],
  ['<', 'a web page: the download failed'],
];

function natureOf(start: Buffer): string | undefined {
  // What begins with a header's length may look like anything: its brace, or nothing at all, must not follow.
  if (start.length < 9 || start[8] === 0x7b) return undefined;
  const text = start.toString('latin1');
  return NATURES.find(([first]) => text.startsWith(first))?.[1];
}

async function readFully(file: FileHandle, target: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const length = Math.min(target.length - done, LARGEST_READ);
    const { bytesRead } = await file.read(target, done, length, position + done);
    if (bytesRead === 0) throw new FileFault(`the file ends at byte ${position + done}: it was shortened`);
    done += bytesRead;
  }
}

/** Faults of the file and refusals of the system become a WeightsError; anything else is a bug and stays one. */
function asWeightsError(path: string, error: unknown): unknown {
  const isRefusal = error instanceof Error && 'syscall' in error;
  if (!(error instanceof FileFault || isRefusal)) return error;
  return new WeightsError(`${path}: ${error.message}`, { cause: error });
}
