// PyTorch's files before version 1.6: pickles one after the other, then numbers.
//
//   pickles    the magic number · the protocol, 1001 · a dictionary on the machine · what was saved · a list of keys
//   for each key, in the list's order
//     8 bytes  how many numbers, little-endian
//     numbers  little-endian
//
// Torchvision's vgg16-397923af.pth is such a file, written by Python 2.

import type { Archive } from '../archive.js';
import { asWeightsError, bytesAt, FileFault, type RandomAccessFile, viewOf } from '../file.js';
import { quote } from '../text.js';
import { storedNumbers } from './numbers.js';
import { readPickle } from './pickle.js';
import { PickleEnd } from './pickle_bytes.js';
import { namedTensors, TORCH_PICKLE, type TorchStorage, torchFacts } from './torch_pickle.js';

const PROTOCOL = 1001;
const LENGTH_BYTES = 8;

/** How long the pickles are stands nowhere: they are looked for in ever more bytes, up to this many. */
const FIRST_WINDOW = 2 ** 18;
const LARGEST_PICKLES = 2 ** 24;

/**
 * Takes the file over: it is closed with the archive, or at once where this fails.
 *
 * @throws WeightsError for a file that is damaged, or holds more than tensors in dictionaries
 */
export async function openPytorchLegacy(file: RandomAccessFile): Promise<Archive> {
  const { path } = file;
  try {
    const { saved, ...pickles } = await readPickles(file);
    const tensors = await readTensors(file, saved, pickles);
    return { path, format: 'PyTorch (legacy)', tensors, facts: torchFacts(saved), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw asWeightsError(path, error);
  }
}

interface Pickles {
  readonly saved: unknown;
  /** Of the storages, in their order. */
  readonly keys: readonly string[];
  /** Where the first storage begins. */
  readonly end: number;
  /** Every storage that was referred to, by key. */
  readonly storages: ReadonlyMap<string, TorchStorage>;
}

async function readTensors(
  file: RandomAccessFile,
  saved: unknown,
  { keys, end, storages }: Omit<Pickles, 'saved'>,
): Promise<Archive['tensors']> {
  const starts = await locate(file, keys, end, storages);
  return namedTensors(saved, ({ key, length }, encoding, place) => {
    const start = starts.get(key);
    if (start === undefined) throw new FileFault(`${place}: its numbers are missing, storage ${quote(key)}`);
    return storedNumbers(file, encoding, length, start);
  });
}

async function readPickles(file: RandomAccessFile): Promise<Pickles> {
  for (let size = FIRST_WINDOW; ; size *= 8) {
    const bytes = new Uint8Array(Math.min(size, LARGEST_PICKLES, file.size));
    await file.read(0, bytes);
    try {
      return parsePickles(bytes);
    } catch (error) {
      if (!(error instanceof PickleEnd) || bytes.length === file.size) throw error;
      if (bytes.length === LARGEST_PICKLES) throw new FileFault('its pickles are too long for weights');
    }
  }
}

function parsePickles(bytes: Uint8Array): Pickles {
  const storages = new Map<string, TorchStorage>();
  let end = 0;
  const next = () => {
    const pickle = readPickle(bytes, end, {
      ...TORCH_PICKLE,
      persistent: (id) => {
        const storage = TORCH_PICKLE.persistent(id) as TorchStorage;
        storages.set(storage.key, storage);
        return storage;
      },
    });
    end = pickle.end;
    return pickle.value;
  };
  next(); // the magic number, by which the file was recognised
  const protocol = next();
  if (protocol !== PROTOCOL) {
    // Whatever else stands there may be too big to be shown.
    const found = typeof protocol === 'number' ? protocol : 'is no number';
    throw new FileFault(`PyTorch's protocol ${found}, expected ${PROTOCOL}`);
  }
  next(); // sizes and byte order of the machine; what follows is little-endian on any
  const saved = next();
  const keys = next();
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'string')) {
    throw new FileFault('its list of storages is no list of names');
  }
  return { saved, keys, end, storages };
}

/** Where each storage's numbers begin. */
async function locate(
  file: RandomAccessFile,
  keys: readonly string[],
  end: number,
  storages: Pickles['storages'],
): Promise<Map<string, number>> {
  const starts = new Map<string, number>();
  let position = end;
  for (const key of keys) {
    const storage = storages.get(key);
    const fault = (what: string) => new FileFault(`storage ${quote(key)} at byte ${position}: ${what}`);
    if (!storage || starts.has(key)) throw fault('nothing refers to it, or it comes twice');
    if (position + LENGTH_BYTES > file.size) throw fault(`truncated: the file ends at byte ${file.size}`);
    const length = Number(viewOf(await bytesAt(file, position, LENGTH_BYTES)).getBigUint64(0, true));
    if (length !== storage.length) throw fault(`has ${length} numbers, ${storage.length} were announced`);
    position += LENGTH_BYTES;
    starts.set(key, position);
    position += length * storage.bytesPerNumber;
    if (position > file.size) {
      throw fault(`truncated: ${position - file.size} bytes of its numbers are missing`);
    }
  }
  if (position < file.size) throw new FileFault(`${file.size - position} bytes follow the last storage`);
  return starts;
}
