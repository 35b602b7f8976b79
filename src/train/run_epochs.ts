// Epoch after epoch, until all are done or nothing is gained any more.

import { performance } from 'node:perf_hooks';
import type { Keeper } from '../node/training/keeper.js';
import { type Course, trainEpoch, validate } from './epoch.js';
import { asWritten, type EpochRow } from './epoch_row.js';
import type { Standing } from './standing.js';

/**
 * Adds to `history`, which holds the epochs that are done already. Rows are taken as results.csv has them, so that a
 * resumed run, which reads them there, decides alike.
 *
 * @param standing  of the history
 * @returns whether it ended before all epochs
 * @throws as `trainEpoch` and `keeper.keep`
 */
export async function runEpochs(
  course: Course,
  keeper: Keeper,
  history: EpochRow[],
  standing: Standing,
): Promise<boolean> {
  const { options, onEvent } = course;
  const { epochs } = options;
  while (history.length < epochs && !standing.endsEarly) {
    course.signal?.throwIfAborted();
    const start = performance.now();
    const epoch = history.length;
    const { loss, accuracy, lr, imagesPerSecond } = await trainEpoch(course, epoch);
    const validation = await validate(course, epoch);
    const row = asWritten({
      ...{ epoch: epoch + 1, loss, accuracy, lr },
      val_loss: validation.loss,
      val_accuracy: validation.accuracy,
      images_per_s: imagesPerSecond,
      seconds: (performance.now() - start) / 1000,
    });
    const isBest = standing.add(row);
    history.push(row);
    await keeper.keep(history, isBest);
    onEvent({ type: 'epoch', row, epochs, isBest });
  }
  return history.length < epochs;
}
