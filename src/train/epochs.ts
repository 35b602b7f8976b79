// Epoch after epoch: every training picture once, then every validation picture, until all epochs are done or nothing
// is gained any more.

import { TrainingError } from '../errors.js';
import { plainReading, readBatches, shuffledReading } from './batches.js';
import { asWritten, type EpochRow } from './epoch_row.js';
import type { FeatureTable } from './features/spec.js';
import { createEvaluation, type Evaluation } from './metrics.js';
import { rateAt, type Schedule } from './schedule.js';
import type { Session, Tables } from './session.js';
import type { Standing } from './standing.js';
import type { Trainer } from './trainer.js';

/**
 * Steps after which loss and accuracy are read from the GPU, which waits meanwhile. Counted from the epoch's start,
 * so that sums are always cut at the same places.
 */
const REPORT_STEPS = 100;

/** A head that is being trained, and how far it is. */
export interface Run {
  /** Its learning rate is a number. */
  readonly session: Session;
  readonly tables: Tables;
  readonly trainer: Trainer;
  /** The epochs that are done. */
  readonly history: EpochRow[];
  /** That of the history. */
  readonly standing: Standing;
}

/** Keeps what training must not lose: the best head so far, and with a run folder all that a resumed run needs. */
export interface Keeper {
  /** Called after each epoch. @param history  with this epoch, the last */
  keep(history: readonly EpochRow[], isBest: boolean): Promise<void>;
  /** Gives the best head to the trainer. */
  restoreBest(): Promise<void>;
}

/** Whether a tensor of a trainer's state is what it has learnt, and not a moment. */
export function isParameter({ name }: { readonly name: string }): boolean {
  return /\.(kernel|bias)$/.test(name);
}

/** A keeper that holds the best head in memory. */
export function memoryKeeper(trainer: Trainer): Keeper {
  const parameters = trainer.state.filter(isParameter);
  const best = new Map<string, Float32Array>();
  return {
    async keep(_, isBest) {
      if (!isBest) return;
      for (const { name } of parameters) best.set(name, await trainer.read(name));
    },
    async restoreBest() {
      for (const [name, values] of best) await trainer.write(name, values);
    },
  };
}

/**
 * Trains the epochs that the run lacks, and adds them to its history. Rows are taken as results.csv has them, so that a
 * resumed run, which reads them there, decides alike.
 *
 * @returns whether it ended before all epochs
 * @throws TrainingError for a loss that is not finite, with its step; as the trainer, the tables and `keeper.keep`; the
 *   signal's reason
 */
export async function runEpochs(run: Run, keeper: Keeper): Promise<boolean> {
  const { session, history, standing } = run;
  const { options, onEvent, signal } = session;
  const { epochs } = options;
  while (history.length < epochs && !standing.endsEarly) {
    signal?.throwIfAborted();
    const start = performance.now();
    const epoch = history.length;
    const { loss, accuracy, lr, imagesPerSecond } = await trainEpoch(run, epoch);
    const validation = await validate(run, epoch);
    const row = asWritten({
      epoch: epoch + 1,
      loss,
      accuracy,
      val_loss: validation.loss,
      val_accuracy: validation.accuracy,
      lr,
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

/** Means over an epoch's pictures. */
interface Score {
  readonly loss: number;
  readonly accuracy: number;
}

interface TrainedEpoch extends Score {
  /** That of the last step. */
  readonly lr: number;
  readonly imagesPerSecond: number;
}

/** @param epoch  from 0 */
async function trainEpoch({ session, tables, trainer }: Run, epoch: number): Promise<TrainedEpoch> {
  const { options, onEvent, signal } = session;
  const { train } = tables;
  const { epochs, batch, seed, cache } = options;
  const steps = stepsOf(session, tables);
  const schedule = scheduleOf(session, steps);
  if (!cache && epoch > 0) await train.refreshViews(epoch);
  const start = performance.now();
  const score = new RunningScore();
  let seen = 0;
  let step = 0;
  let lr = 0;
  for await (const { x, labels } of readBatches(train, shuffledReading(train, seed, epoch, !cache), batch)) {
    signal?.throwIfAborted();
    lr = rateAt(schedule, epoch * steps + step);
    await trainer.step(x, labels, lr);
    step++;
    seen += labels.length;
    if (step % REPORT_STEPS === 0 || step === steps)
      score.add(await readScore(trainer, epoch, epoch * steps));
    const imagesPerSecond = (1000 * seen) / (performance.now() - start);
    const { loss, accuracy } = score.mean ?? {};
    const place = { epoch: epoch + 1, epochs, step, steps };
    onEvent({ type: 'step', ...place, lr, imagesPerSecond, loss, accuracy });
  }
  return { ...score.mean!, lr, imagesPerSecond: (1000 * seen) / (performance.now() - start) };
}

/** Steps of an epoch. */
function stepsOf({ options }: Session, { train }: Tables): number {
  return Math.ceil(train.samples.length / options.batch);
}

/** @param steps  of an epoch */
function scheduleOf({ options }: Session, steps: number): Schedule {
  const { schedule: name, lr, warmup, epochs } = options;
  return { name, lr: lr as number, warmup: warmup * steps, steps: epochs * steps };
}

/** @param epoch  from 0 */
async function validate({ session, tables, trainer }: Run, epoch: number): Promise<Score> {
  const { options, signal } = session;
  const { val } = tables;
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
  trainer: Trainer,
  epoch: number,
  before: number,
): Promise<Score & { count: number }> {
  const totals = await trainer.readTotals();
  if (totals.badStep === undefined && Number.isFinite(totals.loss)) return totals;
  const step = totals.badStep === undefined ? '' : `, step ${totals.badStep - before}`;
  const layer = await trainer.firstNotFinite();
  const where = layer === undefined ? '' : `: ${layer} holds numbers that are none`;
  throw new TrainingError(`the loss is not finite any more in epoch ${epoch + 1}${step}${where}`);
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

/** Shows a head every picture of a table. @throws GpuError; DeviceLostError; as the table; the signal's reason */
export async function evaluateTable(
  { dataset, signal }: Session,
  trainer: Trainer,
  table: FeatureTable,
): Promise<Evaluation> {
  const { classes } = dataset;
  const evaluation = createEvaluation(classes);
  for await (const { x, rows } of readBatches(table, plainReading(table), trainer.options.batch)) {
    signal?.throwIfAborted();
    const probabilities = await trainer.predict(x);
    for (const [i, { sample }] of rows.entries()) {
      const from = i * classes.length;
      evaluation.add(table.samples[sample]!, probabilities.subarray(from, from + classes.length));
    }
  }
  return evaluation.result();
}
