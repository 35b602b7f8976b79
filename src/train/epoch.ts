// One epoch: every training picture once, then every validation picture.

import { performance } from 'node:perf_hooks';
import { TrainingError } from '../errors.js';
import { plainReading, readBatches, shuffledReading } from './batches.js';
import type { ResolvedOptions } from './defaults.js';
import type { OnEvent } from './events.js';
import type { FeatureTable } from './features/spec.js';
import type { HeadTrainer } from './head/head_trainer.js';
import { rateAt, type Schedule } from './schedule.js';

/**
 * Steps after which loss and accuracy are read from the GPU, which waits meanwhile. Counted from the epoch's start,
 * so that sums are always cut at the same places.
 */
const REPORT_STEPS = 100;

/** What all epochs of a run have in common. */
export interface Course {
  readonly trainer: HeadTrainer;
  readonly train: FeatureTable;
  readonly val: FeatureTable;
  readonly options: ResolvedOptions;
  readonly schedule: Schedule;
  /** Steps of an epoch. */
  readonly steps: number;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal | undefined;
}

/** Means over an epoch's pictures. */
export interface Score {
  readonly loss: number;
  readonly accuracy: number;
}

export interface TrainedEpoch extends Score {
  /** Of the last step. */
  readonly lr: number;
  readonly imagesPerSecond: number;
}

/**
 * @param epoch  from 0
 * @throws TrainingError for a loss that is not finite, with its step; as the trainer and the table; the signal's reason
 */
export async function trainEpoch(course: Course, epoch: number): Promise<TrainedEpoch> {
  const { trainer, train, options, schedule, steps, onEvent, signal } = course;
  if (!options.cache && epoch > 0) await train.refreshViews(epoch);
  const start = performance.now();
  const score = new RunningScore();
  const reading = shuffledReading(train, options.seed, epoch, !options.cache);
  let seen = 0;
  let step = 0;
  let lr = 0;
  for await (const { x, labels } of readBatches(train, reading, options.batch)) {
    signal?.throwIfAborted();
    lr = rateAt(schedule, epoch * steps + step);
    await trainer.step(x, labels, lr);
    step++;
    seen += labels.length;
    if (step % REPORT_STEPS === 0 || step === steps)
      score.add(await readScore(trainer, epoch, epoch * steps));
    const imagesPerSecond = (1000 * seen) / (performance.now() - start);
    const { loss, accuracy } = score.mean ?? {};
    onEvent({
      ...{ type: 'step', epoch: epoch + 1, epochs: options.epochs, step, steps, lr },
      ...{ imagesPerSecond, loss, accuracy },
    });
  }
  return { ...score.mean!, lr, imagesPerSecond: (1000 * seen) / (performance.now() - start) };
}

/** @param epoch  from 0 @throws as `trainEpoch` */
export async function validate({ trainer, val, options, signal }: Course, epoch: number): Promise<Score> {
  for await (const { x, labels } of readBatches(val, plainReading(val), options.batch)) {
    signal?.throwIfAborted();
    await trainer.score(x, labels);
  }
  const { loss, accuracy } = await trainer.readTotals();
  if (!Number.isFinite(loss)) {
    throw new TrainingError(`the validation loss after epoch ${epoch + 1} is not finite`);
  }
  return { loss, accuracy };
}

/** @param before  steps of the epochs before */
async function readScore(
  trainer: HeadTrainer,
  epoch: number,
  before: number,
): Promise<Score & { count: number }> {
  const totals = await trainer.readTotals();
  if (totals.badStep === undefined && Number.isFinite(totals.loss)) return totals;
  const step = totals.badStep === undefined ? '' : `, step ${totals.badStep - before}`;
  throw new TrainingError(`the loss is not finite any more in epoch ${epoch + 1}${step}`);
}

/** Readings, each counted as often as it has pictures. */
class RunningScore {
  #loss = 0;
  #hits = 0;
  #count = 0;

  add({ loss, accuracy, count }: Score & { readonly count: number }): void {
    this.#loss += loss * count;
    this.#hits += accuracy * count;
    this.#count += count;
  }

  get mean(): Score | undefined {
    if (this.#count === 0) return undefined;
    return { loss: this.#loss / this.#count, accuracy: this.#hits / this.#count };
  }
}
