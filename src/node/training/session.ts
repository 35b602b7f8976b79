// What all parts of a training work with: the model, the pictures, what was chosen, and who is told.

import type { LayerName } from '../../architecture.js';
import type { VGG16 } from '../../model/vgg16.js';
import { layerNamed } from '../../network/layers.js';
import { callback, type OptionRules, signal, text } from '../../options.js';
import { datasetOf } from '../../train/dataset.js';
import type { ResolvedOptions } from '../../train/defaults.js';
import type { OnEvent } from '../../train/events.js';
import { RULES, type RunRules } from '../../train/rules.js';
import type { Dataset } from '../../train/samples.js';
import { cacheFolder as ownCacheFolder } from '../cache.js';
import { fingerprintOfFile } from '../weights/open.js';

export interface Session {
  readonly model: VGG16;
  readonly dataset: Dataset;
  readonly options: ResolvedOptions;
  readonly rules: RunRules;
  /** `fingerprintOf` the model's base up to the layer that the head stands on. */
  readonly fingerprint: string;
  /** Undefined keeps no features on disk. */
  readonly cacheFolder: string | undefined;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal | undefined;
}

export interface SessionOptions {
  /** Where features are cached; the package's own cache folder by default. */
  readonly cacheFolder?: string | undefined;
  readonly onEvent?: OnEvent | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const SESSION_OPTIONS: OptionRules<SessionOptions> = {
  cacheFolder: text,
  onEvent: callback(),
  signal,
};

/** @throws UsageError for a data set or a layer or size that makes no sense; WeightsError; the signal's reason */
export async function openSession(
  model: VGG16,
  dataset: Dataset,
  options: ResolvedOptions,
  { cacheFolder = ownCacheFolder(), onEvent = () => {}, signal }: SessionOptions,
  rules: RunRules = RULES,
): Promise<Session> {
  signal?.throwIfAborted();
  datasetOf(dataset.classes, dataset, { name: dataset.name });
  featureMapOf({ model, options });
  return {
    ...{ model, dataset, options, rules, onEvent, signal },
    fingerprint: await fingerprintOfFile(model.basePath, options.features, { preprocess: model.preprocess }),
    cacheFolder: options.cache ? cacheFolder : undefined,
  };
}

/** The feature map that a head is trained on: side and channels, and how many numbers the head reads of it. */
export interface FeatureMap {
  readonly layer: LayerName;
  readonly side: number;
  readonly channels: number;
  readonly inputs: number;
}

/** @throws UsageError for a layer that the model lacks, or a size that it cannot be had of */
export function featureMapOf({ model, options }: Pick<Session, 'model' | 'options'>): FeatureMap {
  const { features, size, pool } = options;
  const layer = layerNamed(features, model.widths);
  const [side, , channels] = model.layers(size, size, layer).at(-1)!.shape as [number, number, number];
  return { layer, side, channels, inputs: pool === 'avg' ? channels : side * side * channels };
}
