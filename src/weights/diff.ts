// Two VGG16s compared tensor by tensor, whatever formats they came out of.

import type { Preprocess } from './archive.js';
import { type ChunkOptions, chunkOptions, readChunks, type WorkOptions } from './chunks.js';
import { decodeFloats, encodeFloats } from './floats.js';
import { BYTES_PER_ELEMENT, type Dtype } from './source.js';
import { type NamedTensor, torchvisionTensors } from './torchvision.js';
import type { Vgg16Weights } from './vgg16.js';

export interface TensorDifference {
  /** In torchvision's names. */
  readonly name: string;
  readonly shape: readonly number[];
  /** As A and B keep it. */
  readonly dtypes: readonly [a: Dtype, b: Dtype];
  /**
   * `bits`: all numbers are the same, bit for bit. `rounded`: they are once A or B is rounded to the narrower dtype of
   * the other.
   */
  readonly equal: 'bits' | 'rounded' | 'no';
  /** Largest |a - b|; infinite where one is NaN or infinite and the other is not the same. */
  readonly maxAbs: number;
  /** sum (a - b)^2 / sum a^2; 0 where nothing differs. */
  readonly nmse: number;
}

export interface WeightsDiff {
  /** Those that both have in the same shape, from the first layer to the last. */
  readonly tensors: readonly TensorDifference[];
  readonly onlyA: readonly string[];
  readonly onlyB: readonly string[];
  /** Those that both have, in different shapes. */
  readonly shapes: readonly {
    readonly name: string;
    readonly a: readonly number[];
    readonly b: readonly number[];
    /** As A and B keep it. */
    readonly dtypes: readonly [a: Dtype, b: Dtype];
  }[];
  readonly preprocess: readonly [a: Preprocess, b: Preprocess];
}

/**
 * Compares two opened VGG16s. Sums are float64; both files are read in pieces.
 *
 * @throws WeightsError where a file ends early or cannot be read; the signal's reason
 */
export async function diffWeights(
  a: Vgg16Weights,
  b: Vgg16Weights,
  options: WorkOptions = {},
): Promise<WeightsDiff> {
  const [ofA, ofB] = [torchvisionTensors(a), torchvisionTensors(b)];
  const inB = new Map(ofB.map((tensor) => [tensor.name, tensor]));
  const namesOfA = new Set(ofA.map(({ name }) => name));
  const pairs = ofA.flatMap((tensor): [NamedTensor, NamedTensor][] => {
    const other = inB.get(tensor.name);
    return other ? [[tensor, other]] : [];
  });
  const [alike, unlike] = [pairs.filter(hasOneShape), pairs.filter((pair) => !hasOneShape(pair))];
  const reading = chunkOptions(
    alike.map(([{ entry }]) => entry),
    options,
  );
  const tensors: TensorDifference[] = [];
  for (const pair of alike) tensors.push(await compare(a, b, pair, reading));
  return {
    tensors,
    onlyA: ofA.flatMap(({ name }) => (inB.has(name) ? [] : [name])),
    onlyB: ofB.flatMap(({ name }) => (namesOfA.has(name) ? [] : [name])),
    shapes: unlike.map(([{ name, shape, entry }, other]) => {
      return { name, a: shape, b: other.shape, dtypes: [entry.dtype, other.entry.dtype] };
    }),
    preprocess: [a.preprocess, b.preprocess],
  };
}

/**
 * Whether the two are the same network: the same tensors, prepared input and numbers, but for what rounding to the
 * narrower dtype or `tolerance` (largest |a - b|) allows.
 */
export function isSameNetwork(diff: WeightsDiff, tolerance = 0): boolean {
  const { tensors, onlyA, onlyB, shapes, preprocess } = diff;
  return (
    onlyA.length + onlyB.length + shapes.length === 0 &&
    preprocess[0] === preprocess[1] &&
    tensors.every((tensor) => isSameTensor(tensor, tolerance))
  );
}

export function isSameTensor({ equal, maxAbs }: TensorDifference, tolerance = 0): boolean {
  return equal !== 'no' || maxAbs <= tolerance;
}

function hasOneShape([a, b]: readonly [NamedTensor, NamedTensor]): boolean {
  return a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i]);
}

async function compare(
  { source: sourceA }: Vgg16Weights,
  { source: sourceB }: Vgg16Weights,
  [a, b]: readonly [NamedTensor, NamedTensor],
  options: ChunkOptions,
): Promise<TensorDifference> {
  const dtypes = [a.entry.dtype, b.entry.dtype] as const;
  const narrower = BYTES_PER_ELEMENT[dtypes[0]] <= BYTES_PER_ELEMENT[dtypes[1]] ? dtypes[0] : dtypes[1];
  let areBitsEqual = true;
  let areRoundedEqual = true;
  let maxAbs = 0;
  let squares = 0;
  let squaredErrors = 0;
  // Both give pieces of the same number of elements, whatever their dtypes.
  const ofB = readChunks(sourceB, b.entry);
  try {
    for await (const bytesA of readChunks(sourceA, a.entry, options)) {
      const valuesA = decodeFloats(bytesA, dtypes[0]);
      const valuesB = decodeFloats((await ofB.next()).value!, dtypes[1]);
      if (!haveEqualBytes(valuesA, valuesB)) {
        areBitsEqual = false;
        areRoundedEqual &&= haveEqualBytes(encodeFloats(valuesA, narrower), encodeFloats(valuesB, narrower));
      }
      for (let i = 0; i < valuesA.length; i++) {
        const x = valuesA[i]!;
        const y = valuesB[i]!;
        squares += x * x;
        if (Object.is(x, y)) continue;
        const error = Math.abs(x - y);
        // NaN compares with nothing, and must not be lost in a maximum.
        if (!(error <= maxAbs)) maxAbs = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
        squaredErrors += error * error;
      }
    }
  } finally {
    await ofB.return(undefined);
  }
  const equal = areBitsEqual ? 'bits' : areRoundedEqual ? 'rounded' : 'no';
  const nmse = squaredErrors === 0 ? 0 : squaredErrors / squares;
  return { name: a.name, shape: a.shape, dtypes, equal, maxAbs, nmse };
}

/** @param a  of 32-bit numbers, or of bytes that are none or more of these */
function haveEqualBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  if (a.byteLength !== b.byteLength) return false;
  const [x, y] = [wordsOf(a), wordsOf(b)];
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}

function wordsOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint32Array | Uint8Array {
  const areWhole = byteOffset % 4 === 0 && byteLength % 4 === 0;
  return areWhole
    ? new Uint32Array(buffer, byteOffset, byteLength / 4)
    : new Uint8Array(buffer, byteOffset, byteLength);
}
