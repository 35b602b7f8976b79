// HDF5 files through h5wasm, the HDF Group's own library compiled to WebAssembly, in a thread of its own.
//
// The library reads datasets in slabs of about 8 MB: along the first axis whose rows are small enough, and in whole chunks
// where the file keeps them in chunks, so that a compressed one is unpacked once.
//
//   (25088, 4096) F32         rows 0 to 511   8 MB
//                             rows 512 ...    8 MB
//
// Most files keep a dataset in one piece, as the numbers are needed. The library's first slab shows where it lies: one
// read of the file brought just these bytes. The rest is read from there without the library, five times as fast.

import { resolve } from 'node:path';
import { Turns } from '../../turns.js';
import { asWeightsError, FileFault, type RandomAccessFile } from '../../weights/file.js';
import { type Encoding, storedNumbers } from '../../weights/formats/numbers.js';
import type { StridedTensor } from '../../weights/source.js';
import { sizeOf, wholeTensor } from '../../weights/strided.js';
import { formatShape, quote } from '../../weights/text.js';
import { type Hdf5Thread, SLAB_BYTES, startThread } from './hdf5_thread.js';
import type { Hdf5Group, Hdf5Item, Hdf5Slab } from './hdf5_worker.js';

/** Deflate's best: 258 bytes by two bits (RFC 1951). */
const LARGEST_EXPANSION = 1032;

const ENCODINGS: ReadonlyMap<number, Encoding> = new Map([
  [2, 'F16'],
  [4, 'F32'],
  [8, 'F64'],
]);

/** An open HDF5 file. Whoever opened it closes it. */
export interface Hdf5File {
  /** By their paths without a leading slash, the file's own root as the empty one, in the file's order. */
  readonly groups: ReadonlyMap<string, Hdf5Group['attributes']>;
  /** Datasets of floating point numbers, by their paths. */
  readonly tensors: ReadonlyMap<string, StridedTensor>;
  close(): Promise<void>;
}

/**
 * Takes the file over: it is closed with the result, or at once where this fails.
 *
 * @param file     one of the file system: the thread opens it once more
 * @param shownAs  what messages call it
 * @throws WeightsError for a file that is no HDF5 file, or a damaged one
 */
export async function openHdf5(file: RandomAccessFile, shownAs = file.path): Promise<Hdf5File> {
  const { path, size } = file;
  const thread = startThread(resolve(path), size);
  const close = async () => {
    await thread.close();
    await file.close();
  };
  try {
    const { groups, datasets } = await thread.list();
    const read = reader(shownAs, thread, file);
    return {
      groups: new Map(groups.map(({ path: group, attributes }) => [group, attributes])),
      tensors: new Map(
        datasets.filter(({ isFloat }) => isFloat).map((item) => [item.path, tensorOf(item, size, read)]),
      ),
      close,
    };
  } catch (error) {
    await close();
    throw asWeightsError(shownAs, error);
  }
}

type ReadBytes = (item: Hdf5Item, position: number, target: Uint8Array) => Promise<void>;

function tensorOf(item: Hdf5Item, fileSize: number, read: ReadBytes): StridedTensor {
  const { path, shape, size, isFiltered } = item;
  const fault = (what: string) => new FileFault(`dataset ${quote(path)}: ${what}`);
  const encoding = ENCODINGS.get(size);
  if (!encoding) throw fault(`floating point numbers of ${size} bytes are not supported`);
  const bytes = sizeOf(shape) * size;
  if (!(bytes <= fileSize * (isFiltered ? LARGEST_EXPANSION : 1))) {
    throw fault(`shape ${formatShape(shape)} needs ${bytes} bytes, more than the file can hold`);
  }
  const storage = storedNumbers(
    { read: (position, target) => read(item, position, target) },
    encoding,
    sizeOf(shape),
  );
  return wholeTensor(path, shape, storage);
}

/** Bytes of a dataset that the library has read. */
interface Held {
  readonly item: Hdf5Item;
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** Reads any bytes of any dataset: directly where it is known where they lie, else in slabs, of which it keeps the last. */
function reader(shownAs: string, thread: Hdf5Thread, file: RandomAccessFile): ReadBytes {
  let held: Held | undefined;
  const turns = new Turns();
  /** The byte of the file at which a dataset begins; undefined where it does not lie there in one piece. */
  const places = new Map<Hdf5Item, number | undefined>();
  const placeOf = (item: Hdf5Item) => places.get(item);
  const readDirectly = (item: Hdf5Item, position: number, target: Uint8Array) =>
    file.read(placeOf(item)! + position, target);

  const holdSlab = async (item: Hdf5Item, at: number): Promise<Held> => {
    held = undefined; // its bytes are about to be overwritten
    const { start, slab } = planSlab(item, at);
    const { bytes, position } = await thread.read(slab);
    if (start === 0 && !places.has(item)) {
      const fits = position !== undefined && position + sizeOf(item.shape) * item.size <= file.size;
      places.set(item, item.isPlain && fits ? position : undefined);
    }
    held = { item, start, bytes };
    return held;
  };
  const readInTurn = async (item: Hdf5Item, position: number, target: Uint8Array) => {
    if (item.isPlain && !places.has(item)) await holdSlab(item, 0);
    for (let done = 0; done < target.length; ) {
      const at = position + done;
      let slab = held;
      if (slab?.item !== item || at < slab.start || at >= slab.start + slab.bytes.length) {
        if (placeOf(item) !== undefined) return await readDirectly(item, at, target.subarray(done));
        slab = await holdSlab(item, at);
      }
      const part = slab.bytes.subarray(at - slab.start, at - slab.start + target.length - done);
      target.set(part, done);
      done += part.length;
    }
  };
  const read: ReadBytes = async (item, position, target) => {
    if (placeOf(item) !== undefined) return await readDirectly(item, position, target);
    await turns.take(() => readInTurn(item, position, target));
  };
  return (item, position, target) =>
    read(item, position, target).catch((error) => {
      throw asWeightsError(`${shownAs}: dataset ${quote(item.path)}`, error);
    });
}

/** The slab in which byte `at` of a dataset lies, and where it begins. */
export function planSlab(
  { path, shape, size, chunks }: Hdf5Item,
  at: number,
): { start: number; slab: Hdf5Slab } {
  const offset: number[] = [];
  const count: number[] = [];
  let start = 0;
  let isCut = false;
  for (const [axis, side] of shape.entries()) {
    const rowBytes = sizeOf(shape.slice(axis + 1)) * size;
    if (isCut) {
      offset.push(0);
      count.push(side);
      continue;
    }
    isCut = rowBytes <= SLAB_BYTES;
    const index = Math.floor((at - start) / rowBytes);
    const rows = isCut ? wholeChunks(Math.floor(SLAB_BYTES / rowBytes), chunks?.[axis]) : 1;
    const first = index - (index % rows);
    offset.push(first);
    count.push(Math.min(rows, side - first));
    start += first * rowBytes;
  }
  return { start, slab: { path, offset, count, byteLength: sizeOf(count) * size } };
}

/** As many rows of whole chunks as there are in `rows`, all of `rows` where a chunk is larger. */
function wholeChunks(rows: number, chunk: number | undefined): number {
  return chunk && chunk <= rows ? rows - (rows % chunk) : Math.max(1, rows);
}
