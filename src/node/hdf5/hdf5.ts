// HDF5 files through h5wasm, the HDF Group's own library compiled to WebAssembly, in a thread of its own.
//
// Datasets are read in slabs of about 8 MB: along the first axis whose rows are small enough, and in whole chunks where
// the file keeps them in chunks, so that a compressed one is unpacked once.
//
//   (25088, 4096) F32         rows 0 to 511   8 MB
//                             rows 512 ...    8 MB

import { resolve } from 'node:path';
import type { StridedTensor } from '../../weights/archive.js';
import { asWeightsError, FileFault, openFile } from '../../weights/file.js';
import { type Encoding, storedNumbers } from '../../weights/formats/numbers.js';
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
 * @param shownAs  what messages call it
 * @throws WeightsError for a file that is missing, that is no HDF5 file, or a damaged one
 */
export async function openHdf5(path: string, shownAs = path): Promise<Hdf5File> {
  const { size, close } = await openFile(path);
  await close();
  const thread = startThread(resolve(path), size);
  try {
    const { groups, datasets } = await thread.list();
    const read = slabReader(shownAs, thread);
    return {
      groups: new Map(groups.map(({ path: group, attributes }) => [group, attributes])),
      tensors: new Map(
        datasets.filter(({ isFloat }) => isFloat).map((item) => [item.path, tensorOf(item, size, read)]),
      ),
      close: () => thread.close(),
    };
  } catch (error) {
    await thread.close();
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

/** Reads any bytes of any dataset, and keeps the slab that it read last. */
function slabReader(file: string, thread: Hdf5Thread): ReadBytes {
  let held: { item: Hdf5Item; start: number; bytes: Uint8Array } | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  const readInTurn: ReadBytes = async (item, position, target) => {
    for (let done = 0; done < target.length; ) {
      const at = position + done;
      if (held?.item !== item || at < held.start || at >= held.start + held.bytes.length) {
        held = undefined; // its bytes are about to be overwritten
        const { start, slab } = planSlab(item, at);
        held = { item, start, bytes: await thread.read(slab) };
      }
      const part = held.bytes.subarray(at - held.start, at - held.start + target.length - done);
      target.set(part, done);
      done += part.length;
    }
  };
  return (item, position, target) => {
    const result = turn.then(() => readInTurn(item, position, target));
    turn = result.catch(() => {});
    return result.catch((error) => {
      throw asWeightsError(`${file}: dataset ${quote(item.path)}`, error);
    });
  };
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
