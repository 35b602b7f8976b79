// TensorFlow.js' layers model: model.json, which describes the model as Keras does and lists its weights, and shards of
// numbers beside it. Weights may be quantised: kept as 8 or 16 bits q that stand for q * scale + min.

import { asWeightsError, type Bytes, bytesAt, FileFault, type RandomAccessFile } from '../file.js';
import { foreignJson } from '../foreign.js';
import type { Storage, StridedTensor } from '../source.js';
import { MOST_AXES, sizeOf, wholeTensor } from '../strided.js';
import { quote } from '../text.js';
import { type KerasArchive, layersOf, parseConfig } from './keras_layers.js';
import { storedNumbers } from './numbers.js';
import { openShards, type Shards } from './tfjs_shards.js';

const MODEL_JSON = 'model.json';

/** A VGG16's has 30 kB. Parsed, it takes many times its size. */
const LARGEST_MODEL_JSON = 2 ** 20;

/** Numbers that are dequantised at once. */
const PIECE = 2 ** 16;

type Json = Readonly<Record<string, unknown>>;

/**
 * Takes the file over: it is closed when its model is read, or where this fails. Shards are opened when they are read.
 *
 * @param file  model.json
 * @throws WeightsError for files that are missing or do not fit each other, and for a graph model
 */
export async function openTfjs(file: RandomAccessFile): Promise<KerasArchive> {
  try {
    const json = await readModel(file);
    const topology = json.modelTopology ?? undefined;
    if (json.format === 'graph-model' || (isJson(topology) && 'node' in topology)) {
      throw new FileFault(
        'a graph model of TensorFlow.js, in which layers cannot be told any more: convert the original again, with ' +
          '--output_format=tfjs_layers_model',
      );
    }
    const weights = await readManifest(file, json.weightsManifest);
    return {
      path: file.path,
      format: 'TensorFlow.js layers model',
      tensors: new Map(weights),
      layers: layersOf(undefined, weights),
      config: isJson(topology) ? (topology.model_config ?? topology) : undefined,
      close: async () => {},
    };
  } catch (error) {
    throw asWeightsError(file.path, error);
  } finally {
    await file.close();
  }
}

async function readModel(file: RandomAccessFile): Promise<Json> {
  if (file.size > LARGEST_MODEL_JSON)
    throw new FileFault(`${file.size} bytes are too many for a ${MODEL_JSON}`);
  const text = new TextDecoder().decode(await bytesAt(file, 0, file.size));
  const json = parseConfig(text, 'the file');
  if (isJson(json) && Array.isArray(json.weightsManifest)) return json;
  throw new FileFault(foreignJson(json));
}

async function readManifest(model: RandomAccessFile, manifest: unknown): Promise<[string, StridedTensor][]> {
  const tensors = new Map<string, StridedTensor>();
  for (const group of manifest as unknown[]) {
    const { paths, weights } = isJson(group) ? group : {};
    if (!isListOf(paths, (name) => typeof name === 'string') || !isListOf(weights, isJson)) {
      throw new FileFault('weightsManifest has a group without a list of paths or of weights');
    }
    const shards = await openShards(model, paths);
    let position = 0;
    for (const weight of weights) {
      const { name, tensor, byteLength } = readWeight(weight, shards, position);
      position += byteLength;
      if (tensors.has(name)) throw new FileFault(`two weights are called ${quote(name)}`);
      if (tensor) tensors.set(name, tensor);
    }
    if (position !== shards.size) {
      throw new FileFault(
        `its weights have ${position} bytes, its shards ${shards.size}: they do not belong together`,
      );
    }
  }
  return [...tensors];
}

const BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  float16: 2,
  uint16: 2,
  uint8: 1,
  bool: 1,
};

/** One weight of the manifest; without a tensor where its numbers are whole ones. */
function readWeight(
  { name, shape, dtype, quantization }: Json,
  shards: Shards,
  position: number,
): { name: string; tensor: StridedTensor | undefined; byteLength: number } {
  if (typeof name !== 'string') throw new FileFault('a weight in weightsManifest has no name');
  const fault = (what: string) => new FileFault(`weight ${quote(name)}: ${what}`);
  if (!isListOf(shape, (side) => Number.isSafeInteger(side) && (side as number) >= 0))
    throw fault('it has no shape');
  const sides = shape as number[];
  if (sides.length > MOST_AXES) throw fault(`its shape has ${sides.length} axes, more than ${MOST_AXES}`);
  const packed = isJson(quantization) ? quantization : undefined;
  const kind = String(packed ? packed.dtype : dtype);
  const size = Object.hasOwn(BYTES, kind) ? BYTES[kind]! : undefined;
  if (size === undefined || (packed && dtype !== 'float32'))
    throw fault(`numbers of type ${quote(kind)} are not supported`);
  const length = sizeOf(sides);
  const byteLength = length * size;
  if (!(position + byteLength <= shards.size)) {
    throw fault(`it ends at byte ${position + byteLength} of shards that have ${shards.size}`);
  }
  if (dtype !== 'float32') return { name, tensor: undefined, byteLength };
  const storage =
    kind === 'float32' || kind === 'float16'
      ? storedNumbers(shards, kind === 'float32' ? 'F32' : 'F16', length, position)
      : dequantised(shards, size, length, position, stepsOf(packed, fault));
  return { name, tensor: wholeTensor(name, sides, storage), byteLength };
}

interface Steps {
  readonly scale: number;
  readonly min: number;
}

function stepsOf(quantization: Json | undefined, fault: (what: string) => FileFault): Steps {
  const { scale, min } = quantization ?? {};
  if (Number.isFinite(scale) && Number.isFinite(min)) return { scale, min } as Steps;
  throw fault('its quantization has no scale or no min');
}

/** As TensorFlow.js computes them: in double precision, rounded once. */
function dequantised(
  bytes: Bytes,
  size: number,
  length: number,
  position: number,
  { scale, min }: Steps,
): Storage {
  return {
    length,
    stored: `U${8 * size} (quantised)`,
    dtype: 'F32',
    read: async (start, target) => {
      const buffer = new ArrayBuffer(Math.min(PIECE, target.length) * size);
      for (let done = 0; done < target.length; done += PIECE) {
        const piece = target.subarray(done, done + PIECE);
        await bytes.read(position + (start + done) * size, new Uint8Array(buffer, 0, piece.length * size));
        const quantised = size === 1 ? new Uint8Array(buffer) : new Uint16Array(buffer);
        for (let i = 0; i < piece.length; i++) piece[i] = quantised[i]! * scale + min;
      }
    },
  };
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOf<T>(
  value: unknown,
  isItem: ((item: unknown) => item is T) | ((item: unknown) => boolean),
): value is T[] {
  return Array.isArray(value) && value.every((item) => isItem(item));
}
