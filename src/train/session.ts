// What a training works with: the model, the pictures, what was chosen, who is told; and the trainer that comes of it.

import { FEATURE_LAYERS, type LayerName } from '../architecture.js';
import type { VGG16 } from '../model/vgg16.js';
import { layerNamed } from '../network/layers.js';
import type { Dataset } from './dataset.js';
import { HEAD_SHARE, type ResolvedOptions } from './defaults.js';
import type { OnEvent } from './events.js';
import type { FeatureTable } from './features/spec.js';
import type { Body } from './head/head_shape.js';
import { balancedWeights, countClasses, frequencyBiases } from './head/initialise.js';
import type { Unfreeze } from './options.js';
import type { RunRules } from './standing.js';
import { Trainer } from './trainer.js';
import type { Standardisation, TrainerOptions } from './trainer_options.js';

export interface Session {
  readonly model: VGG16;
  readonly dataset: Dataset;
  readonly options: ResolvedOptions;
  readonly rules: RunRules;
  /** `fingerprintOf` the model's base up to the layer that the head stands on. */
  readonly fingerprint: string;
  /** And up to what training begins with, where that is below. */
  readonly tablesFingerprint: string;
  /** Where features are kept for later runs; undefined keeps none. */
  readonly cacheFolder: string | undefined;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal | undefined;
}

/** The features that a head is trained, validated and tested with. */
export interface Tables {
  readonly train: FeatureTable;
  readonly val: FeatureTable;
  /** Undefined where there is nothing to test with. */
  readonly test: FeatureTable | undefined;
  /** That of the training pictures; undefined where features stay as they are. */
  readonly standardisation: Standardisation | undefined;
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

/** What is computed of each picture before training: the layer below all that is trained, or its pixels. */
export function tablesLayerOf(session: Pick<Session, 'model' | 'options'>): LayerName | 'pixels' {
  const { unfreeze } = session.options;
  if (unfreeze === 'none') return featureMapOf(session).layer;
  const lowest = lowestBlock(unfreeze);
  return lowest === 1 ? 'pixels' : FEATURE_LAYERS[lowest - 2]!;
}

/** The lowest block that is trained, 1 to 5. */
export function lowestBlock(unfreeze: Exclude<Unfreeze, 'none'>): number {
  return unfreeze === 'all' ? 1 : Number(unfreeze.at(-1));
}

/** The layers of the base that are trained with the head; undefined where none are. */
export function bodyOf(session: Pick<Session, 'model' | 'options'>): Body | undefined {
  const { model, options } = session;
  const { unfreeze, size, pool } = options;
  if (unfreeze === 'none') return undefined;
  const { layer } = featureMapOf(session);
  const below = tablesLayerOf(session);
  const all = model.layers(size, size, layer);
  return { layers: all.slice(all.findIndex(({ name }) => name === below) + 1), pool };
}

/** Learning rates of the body's convolutions, in those of the head: the top block's is `lrBase`, and falls from block to block. */
function bodyRatesOf({ layers }: Body, { lr, lrBase, lrDecay }: ResolvedOptions): Record<string, number> {
  const top = Number(layers.at(-1)!.name.charAt('block'.length));
  return Object.fromEntries(
    layers.map(({ name }) => {
      const depth = top - Number(name.charAt('block'.length));
      return [name, lrBase / (lr as number) / lrDecay ** depth];
    }),
  );
}

/** Learning rates of the head's layers beside a base that is trained, in those that they had alone. */
function headRatesOf(session: Session): Record<string, number> {
  const { rules, options } = session;
  if (rules.head !== 'gentle' || options.headEpochs === 0) return {};
  const layers = [...hiddenOf(session), 'last'];
  return Object.fromEntries(layers.map((_, i) => [`fc${i + 1}`, HEAD_SHARE]));
}

/** Whether the model brings fc1 and fc2 that were made for what the head reads. */
export function hasFcs({ model, options }: Pick<Session, 'model' | 'options'>): boolean {
  const { dense, features, pool, featureSide } = model.widths;
  const { side } = featureMapOf({ model, options });
  const fits = options.features === features && options.pool === pool;
  return dense.size === 3 && fits && (pool === 'avg' || featureSide === side);
}

/** Makes a head with random numbers, and takes what is trained with it from the model. Whoever made it disposes of it. @throws GpuError */
export function createTrainer(session: Session, tables: Tables): Promise<Trainer> {
  const { train, val, test, standardisation } = tables;
  const { model, dataset, options, rules } = session;
  const { batch, optimiser, momentum, nesterov, weightDecay } = options;
  const { dropout, clipNorm, labelSmoothing, seed, memory } = options;
  const { inputs } = featureMapOf(session);
  const body = bodyOf(session);
  const shape = { inputs, hidden: hiddenOf(session), classes: dataset.classes.length, body };
  const counts = countClasses(train.samples, shape.classes);
  const classWeights = options.classWeights === 'balanced' ? balancedWeights(counts) : undefined;
  const trainerOptions: TrainerOptions = {
    ...{ dropout, clipNorm, labelSmoothing, seed, classWeights, standardisation, memory },
    ...(body && { layerRates: { ...bodyRatesOf(body, options), ...headRatesOf(session) } }),
    optimiser:
      optimiser === 'sgd' ? { name: 'sgd', momentum, nesterov, weightDecay } : { name: 'adamw', weightDecay },
    // No larger than any batch will be: a step computes all of its rows.
    batch: Math.min(batch, Math.max(...[train, val, test].map((part) => part?.samples.length ?? 0))),
    firstBiases:
      rules.biases === 'frequency' ? frequencyBiases(counts, labelSmoothing, classWeights) : undefined,
  };
  const { rungs, choices, parameters } = model;
  return Trainer.create(model.gpu, shape, trainerOptions, { base: parameters, rungs, choices });
}

/** Units of the hidden layers; those of an `fc` head are the base's own where it has them. */
function hiddenOf(session: Session): readonly number[] {
  const { model, options } = session;
  if (options.head !== 'fc' || !hasFcs(session)) return options.hidden;
  return [...model.widths.dense.values()].slice(0, -1);
}
