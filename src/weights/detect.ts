// Tells a weights file's format by its content: whatever it is called, however it got here.

import { asWeightsError, bytesAt, FileFault, latin1, type RandomAccessFile, viewOf } from './file.js';
import { isCaffe, refuseForeign, refuseUnread } from './foreign.js';
import { torchFolder } from './formats/pytorch_zip.js';
import { readDirectory } from './formats/zip.js';
import { LONGEST_HEADER } from './safetensors_header.js';
import { isShardIndex, jsonIn } from './safetensors_shards.js';
import { listNames } from './text.js';

export type Format =
  | 'safetensors'
  | 'pytorch-zip'
  | 'pytorch-legacy'
  | 'keras-h5'
  | 'keras-zip'
  | 'npz'
  | 'onnx'
  | 'caffe'
  /** model.json */
  | 'tfjs';

const KNOWN_FORMATS =
  'safetensors, PyTorch (.pth), Keras (.h5, .keras), NumPy (.npz), ONNX, TensorFlow.js (model.json) and Caffe (.caffemodel) are read';

/** What is looked at of a file's beginning; the mark of a tar archive ends at byte 262. */
const START_BYTES = 512;

const HDF5 = '\x89HDF\r\n\x1a\n';

/** `torch.serialization.MAGIC_NUMBER`, 0x1950a86a20f9469cfc6c, as a pickle holds it. */
const TORCH_MAGIC = '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19';

/** @throws WeightsError for a file of no format that is read, with what it is */
export async function detectFormat(file: RandomAccessFile): Promise<Format> {
  try {
    const format = await formatOf(file);
    return format === 'zip' ? await zipFormat(file) : format;
  } catch (error) {
    throw asWeightsError(file.path, error);
  }
}

/** What a zip archive holds, by the names of its entries. */
async function zipFormat(file: RandomAccessFile): Promise<Format> {
  const entries = await readDirectory(file);
  const names = [...entries.keys()];
  if (torchFolder(names) !== undefined) return 'pytorch-zip';
  if (entries.has('model.weights.h5')) return 'keras-zip';
  if (names.some((name) => name.endsWith('.npy'))) return 'npz';
  throw new FileFault(
    `a zip archive of none of PyTorch, Keras and NumPy: it holds ${listNames(names) || 'nothing'}`,
  );
}

async function formatOf(file: RandomAccessFile): Promise<Format | 'zip'> {
  if (file.size === 0) throw new FileFault('truncated: the file is empty');
  const start = await bytesAt(file, 0, Math.min(START_BYTES, file.size));
  const text = latin1(start);

  const headerLength = start.length >= 8 ? viewOf(start).getBigUint64(0, true) : undefined;
  const mayBeHeader = headerLength !== undefined && headerLength <= LONGEST_HEADER;
  // A header's length may look like anything; the brace behind it is what tells.
  if (mayBeHeader && text[8] === '{') return 'safetensors';
  if (text.startsWith('PK\x03\x04') || text.startsWith('PK\x05\x06')) return 'zip';
  if (text.startsWith('\x80') && text.slice(0, 32).includes(TORCH_MAGIC)) return 'pytorch-legacy';
  refuseForeign(text);
  if (/^(\xef\xbb\xbf)?\s*\{/.test(text)) return isShardIndex(await jsonIn(file)) ? 'safetensors' : 'tfjs';
  if (await isHdf5(file)) return 'keras-h5';
  if (await isOnnx(file)) return 'onnx';
  if (isCaffe(text)) return 'caffe';
  refuseUnread(text, await endOf(file));
  if (mayBeHeader) return 'safetensors'; // whose reader says what is wrong with it
  if (headerLength === undefined) {
    throw new FileFault(`truncated: ${file.size} bytes are too few for a weights file`);
  }
  throw new FileFault(`not a weights file of a known format: ${KNOWN_FORMATS}`);
}

/** A file's last bytes, a character for each. */
async function endOf(file: RandomAccessFile): Promise<string> {
  const length = Math.min(8, file.size);
  return latin1(await bytesAt(file, file.size - length, length));
}

/** HDF5 may stand behind a block of the user's: at byte 512, 1024, 2048, and so on. */
async function isHdf5(file: RandomAccessFile): Promise<boolean> {
  for (let at = 0; at + HDF5.length <= file.size; at = at === 0 ? START_BYTES : 2 * at) {
    if (latin1(await bytesAt(file, at, HDF5.length)) === HDF5) return true;
  }
  return false;
}

/**
 * The fields of ONNX's ModelProto that may come before its graph, with their wire types (0 varint, 2 with a length):
 * ir_version, producer_name, producer_version, domain, model_version, doc_string; behind it opset_import and others.
 */
const MODEL_FIELDS: ReadonlyMap<number, number> = new Map([
  [1, 0],
  [2, 2],
  [3, 2],
  [4, 2],
  [5, 0],
  [6, 2],
  [8, 2],
  [14, 2],
]);
const GRAPH_FIELD = 7;
const MOST_FIELDS = 64;

/** Protobuf has no magic: it is ONNX where a ModelProto's fields lead from the file's first byte to a graph. */
async function isOnnx(file: RandomAccessFile): Promise<boolean> {
  const varintAt = async (at: number): Promise<{ value: number; end: number } | undefined> => {
    const bytes = await bytesAt(file, at, Math.max(0, Math.min(10, file.size - at)));
    let value = 0;
    for (const [i, byte] of bytes.entries()) {
      value += (byte & 0x7f) * 128 ** i;
      if (byte < 0x80) return { value, end: at + i + 1 };
    }
    return undefined;
  };
  for (let at = 0, field = 0; field < MOST_FIELDS; field++) {
    const key = await varintAt(at);
    const content = key && (await varintAt(key.end));
    if (!content) return false;
    const [number, wireType] = [key.value >>> 3, key.value & 7];
    if (field === 0 && number !== 1) return false;
    if (number === GRAPH_FIELD) return wireType === 2;
    if (MODEL_FIELDS.get(number) !== wireType) return false;
    at = content.end + (wireType === 2 ? content.value : 0);
  }
  return false;
}
