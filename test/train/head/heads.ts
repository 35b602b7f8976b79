// Small heads and batches for tests of training: few shapes, so that few pipelines are compiled.

import type { Gpu } from '../../../src/gpu/gpu.js';
import { seededRandom } from '../../../src/random.js';
import type { HeadShape } from '../../../src/train/head/head_shape.js';
import { Trainer } from '../../../src/train/trainer.js';
import type { TrainerOptions } from '../../../src/train/trainer_options.js';

/** No side is a multiple of 4. */
export const SHAPE: HeadShape = { inputs: 10, hidden: [7], classes: 3 };

export const BATCH = 8;

export const SGD = { name: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0.01 } as const;
export const ADAMW = { name: 'adamw', weightDecay: 0.01 } as const;

export const OPTIONS: TrainerOptions = {
  batch: BATCH,
  dropout: 0,
  optimiser: SGD,
  labelSmoothing: 0,
  seed: 1,
};

export function createHead(
  gpu: Gpu,
  options: Partial<TrainerOptions> = {},
  shape: HeadShape = SHAPE,
): Promise<Trainer> {
  return Trainer.create(gpu, shape, { ...OPTIONS, ...options });
}

export interface Batch {
  readonly x: Float32Array;
  readonly labels: Uint32Array;
}

/** Normal features and any labels, the same for the same seed. */
export function randomBatch(seed: number, rows = BATCH, { inputs, classes }: HeadShape = SHAPE): Batch {
  const random = seededRandom(seed);
  return {
    x: Float32Array.from({ length: rows * inputs }, () => random.normal()),
    labels: Uint32Array.from({ length: rows }, () => random.below(classes)),
  };
}

/** Takes steps `first` to `end` - 1, each on a batch of its own. */
export async function takeSteps(trainer: Trainer, first: number, end: number, lr = 0.05): Promise<void> {
  for (let step = first; step < end; step++) {
    const { x, labels } = randomBatch(step, BATCH, trainer.shape);
    await trainer.step(x, labels, lr);
  }
}

/** All of a trainer's state, by name. */
export async function stateOf(trainer: Trainer): Promise<Record<string, Float32Array>> {
  const state: Record<string, Float32Array> = {};
  for (const { name } of trainer.state) state[name] = await trainer.read(name);
  return state;
}
