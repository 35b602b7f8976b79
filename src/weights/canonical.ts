// A VGG16 out of any file, as torchvision calls it and lays it out: the one form in which weights are checked, loaded,
// written and compared. Numbers are put in order while they are read.

import { CONVS, isFlattened, torchvisionDense } from '../architecture.js';
import { Turns } from '../turns.js';
import { decideActivation } from './activation.js';
import type { Archive, FoundLayer, FoundVgg16 } from './archive.js';
import { asWeightsError } from './file.js';
import { encodeFloats } from './floats.js';
import { CHUNK_LENGTH, gather, type RowMajor, type Scratch } from './gather.js';
import type { OpenedWeights, Origin } from './opened.js';
import { matchShape } from './shapes.js';
import type { StridedTensor } from './source.js';
import { BYTES_PER_ELEMENT, type Dtype, entryToRead, type TensorEntry } from './source.js';
import { sizeOf } from './strided.js';
import { fileName, quote } from './text.js';

/** What is gathered at once, at most: 128 MB of a kernel; less of a small file, which may be a hostile one. */
const LARGEST_STRIPE = 2 ** 27;
const SMALLEST_STRIPE = 2 ** 25;

/**
 * The tensors of a VGG16 as `features.N` and `classifier.N`: kernels (O,I,3,3), then (O,I), the first dense one's
 * inputs in the order C, H, W. Closing it closes the archive.
 *
 * A single output becomes two classes: see `decideActivation`.
 *
 * @param fileSize  bytes of the archive's file or files
 * @throws WeightsError for shapes that are no VGG16's, with the tensor's name in the file, and for a softmax over a single
 *   output
 */
export function canonicalSource(archive: Archive, given: FoundVgg16, fileSize: number): OpenedWeights {
  checkShapes(archive, given);
  const found = decideActivation(archive.path, given);
  const { convs, dense, pool, preprocess, activation, classes, input } = found;
  const layers = [
    ...convs.map((layer, i) => ({ name: CONVS[i]!.torchvision, ...layer })),
    ...dense.map((layer, i) => ({ name: torchvisionDense(i), ...layer })),
  ];
  const tensors = new Map(
    layers.flatMap(({ name, kernel, bias }) => [
      [`${name}.weight`, kernel] as const,
      [`${name}.bias`, bias] as const,
    ]),
  );
  const metadata = {
    ...input,
    preprocess,
    ...(dense.length > 0 && { pool, activation }),
    ...(classes && { classes: JSON.stringify(classes) }),
    source: `${fileName(archive.path)} (${archive.format})`,
  };
  const budget = Math.min(LARGEST_STRIPE, SMALLEST_STRIPE + fileSize);
  return new CanonicalSource(archive, found, tensors, metadata, budget);
}

/** As `describeVgg16` checks them, but in the words of the file. */
function checkShapes(archive: Archive, { convs, dense, pool }: FoundVgg16): void {
  const widthOf = ({ kernel, bias }: FoundLayer, pattern: readonly (number | string)[]): number => {
    const { O } = matchShape(archive, kernel, pattern);
    matchShape(archive, bias, [O!]);
    return O!;
  };
  let channels = 3;
  for (const layer of convs) channels = widthOf(layer, ['O', channels, 3, 3]);
  const [first, ...others] = dense;
  if (!first) return;
  let units = widthOf(first, isFlattened(pool) ? ['O', channels, 'S', 'S'] : ['O', channels]);
  for (const layer of others) units = widthOf(layer, ['O', units]);
}

class CanonicalSource implements OpenedWeights {
  readonly path: string;
  readonly format: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly ownMetadata: OpenedWeights['ownMetadata'];
  readonly notes: readonly string[];
  readonly preprocessNote: string | undefined;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly #archive: Archive;
  readonly #views: ReadonlyMap<string, StridedTensor>;
  readonly #budget: number;
  /** Of the tensor that was read last, as long as there is more of it to read. */
  #reader: { readonly name: string; readonly numbers: RowMajor } | undefined;
  /** Memory for those that follow. */
  #scratch: Scratch = {};
  /** Reads share the scratch memory, and files are read forwards. */
  readonly #turns = new Turns();

  constructor(
    archive: Archive,
    { notes, preprocessNote }: FoundVgg16,
    views: ReadonlyMap<string, StridedTensor>,
    readonly metadata: Readonly<Record<string, string>>,
    budget: number,
  ) {
    this.path = archive.path;
    this.format = archive.format;
    this.ownMetadata = archive.metadata;
    this.notes = preprocessNote === undefined ? notes : [...notes, preprocessNote];
    this.preprocessNote = preprocessNote;
    this.#archive = archive;
    this.#views = views;
    this.#budget = budget;
    this.tensors = new Map([...views].map(([name, view]) => [name, entryOf(name, view)]));
    this.origins = new Map([...views].map(([name, view]) => [name, originOf(archive, view)]));
  }

  async read(name: string, start: number, target: Uint8Array): Promise<void> {
    const entry = entryToRead(this, name, start, target.length);
    await this.#turns.take(() => this.#read(entry, start, target));
  }

  stored(name: string): StridedTensor | undefined {
    const view = this.#views.get(name);
    if (!view) return undefined;
    const { storage } = view;
    const read = (start: number, target: Float32Array) =>
      this.#turns.take(() => storage.read(start, target).catch((error) => this.#refuse(view, error)));
    return {
      ...view,
      storage: { length: storage.length, stored: storage.stored, dtype: storage.dtype, read },
    };
  }

  async close(): Promise<void> {
    await this.#turns.ended();
    this.#reader = undefined;
    this.#scratch = {};
    await this.#archive.close();
  }

  async #read({ name, dtype, byteLength }: TensorEntry, start: number, target: Uint8Array): Promise<void> {
    const view = this.#views.get(name)!;
    if (this.#reader?.name !== name) {
      const budget = this.#budget / Float32Array.BYTES_PER_ELEMENT;
      this.#reader = { name, numbers: gather(view, budget, this.#scratch) };
    }
    try {
      await readBytes(this.#reader.numbers, dtype, start, target);
    } catch (error) {
      this.#refuse(view, error);
    }
    if (start + target.length === byteLength) this.#reader = undefined;
  }

  #refuse({ name }: StridedTensor, error: unknown): never {
    throw asWeightsError(`${this.path}: tensor ${quote(name)}`, error);
  }
}

function entryOf(name: string, { shape, storage: { dtype } }: StridedTensor): TensorEntry {
  // What a feature map's sides were is said by metadata and size.
  const flat =
    name.startsWith('classifier.') && shape.length > 2 ? [shape[0]!, sizeOf(shape.slice(1))] : shape;
  return { name, dtype, shape: flat, byteLength: sizeOf(shape) * BYTES_PER_ELEMENT[dtype] };
}

function originOf({ tensors }: Archive, { name, shape, storage: { stored } }: StridedTensor): Origin {
  return { name, shape: tensors.get(name)?.shape ?? shape, stored };
}

/** Reads a tensor's bytes; they may begin and end within a number. */
async function readBytes(numbers: RowMajor, dtype: Dtype, start: number, target: Uint8Array): Promise<void> {
  const size = BYTES_PER_ELEMENT[dtype];
  const isAligned = [start, target.length, target.byteOffset].every((place) => place % size === 0);
  if (dtype === 'F32' && isAligned) {
    await numbers.read(
      start / size,
      new Float32Array(target.buffer, target.byteOffset, target.length / size),
    );
    return;
  }
  const end = start + target.length;
  for (let at = start; at < end; ) {
    const first = Math.floor(at / size);
    const floats = new Float32Array(Math.min(CHUNK_LENGTH, Math.ceil(end / size) - first));
    await numbers.read(first, floats);
    const part = encodeFloats(floats, dtype)
      .subarray(at - first * size)
      .subarray(0, end - at);
    target.set(part, at - start);
    at += part.length;
  }
}
