// What is chosen where nothing is said. All numbers that decide how well a first try goes stand in this one file.

import type { TrainedPool } from '../architecture.js';
import type { ChosenOptions, HeadKind, OptimiserName, Unfreeze } from './options.js';

/** Every option with its value; undefined only where that means something. */
export type ResolvedOptions = {
  readonly [K in keyof Omit<ChosenOptions, 'clipNorm' | 'memory'>]-?: Exclude<ChosenOptions[K], undefined>;
} & { readonly clipNorm: number | undefined; readonly memory: number | undefined };

/** Options of which some are said. */
type Said = { readonly [K in keyof ResolvedOptions]?: ResolvedOptions[K] };

const COMMON = {
  features: 'block5_pool',
  pool: 'avg',
  size: 224,
  augment: [],
  cache: true,
  unfreeze: 'none',
  gradual: false,
  lrDecay: 1,
  head: 'linear',
  optimiser: 'adamw',
  schedule: 'cosine',
  warmup: 0,
  batch: 32,
  seed: 0,
  labelSmoothing: 0,
  classWeights: 'none',
} as const satisfies ChosenOptions;

/**
 * Views of each training picture besides the plain one, where pictures are varied; drawn anew each epoch, one will do.
 */
const VIEWS = { cached: 4, uncached: 1 } as const;

const BY_HEAD: Readonly<Record<HeadKind, { hidden: readonly number[]; dropout: number }>> = {
  linear: { hidden: [], dropout: 0 },
  mlp: { hidden: [256], dropout: 0.5 },
  /** VGG's own; a base that has fc1 and fc2 brings its own widths. */
  fc: { hidden: [4096, 4096], dropout: 0.5 },
};

const BY_OPTIMISER: Readonly<Record<OptimiserName, { momentum: number; weightDecay: number }>> = {
  sgd: { momentum: 0.9, weightDecay: 5e-4 },
  adamw: { momentum: 0, weightDecay: 0.01 },
};

/**
 * The highest rate. A step changes an output by about the rate times the inputs' number (AdamW) or their squares'
 * sum (SGD), so that 25,088 flattened numbers bear far less than 512 averaged ones.
 */
const LR: Readonly<Record<OptimiserName, Readonly<Record<HeadKind, Readonly<Record<TrainedPool, number>>>>>> =
  {
    sgd: {
      linear: { avg: 1e-2, flatten: 1e-4 },
      mlp: { avg: 1e-2, flatten: 1e-3 },
      fc: { avg: 1e-3, flatten: 1e-3 },
    },
    adamw: {
      linear: { avg: 1e-3, flatten: 3e-5 },
      mlp: { avg: 1e-3, flatten: 1e-4 },
      fc: { avg: 1e-4, flatten: 3e-5 },
    },
  };

/** Of a network that is trained from random numbers on, on small pictures. */
export const PRETRAINING = {
  size: 32,
  augment: ['flip', 'shift'],
  views: 1,
  cache: false,
  standardise: 'none',
  optimiser: 'adamw',
  lr: 1e-3,
  weightDecay: 0.05,
  schedule: 'cosine',
  warmup: 1,
  labelSmoothing: 0.1,
  clipNorm: 1,
  epochs: 30,
  patience: 0,
  batch: 128,
} as const satisfies ChosenOptions;

/**
 * How long a head is trained. A small data set has few steps in an epoch, and the head learns by steps: it gets as
 * many epochs as `steps` take.
 */
export const LENGTH = { epochs: 20, steps: 500 } as const;

/** How long a base is trained with its head: its steps take far longer, and it has learnt nearly all that it needs. */
export const FINE_TUNING = { epochs: 10, steps: 100 } as const;

/**
 * A head that was trained alone goes on with its base at this share of its learning rate: at all of it, the first steps of a
 * new optimiser undo what it has learnt.
 */
export const HEAD_SHARE = 0.1;

/** The highest rate of a base that is trained: it has been trained before, and forgets at a higher one. */
const LR_BASE: Readonly<Record<OptimiserName, number>> = { sgd: 1e-3, adamw: 5e-6 };

/**
 * Epochs without gain after which training ends: this share of all epochs, and no fewer than `least`. A share, for the
 * rate falls along all epochs, and the loss falls further as it does.
 */
export const PATIENCE = { share: 1 / 3, least: 5 } as const;

/** What a run of an older version had where its args.json does not say so. */
export const OLDER = { epochs: 20, patience: 0 } as const satisfies ChosenOptions;

/** Epochs over so many training pictures, where their number is not said. */
export function usualEpochs(pictures: number, batch: number, unfreeze: Unfreeze = 'none'): number {
  const { epochs, steps } = unfreeze === 'none' ? LENGTH : FINE_TUNING;
  const stepsOfEpoch = Math.max(1, Math.ceil(pictures / batch));
  return Math.max(epochs, Math.ceil(steps / stepsOfEpoch));
}

function usualPatience(epochs: number): number {
  return Math.max(PATIENCE.least, Math.ceil(PATIENCE.share * epochs));
}

/**
 * Fills in what is not said. Checks nothing: see `checks.ts`.
 *
 * @param pictures  to train on; by default so many that an epoch of them has steps enough
 */
export function withDefaults(
  options: ChosenOptions,
  pictures: number = Number.POSITIVE_INFINITY,
): ResolvedOptions {
  const said = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Said;
  const { head, optimiser, augment, cache, unfreeze } = { ...COMMON, ...said };
  const pool = said.pool ?? (head === 'fc' ? 'flatten' : COMMON.pool);
  const batch = said.batch ?? COMMON.batch;
  const epochs = said.epochs ?? usualEpochs(pictures, batch, unfreeze);
  return {
    ...COMMON,
    ...BY_HEAD[head],
    ...BY_OPTIMISER[optimiser],
    nesterov: (said.momentum ?? BY_OPTIMISER[optimiser].momentum) > 0,
    clipNorm: undefined,
    memory: undefined,
    lrBase: LR_BASE[optimiser],
    headEpochs: usualEpochs(pictures, batch),
    pool,
    epochs,
    patience: usualPatience(epochs),
    lr: LR[optimiser][head][pool],
    views: augment.length > 0 ? VIEWS[cache ? 'cached' : 'uncached'] : 0,
    // VGG's own fc1 has learnt from features as they are.
    standardise: head === 'fc' ? 'none' : 'channel',
    ...said,
  };
}

/** A phase of gradual unfreezing lasts this share of the epochs of the last one. */
const GRADUAL_SHARE = 1 / 4;

/** The options of a phase in which fewer blocks are trained than in the last one. */
export function withBlock(options: ResolvedOptions, unfreeze: Unfreeze): ResolvedOptions {
  const epochs = Math.ceil(GRADUAL_SHARE * options.epochs);
  return {
    ...options,
    unfreeze,
    epochs,
    patience: usualPatience(epochs),
    warmup: Math.min(options.warmup, epochs / 2),
  };
}

/** The options of the head alone, which comes before its base is trained with it. */
export function headAlone(options: ResolvedOptions): ResolvedOptions {
  const { headEpochs: epochs } = options;
  return { ...options, unfreeze: 'none', memory: undefined, epochs, patience: usualPatience(epochs) };
}
