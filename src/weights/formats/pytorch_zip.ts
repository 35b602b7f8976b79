// PyTorch's files since version 1.6: a zip archive, written by torch.save().
//
//   NAME/data.pkl     what was saved, with a persistent id in the place of each storage
//   NAME/data/KEY     a storage's numbers
//   NAME/code/         a TorchScript archive's programs, which are not read; its data.pkl holds the modules
//   NAME/byteorder    "little" or "big"; missing in older files, which are little-endian
//
// NAME is the file's own at the time, or "archive".

import type { Archive } from '../archive.js';
import { asWeightsError, FileFault, latin1, type RandomAccessFile } from '../file.js';
import { quote } from '../text.js';
import type { InflateRaw } from './inflate.js';
import { ENCODED_BYTES, storedNumbers } from './numbers.js';
import { readPickle } from './pickle.js';
import { namedTensors, TORCH_PICKLE, torchFacts } from './torch_pickle.js';
import { openZip, type Zip } from './zip.js';

const PICKLE = 'data.pkl';

/** A VGG16's is of some 5 kB, a training checkpoint's of some 50. */
const LARGEST_PICKLE = 16 * 2 ** 20;

/** The folder of PyTorch's entries; undefined where they are none. */
export function torchFolder(names: Iterable<string>): string | undefined {
  for (const name of names) {
    const match = /^(?<folder>[^/]*\/)data\.pkl$/.exec(name);
    if (match) return match.groups!.folder;
  }
  return undefined;
}

/**
 * Takes the file over: it is closed with the archive, or at once where this fails.
 *
 * @throws WeightsError for a file that is damaged, or whose pickle is none that PyTorch writes
 */
export async function openPytorchZip(file: RandomAccessFile, inflate?: InflateRaw): Promise<Archive> {
  const { path } = file;
  const zip = await openZip(file, inflate);
  try {
    const folder = torchFolder(zip.entries.keys());
    if (folder === undefined) throw new FileFault(`not a PyTorch file: it has no ${PICKLE}`);
    const bigEndian = await isBigEndian(zip, folder);
    const pickle = await zip.bytes(`${folder}${PICKLE}`, LARGEST_PICKLE);
    const { value } = readPickle(pickle, 0, TORCH_PICKLE);
    const tensors = namedTensors(value, ({ key, length }, encoding, place) => {
      const name = `${folder}data/${key}`;
      const bytes = length * ENCODED_BYTES[encoding];
      const size = zip.entries.get(name)?.size;
      if (size === undefined) throw new FileFault(`${place}: its numbers are missing, ${quote(name)}`);
      if (size !== bytes) {
        throw new FileFault(`${place}: ${bytes} bytes of numbers expected, ${quote(name)} has ${size}`);
      }
      const entry = { read: (start: number, target: Uint8Array) => zip.read(name, start, target) };
      return storedNumbers(entry, encoding, length, 0, bigEndian);
    });
    const isScript = zip.entries.has(`${folder}constants.pkl`);
    const format = isScript ? 'TorchScript' : 'PyTorch (zip)';
    return { path, format, tensors, facts: torchFacts(value), close: () => zip.close() };
  } catch (error) {
    await zip.close();
    throw asWeightsError(path, error);
  }
}

async function isBigEndian(zip: Zip, folder: string): Promise<boolean> {
  const name = `${folder}byteorder`;
  if (!zip.entries.has(name)) return false;
  const order = latin1(await zip.bytes(name, 16));
  if (order === 'little' || order === 'big') return order === 'big';
  throw new FileFault(`${name} is ${quote(order)}, expected "little" or "big"`);
}
