// What a file of weights says of itself, and what its numbers are like.

import type { Activation, FeatureLayer, Pool } from '../architecture.js';
import type { Preprocess } from './archive.js';
import { chunkOptions, type WorkOptions } from './chunks.js';
import type { HeadsBase, OpenedWeights, Origin } from './opened.js';
import type { Dtype } from './source.js';
import { type Statistics, statisticsOf } from './statistics.js';
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
