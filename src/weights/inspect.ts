// What a file of weights says of itself, and what its numbers are like.

import type { Activation, FeatureLayer, Pool } from '../architecture.js';
import type { Preprocess } from './archive.js';
import { type ChunkOptions, chunkOptions, readChunks, type WorkOptions } from './chunks.js';
import { decodeFloats } from './floats.js';
import type { HeadsBase, OpenedWeights, Origin } from './opened.js';
import type { Dtype, TensorEntry, WeightsSource } from './source.js';
import { torchvisionTensors } from './torchvision.js';
import { describeVgg16 } from './vgg16.js';

export interface InspectedTensor extends Statistics {
  /** In torchvision's names and layout. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  /** In the file. */
  readonly original: Origin;
}

export interface Inspection {
  /** For people: "PyTorch (zip)". */
  readonly format: string;
  readonly preprocess: Preprocess;
  /** Whether that was taken for granted; then a note says why. */
  readonly preprocessAssumed: boolean;
  /** Inputs of the first dense layer and outputs of all; empty without a classifier. */
  readonly head: readonly number[];
  readonly pool: Pool;
  /** What makes probabilities of the head's outputs. */
  readonly activation: Activation;
  /** The pooling layer that the head stands on, or the base ends with. */
  readonly features: FeatureLayer;
  /** Side in px of the pictures that the head was trained with; null where the file does not say it. */
  readonly size: number | null;
  /** The file of the convolutions, where it is another one. */
  readonly base: HeadsBase | null;
  /** Null where the file does not name them. */
  readonly classes: readonly string[] | null;
  /** As they stand in the file; null where its format has none. */
  readonly metadata: Readonly<Record<string, string>> | null;
  /** What was taken for granted, a line each. */
  readonly notes: readonly string[];
  readonly tensors: readonly InspectedTensor[];
}

/**
 * Reads all of an opened VGG16, in pieces.
 *
 * @throws WeightsError for a file that is no VGG16, ends early or cannot be read; the signal's reason
 */
export async function inspectWeights(source: OpenedWeights, options: WorkOptions = {}): Promise<Inspection> {
  const weights = describeVgg16(source);
  const { dense, preprocess, pool, activation, features, size = null, classes = null } = weights;
  const named = torchvisionTensors(weights);
  const reading = chunkOptions(
    named.map(({ entry }) => entry),
    options,
  );
  const tensors: InspectedTensor[] = [];
  for (const { name, shape, entry } of named) {
    const statistics = await statisticsOf(source, entry, reading);
    tensors.push({
      name,
      shape,
      dtype: entry.dtype,
      original: source.origins.get(entry.name)!,
      ...statistics,
    });
  }
  return {
    format: source.format,
    preprocess,
    preprocessAssumed: source.preprocessNote !== undefined,
    head: dense.length > 0 ? [dense[0]!.inputs, ...dense.map(({ outputs }) => outputs)] : [],
    pool,
    activation,
    features,
    size,
    base: source.base ?? null,
    classes,
    metadata: source.ownMetadata ?? null,
    notes: source.notes,
    tensors,
  };
}

// What a tensor's numbers are like: enough to tell one file from another, and a trained network from a broken one.

/** Of the finite numbers; NaN where there is none. */
export interface Statistics {
  readonly mean: number;
  /** Of the numbers themselves, not an estimate for more of their kind: divided by n. */
  readonly deviation: number;
  readonly min: number;
  readonly max: number;
  /** How many NaN and infinities. */
  readonly nonFinite: number;
}

/**
 * Statistics of a tensor, read in pieces and summed in float64.
 *
 * Source   Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4, 1962
 *
 * @throws as `readChunks`
 */
export async function statisticsOf(
  source: WeightsSource,
  entry: TensorEntry,
  options: ChunkOptions = {},
): Promise<Statistics> {
  let count = 0;
  let nonFinite = 0;
  let mean = 0;
  let squares = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for await (const bytes of readChunks(source, entry, options)) {
    for (const value of decodeFloats(bytes, entry.dtype)) {
      if (!Number.isFinite(value)) {
        nonFinite++;
        continue;
      }
      count++;
      const difference = value - mean;
      mean += difference / count;
      squares += difference * (value - mean);
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  if (count === 0) return { mean: NaN, deviation: NaN, min: NaN, max: NaN, nonFinite };
  return { mean, deviation: Math.sqrt(squares / count), min, max, nonFinite };
}
