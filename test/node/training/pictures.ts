// Small pictures to train on: red, green and blue ones, with noise.

import type { TrainOptions } from '../../../src/node/training/new_run.js';
import { seededRandom } from '../../../src/random.js';
import type { Dataset, Sample } from '../../../src/train/dataset.js';
import { datasetOf } from '../../../src/train/dataset.js';

export const SIZE = 32;
export const CLASSES = ['red', 'green', 'blue'] as const;

/** What training takes of these pictures, quick and without writing into the user's cache. */
export const QUICK = { size: SIZE, cache: false, epochs: 3, batch: 8 } as const satisfies TrainOptions;

/** Pictures with their classes in turn; `noise` is how far a pixel may be off, of 255. */
export function samplesOf(count: number, seed: number, noise = 60): Sample[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    const label = i % CLASSES.length;
    const data = Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, at) => {
      const tone = at % 3 === label ? 180 : 80;
      return Math.max(0, Math.min(255, tone + noise * (random.uniform() * 2 - 1)));
    });
    return { name: `${CLASSES[label]} ${seed}-${i}`, picture: { width: SIZE, height: SIZE, data }, label };
  });
}

export function pictures({ train = 21, val = 9, test = 0, noise = 60 } = {}): Dataset {
  return datasetOf([...CLASSES], {
    train: samplesOf(train, 1, noise),
    val: samplesOf(val, 2, noise),
    test: samplesOf(test, 3, noise),
  });
}

/** So noisy that their colour tells little, and a head has to learn them by heart; what it is judged by as well. */
export function eight(): Dataset {
  const train = samplesOf(8, 4, 250);
  return datasetOf([...CLASSES], { train, val: train });
}

/** Enough for any head to know a few pictures by heart. */
export const OVERFIT = {
  ...QUICK,
  epochs: 150,
  patience: 0,
  schedule: 'constant',
} as const satisfies TrainOptions;
