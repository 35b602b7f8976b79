// What can be chosen about training a head. Defaults are in `defaults.ts`, checks in `checks.ts`.

import type { TrainedPool } from '../architecture.js';
import { CHECKED_IN_USE, flag, type OptionRules, value } from '../options.js';

/** Ways to vary a picture of which it stays a picture of the same thing. */
export const AUGMENTATIONS = ['flip', 'shift', 'crop', 'rotate', 'color'] as const;
export type AugmentationName = (typeof AUGMENTATIONS)[number];

export type HeadKind = 'linear' | 'mlp' | 'fc';

export type OptimiserName = 'sgd' | 'adamw';
export type ScheduleName = 'constant' | 'cosine' | 'one-cycle';
/** `channel`: one mean and deviation for all pixels of a channel; `feature`: for each number by itself. */
export type StandardiseBy = 'channel' | 'feature' | 'none';

/** What a head reads of a picture. */
export interface FeatureOptions {
  /** The pooling layer whose output is read, `block1_pool` to `block5_pool`. */
  readonly features?: string | undefined;
  /** The whole feature map, row by row, or each channel's mean. */
  readonly pool?: TrainedPool | undefined;
  /** Side in px of the square that the network sees. */
  readonly size?: number | undefined;
  /** Ways to vary the training pictures; none by default. */
  readonly augment?: readonly AugmentationName[] | undefined;
  /** Varied views of each training picture that are computed and cached, besides the plain one. */
  readonly views?: number | undefined;
  /** False: nothing is read from the cache on disk, and views are drawn anew every epoch. */
  readonly cache?: boolean | undefined;
  /** How features are brought to mean 0 and deviation 1 over the training pictures; the saved head has it built in. */
  readonly standardise?: StandardiseBy | undefined;
}

/** Where training begins: at the head, at a block of the base, or at the pixels. */
export const UNFREEZE = ['none', 'block5', 'block4', 'block3', 'block2', 'all'] as const;
export type Unfreeze = (typeof UNFREEZE)[number];

/** Which layers of the base are trained with the head, once the head has been trained alone. */
export interface FineTuningOptions {
  /** The lowest block that is trained, and all above it; `none` trains the head alone. */
  readonly unfreeze?: Unfreeze | undefined;
  /** Trains one block more at a time, from the top: each step but the last for a quarter of the epochs. */
  readonly gradual?: boolean | undefined;
  /** The highest rate of the blocks; `lr` is the head's. */
  readonly lrBase?: number | undefined;
  /** What the rate is divided by from a block to the one below it. */
  readonly lrDecay?: number | undefined;
  /** Epochs of the head alone, before anything else is trained; by default as many as a head gets. */
  readonly headEpochs?: number | undefined;
  /** Bytes that a training step may take on the GPU; undefined lets it take what it needs. */
  readonly memory?: number | undefined;
}

export interface HeadOptions {
  readonly head?: HeadKind | undefined;
  /** Units of the hidden layers of an `mlp`. */
  readonly hidden?: readonly number[] | undefined;
  /** Share of the hidden units that is left out in a training step, 0 to less than 1. */
  readonly dropout?: number | undefined;
}

export interface OptimiserOptions {
  readonly optimiser?: OptimiserName | undefined;
  /** The highest rate of the schedule; `auto` is what `findLearningRate` suggests. */
  readonly lr?: number | 'auto' | undefined;
  readonly schedule?: ScheduleName | undefined;
  /** Epochs, or a part of one, in which the rate rises from nothing to its highest. */
  readonly warmup?: number | undefined;
  /** Of `sgd`. */
  readonly momentum?: number | undefined;
  /** Of `sgd`: look ahead, as Nesterov. */
  readonly nesterov?: boolean | undefined;
  /** Of kernels, never of biases. */
  readonly weightDecay?: number | undefined;
  /** The gradient's largest norm, over all of the head; undefined does not limit it. */
  readonly clipNorm?: number | undefined;
}

export interface LossOptions {
  /** Share of each picture's truth that is spread over all classes, 0 to less than 1. */
  readonly labelSmoothing?: number | undefined;
  /** `balanced`: classes with few pictures count more for each, so that all count the same. */
  readonly classWeights?: 'balanced' | 'none' | undefined;
}

export interface LoopOptions {
  /** By default 20, or as many as make 500 steps of a small data set. */
  readonly epochs?: number | undefined;
  /** Pictures in a step. */
  readonly batch?: number | undefined;
  readonly seed?: number | undefined;
  /** Epochs that bring nothing better after which training ends, by default a third of all; 0 never ends early. */
  readonly patience?: number | undefined;
}

/** Everything that decides what a run computes. Two runs that agree in these compute the same. */
export interface ChosenOptions
  extends FeatureOptions,
    FineTuningOptions,
    HeadOptions,
    OptimiserOptions,
    LossOptions,
    LoopOptions {}

/** Choices and ranges are checked in `checks.ts`. */
export const CHOSEN_OPTIONS: OptionRules<ChosenOptions> = {
  features: CHECKED_IN_USE,
  pool: CHECKED_IN_USE,
  size: CHECKED_IN_USE,
  augment: value('a list of ways to vary pictures', Array.isArray),
  views: CHECKED_IN_USE,
  cache: flag,
  standardise: CHECKED_IN_USE,
  unfreeze: CHECKED_IN_USE,
  gradual: flag,
  lrBase: CHECKED_IN_USE,
  lrDecay: CHECKED_IN_USE,
  headEpochs: CHECKED_IN_USE,
  memory: CHECKED_IN_USE,
  head: CHECKED_IN_USE,
  hidden: value('a list of whole numbers', Array.isArray),
  dropout: CHECKED_IN_USE,
  optimiser: CHECKED_IN_USE,
  lr: CHECKED_IN_USE,
  schedule: CHECKED_IN_USE,
  warmup: CHECKED_IN_USE,
  momentum: CHECKED_IN_USE,
  nesterov: flag,
  weightDecay: CHECKED_IN_USE,
  clipNorm: CHECKED_IN_USE,
  labelSmoothing: CHECKED_IN_USE,
  classWeights: CHECKED_IN_USE,
  epochs: CHECKED_IN_USE,
  batch: CHECKED_IN_USE,
  seed: CHECKED_IN_USE,
  patience: CHECKED_IN_USE,
};
