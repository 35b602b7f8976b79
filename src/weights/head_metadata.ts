// What a head file says of itself: on which base it stands, what it reads of a picture, what its classes are.

import { FEATURE_LAYERS, type FeatureLayer, MIN_INPUT_SIDE, type Pool, poolNamed } from '../architecture.js';
import { WeightsError } from '../errors.js';
import type { Preprocess } from './archive.js';
import { preprocessText, saidPreprocess } from './preprocess.js';
import type { WeightsSource } from './source.js';
import { listNames, quote } from './text.js';

/** Of this layout of metadata; a reader refuses what it does not know. */
const VERSION = '1';
/** Of a head with convolutions of its own. */
const UNFROZEN_VERSION = '2';

/** The base that a head was trained on. */
export interface BaseRef {
  /**
   * Where it is: `embedded`, a name of `vgg16 weights list`, or a path; relative ones begin at the head file's folder.
   */
  readonly ref: string;
  /** Of its convolutions up to the head's layer: see `fingerprintOf`. */
  readonly fingerprint: string;
}

export interface HeadFacts {
  readonly features: FeatureLayer;
  readonly pool: Pool;
  /** Side in px of the square pictures that it was trained with. */
  readonly size: number;
  /** In the order of the outputs. */
  readonly classes: readonly string[];
  readonly preprocess: Preprocess;
  readonly base: BaseRef;
  /** The lowest block of the base that was trained with the head, and is in its file with all above it; undefined for a head alone. */
  readonly unfrozen?: BlockName | undefined;
}

/** A block of the base. */
export type BlockName = `block${1 | 2 | 3 | 4 | 5}`;

/** What only a head without its base says. */
const OF_HEADS_ALONE = ['head', 'base', 'base-fingerprint', 'unfrozen'];
const REQUIRED = ['head', 'base', 'base-fingerprint', 'features', 'pool', 'size', 'classes', 'preprocess'];

/** What begins so is of the training that the head came out of, and nothing to those who use it. */
export const TRAINING_PREFIX = 'train.';

/** Whether a file says that it is a head, and is one: it stands on convolutions of another file, and at most brings some of its own. */
export function saysHead({ metadata, tensors }: Pick<WeightsSource, 'metadata' | 'tensors'>): boolean {
  return (
    metadata.head !== undefined && (metadata.unfrozen !== undefined || !tensors.has('features.0.weight'))
  );
}

export function formatHeadFacts(facts: Omit<HeadFacts, 'features'> & { readonly features: string }) {
  const { features, pool, size, classes, preprocess, base, unfrozen } = facts;
  return {
    // Who knows only heads alone must not take its convolutions for the base's.
    head: unfrozen === undefined ? VERSION : UNFROZEN_VERSION,
    ...(unfrozen !== undefined && { unfrozen }),
    features,
    pool,
    size: String(size),
    classes: JSON.stringify(classes),
    preprocess: preprocessText(preprocess),
    base: base.ref,
    'base-fingerprint': base.fingerprint,
  };
}

/** @throws WeightsError for what is missing and what makes no sense */
export function parseHeadFacts(source: Pick<WeightsSource, 'path' | 'metadata'>): HeadFacts {
  const { path, metadata } = source;
  const fault = (what: string) => new WeightsError(`${path}: ${what}`);
  const version = metadata.unfrozen === undefined ? VERSION : UNFROZEN_VERSION;
  if (metadata.head !== version) {
    const said = quote(metadata.head ?? '');
    throw fault(`metadata head is ${said}, expected "${version}"; a newer vgg16-webgpu may have written it`);
  }
  const missing = REQUIRED.filter((key) => metadata[key] === undefined);
  if (missing.length > 0)
    throw fault(`a head without its base; its metadata lack ${listNames(missing, missing.length)}`);
  const fingerprint = metadata['base-fingerprint']!;
  if (!/^[0-9a-f]{64}$/.test(fingerprint)) {
    throw fault(`metadata base-fingerprint is ${quote(fingerprint)}, expected 64 digits of a SHA-256`);
  }
  if (metadata.base === '') throw fault('metadata base is empty');
  return {
    features: saidFeatures(source),
    pool: saidPool(source)!,
    size: saidSize(source)!,
    classes: parseClasses(metadata.classes!, (what) => fault(`metadata classes ${what}`)),
    preprocess: saidPreprocess(source)!,
    base: { ref: metadata.base!, fingerprint },
    unfrozen: saidUnfrozen(metadata.unfrozen, fault),
  };
}

function saidUnfrozen(said: string | undefined, fault: (what: string) => Error): BlockName | undefined {
  if (said === undefined || /^block[1-5]$/.test(said)) return said as BlockName | undefined;
  throw fault(`metadata unfrozen is ${quote(said)}, expected block1 to block5`);
}

/** @param fault  makes the error of what is wrong with the metadata */
export function parseClasses(text: string, fault: (what: string) => Error): readonly string[] {
  let classes: unknown;
  try {
    classes = JSON.parse(text);
  } catch {
    // No JSON is no list either.
  }
  if (Array.isArray(classes) && classes.every((name) => typeof name === 'string')) return classes;
  throw fault('is not a JSON list of names');
}

/** Metadata without those that concern only a head that has no base, or its training. */
export function metadataOfWhole(metadata: WeightsSource['metadata']): Record<string, string> {
  const kept = Object.entries(metadata).filter(
    ([key]) => !OF_HEADS_ALONE.includes(key) && !key.startsWith(TRAINING_PREFIX),
  );
  return Object.fromEntries(kept);
}

type Said = Pick<WeightsSource, 'path' | 'metadata'>;

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

/** @throws WeightsError for what is no pool */
export function saidPool({ path, metadata }: Said): Pool | undefined {
  const said = metadata.pool;
  const pool = poolNamed(said ?? '');
  if (said === undefined || pool) return pool;
  throw new WeightsError(
    `${path}: metadata pool is ${quote(said)}, expected "flatten", "avg", "max", or "avg2" for windows of 2 x 2`,
  );
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
