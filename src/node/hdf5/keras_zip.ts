// Keras 3's .keras: a zip archive of the model's description and an HDF5 file of its weights.
//
// HDF5 wants a file of its own. The weights are unpacked into a temporary one, which is gone when the archive is closed.

import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asWeightsError, FileFault, type RandomAccessFile } from '../../weights/file.js';
import { type KerasArchive, parseConfig } from '../../weights/formats/keras_layers.js';
import { openZip, type Zip } from '../../weights/formats/zip.js';
import { openFile } from '../files.js';
import { inflateByZlib } from '../inflate.js';
import { type Hdf5File, openHdf5 } from './hdf5.js';
import { kerasArchive } from './keras_h5.js';

const CONFIG = 'config.json';
const WEIGHTS = 'model.weights.h5';

/** A VGG16's has 10 kB. Parsed, it takes many times its size. */
const LARGEST_CONFIG = 2 ** 20;

const CHUNK_BYTES = 8 * 2 ** 20;

/**
 * Takes the file over: it is closed with the archive, or at once where this fails.
 *
 * @throws WeightsError for a file that is damaged, or not Keras'
 */
export async function openKerasZip(keras: RandomAccessFile): Promise<KerasArchive> {
  const { path } = keras;
  const zip = await openZip(keras, inflateByZlib);
  try {
    if (!zip.entries.has(WEIGHTS)) throw new FileFault(`a zip archive without ${WEIGHTS}: not one of Keras'`);
    const config = parseConfig(new TextDecoder().decode(await zip.bytes(CONFIG, LARGEST_CONFIG)), CONFIG);
    const file = await openUnpacked(zip);
    try {
      return kerasArchive(file, { path, format: 'Keras 3 (.keras)', config });
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    throw asWeightsError(path, error);
  } finally {
    await zip.close();
  }
}

async function openUnpacked(zip: Zip): Promise<Hdf5File> {
  const folder = await mkdtemp(join(tmpdir(), 'vgg16-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const unpacked = join(folder, WEIGHTS);
    await unpack(zip, unpacked);
    const file = await openHdf5(await openFile(unpacked), `${zip.path}: ${WEIGHTS}`);
    // Where a file that is open may be removed, nothing is left behind even by a process that is killed.
    await remove().catch(() => {});
    const close = async () => {
      await file.close();
      await remove();
    };
    return { ...file, close };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function unpack(zip: Zip, path: string): Promise<void> {
  const { size } = zip.entries.get(WEIGHTS)!;
  const { bavail, bsize } = await statfs(tmpdir());
  if (size > bavail * bsize) {
    throw new FileFault(
      `its weights need ${size} bytes in ${tmpdir()} to be unpacked, ${bavail * bsize} are free: ` +
        'make room, or set TMPDIR to a folder that has it',
    );
  }
  const file = await open(path, 'wx', 0o600);
  try {
    const chunk = new Uint8Array(Math.min(size, CHUNK_BYTES));
    for (let start = 0; start < size; start += chunk.length) {
      const part = chunk.subarray(0, size - start);
      await zip.read(WEIGHTS, start, part);
      await file.writeFile(part);
    }
  } finally {
    await file.close();
  }
}
