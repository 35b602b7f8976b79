// What a head reads, as metadata say it: the pooling layer that it stands on, how that layer's feature map becomes the
// head's input, and the size of the pictures that it was trained with.

import { WeightsError } from '../errors.js';
import type { FoundVgg16 } from './archive.js';
import type { WeightsSource } from './source.js';
import { quote } from './text.js';

/** The layers that a head may stand on. */
export const FEATURE_LAYERS = [
  'block1_pool',
  'block2_pool',
  'block3_pool',
  'block4_pool',
  'block5_pool',
] as const;
export type FeatureLayer = (typeof FEATURE_LAYERS)[number];

/** How the feature map becomes the first dense layer's input. */
export type Pool = FoundVgg16['pool'];

/** The least side of a picture in px: five poolings halve it, and one pixel must be left. */
export const MIN_INPUT_SIDE = 32;

type Said = Pick<WeightsSource, 'path' | 'metadata'>;

/** How many of the five poolings there are up to a layer; each halves the sides of what it sees. */
export function poolingsUntil(features: FeatureLayer): number {
  return FEATURE_LAYERS.indexOf(features) + 1;
}

/** Side of the feature map that `features` makes of a picture with this side; each pooling drops an odd pixel. */
export function featureSideOf(side: number, features: FeatureLayer): number {
  return Math.floor(side / 2 ** poolingsUntil(features));
}

function isFeatureLayer(name: string): name is FeatureLayer {
  return FEATURE_LAYERS.some((layer) => layer === name);
}

/** The layer that the head stands on, the last one where nothing is said. @throws WeightsError for any other name */
export function saidFeatures({ path, metadata }: Said): FeatureLayer {
  const { features = 'block5_pool' } = metadata;
  if (isFeatureLayer(features)) return features;
  throw new WeightsError(
    `${path}: metadata features is ${quote(features)}, expected one of ${FEATURE_LAYERS.join(' ')}`,
  );
}

/** @throws WeightsError for what is neither */
export function saidPool({ path, metadata }: Said): Pool | undefined {
  const said = metadata.pool;
  if (said === undefined || said === 'flatten' || said === 'avg') return said;
  throw new WeightsError(`${path}: metadata pool is ${quote(said)}, expected "flatten" or "avg"`);
}

/** Side in px of the square pictures that the head was trained with. @throws WeightsError for what is no such side */
export function saidSize({ path, metadata }: Said): number | undefined {
  const said = metadata.size;
  if (said === undefined) return undefined;
  if (/^[1-9]\d{1,4}$/.test(said) && Number(said) >= MIN_INPUT_SIDE) return Number(said);
  throw new WeightsError(
    `${path}: metadata size is ${quote(said)}, expected a side in pixels, ${MIN_INPUT_SIDE} or more`,
  );
}
