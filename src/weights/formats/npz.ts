// NumPy's .npz: a zip archive of .npy files, one an array, as numpy.savez and savez_compressed write it.

import { WeightsError } from '../../errors.js';
import type { Archive } from '../archive.js';
import { asWeightsError, bytesAt, FileFault, type RandomAccessFile } from '../file.js';
import type { StridedTensor } from '../source.js';
import { checkView, sizeOf } from '../strided.js';
import { listNames, quote } from '../text.js';
import type { InflateRaw } from './inflate.js';
import { readNpyHeader } from './npy.js';
import { ENCODED_BYTES, storedNumbers } from './numbers.js';
import { openZip, type Zip, type ZipEntry } from './zip.js';

const EXTENSION = '.npy';

/** VGG16 has 32; each that is deflated costs an inflater of its own as long as the file is open. */
const MOST_ARRAYS = 256;

/**
 * Opens an .npz and reads its arrays' headers; of arrays that hold no floating point numbers nothing more.
 *
 * Takes the file over: it is closed with the archive, or at once where this fails.
 *
 * @throws WeightsError for a file that is damaged or no .npz, and for arrays of Python objects
 */
export async function openNpz(file: RandomAccessFile, inflate?: InflateRaw): Promise<Archive> {
  const { path } = file;
  const zip = await openZip(file, inflate);
  try {
    const arrays = [...zip.entries.values()].filter(({ name }) => name.endsWith(EXTENSION));
    if (arrays.length === 0) {
      const names = listNames([...zip.entries.keys()]);
      throw new WeightsError(
        `${path}: a zip archive without arrays of NumPy (.npy); it holds ${names || 'nothing'}`,
      );
    }
    if (arrays.length > MOST_ARRAYS) {
      throw new WeightsError(
        `${path}: ${arrays.length} arrays, VGG16 has 32; save those of the network alone`,
      );
    }
    const tensors = new Map<string, StridedTensor>();
    for (const entry of arrays) {
      const tensor = await openArray(zip, entry);
      if (tensor) tensors.set(tensor.name, tensor);
    }
    return { path, format: 'NumPy (npz)', tensors, close: () => zip.close() };
  } catch (error) {
    await zip.close();
    throw error;
  }
}

async function openArray(zip: Zip, entry: ZipEntry): Promise<StridedTensor | undefined> {
  const name = entry.name.slice(0, -EXTENSION.length);
  const content = {
    read: (position: number, target: Uint8Array) => zip.read(entry.name, position, target),
  };
  const read = (start: number, length: number) => bytesAt(content, start, length);
  try {
    const { encoding, isBigEndian, shape, strides, dataStart } = await readNpyHeader(read, entry.size);
    if (!encoding) return undefined;
    const needed = sizeOf(shape) * ENCODED_BYTES[encoding];
    if (entry.size - dataStart !== needed) {
      throw new FileFault(`its shape needs ${needed} bytes, ${entry.size - dataStart} are there`);
    }
    const storage = storedNumbers(content, encoding, sizeOf(shape), dataStart, isBigEndian);
    return checkView({ name, shape, strides, offset: 0, storage });
  } catch (error) {
    throw asWeightsError(`${zip.path}: array ${quote(name)}`, error);
  }
}
