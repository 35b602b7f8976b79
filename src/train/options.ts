// What can be chosen about training a head. Defaults are in `defaults.ts`, which also checks.

import type { AugmentationName } from './features/augmentation.js';

export type HeadKind = 'linear' | 'mlp' | 'fc';
export type Pool = 'flatten' | 'avg';
export type OptimiserName = 'sgd' | 'adamw';
export type ScheduleName = 'constant' | 'cosine' | 'one-cycle';

/** What a head reads of a picture. */
export interface FeatureOptions {
  /** The pooling layer whose output is read, `block1_pool` to `block5_pool`. */
  readonly features?: string;
  /** The whole feature map, row by row, or each channel's mean. */
  readonly pool?: Pool;
  /** Side in px of the square that the network sees. */
  readonly size?: number;
  /** Ways to vary the training pictures; none by default. */
  readonly augment?: readonly AugmentationName[];
  /** Varied views of each training picture that are computed and cached, besides the plain one. */
  readonly views?: number;
  /** False: nothing is read from the cache on disk, and views are drawn anew every epoch. */
  readonly cache?: boolean;
}

export interface HeadOptions {
  readonly head?: HeadKind;
  /** Units of the hidden layers of an `mlp`. */
  readonly hidden?: readonly number[];
  /** Share of the hidden units that is left out in a training step, 0 to less than 1. */
  readonly dropout?: number;
}

export interface OptimiserOptions {
  readonly optimiser?: OptimiserName;
  /** The highest rate of the schedule; `auto` is what `findLearningRate` suggests. */
  readonly lr?: number | 'auto';
  readonly schedule?: ScheduleName;
  /** Epochs, or a part of one, in which the rate rises from nothing to its highest. */
  readonly warmup?: number;
  /** Of `sgd`. */
  readonly momentum?: number;
  /** Of `sgd`: look ahead, as Nesterov. */
  readonly nesterov?: boolean;
  /** Of kernels, never of biases. */
  readonly weightDecay?: number;
  /** The gradient's largest norm, over all of the head; undefined does not limit it. */
  readonly clipNorm?: number;
}

export interface LossOptions {
  /** Share of each picture's truth that is spread over all classes, 0 to less than 1. */
  readonly labelSmoothing?: number;
  /** `balanced`: classes with few pictures count more for each, so that all count the same. */
  readonly classWeights?: 'balanced' | 'none';
}

export interface LoopOptions {
  readonly epochs?: number;
  /** Pictures in a step. */
  readonly batch?: number;
  readonly seed?: number;
  /** Epochs without a better validation loss after which training ends; 0 never ends early. */
  readonly patience?: number;
}

/** Everything that decides what a run computes. Two runs that agree in these compute the same. */
export interface RunOptions
  extends FeatureOptions,
    HeadOptions,
    OptimiserOptions,
    LossOptions,
    LoopOptions {}
