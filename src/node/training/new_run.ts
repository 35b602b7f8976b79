// Trains a head on what a VGG16 makes of pictures.

import type { VGG16 } from '../../model/vgg16.js';
import { checkOptions, type OptionRules, text } from '../../options.js';
import { resolveOptions } from '../../train/checks.js';
import type { ResolvedOptions } from '../../train/defaults.js';
import type { EpochRow } from '../../train/epoch_row.js';
import type { Evaluation } from '../../train/metrics.js';
import { RUN_OPTIONS, type RunOptions } from '../../train/options.js';
import type { Remark } from '../../train/remarks.js';
import type { Dataset } from '../../train/samples.js';
import { createRun, removeIfEmpty } from '../runs/folder.js';
import { argumentsOf, conduct, type Undertaking } from './run.js';
import { openSession, SESSION_OPTIONS, type Session, type SessionOptions } from './session.js';
import type { TrainedHead } from './trained_head.js';

export interface TrainOptions extends RunOptions, SessionOptions {
  /** The run's folder, made for it or empty. Without one nothing is written. */
  readonly out?: string | undefined;
  /** A head file whose numbers training begins with. */
  readonly initFrom?: string | undefined;
  /** The share that `findDataset` was given, for the command that the report gives; it decides nothing here. */
  readonly valShare?: number | undefined;
}

const TRAIN_OPTIONS: OptionRules<TrainOptions> = {
  ...RUN_OPTIONS,
  ...SESSION_OPTIONS,
  out: text,
  initFrom: text,
  valShare: {
    what: 'a number above 0 and below 1',
    fits: (value) => typeof value === 'number' && value > 0 && value < 1,
  },
};

export interface TrainResult {
  readonly classes: readonly string[];
  /** All options, with the learning rate that was used. */
  readonly options: ResolvedOptions;
  readonly history: readonly EpochRow[];
  /** The epoch whose head is kept. */
  readonly best: EpochRow;
  /** Whether training ended because nothing was gained any more. */
  readonly early: boolean;
  /** What its owner should know of how it went; told as notes, too. */
  readonly remarks: readonly Remark[];
  /** Of the best head, on the validation pictures. */
  readonly evaluation: Evaluation;
  /** The same on the test pictures; undefined where there are none. */
  readonly test: Evaluation | undefined;
  readonly folder: string | undefined;
  /** The best head. */
  readonly head: TrainedHead;
}

/**
 * Trains a head. The same model, pictures and options give the same bytes on the same adapter and driver.
 *
 * The best epoch is the one with the lowest validation loss among those whose accuracy is within two standard errors of the
 * highest: see `Standing`. With `out`, every epoch is on disk as it ends; an abort of the signal, which is noticed between steps, loses
 * the epoch under way, and `resumeRun` goes on from the one before as if nothing had happened.
 *
 * @throws UsageError for options or a data set that make no sense; PictureError for too many broken pictures;
 *   TrainingError for a loss that is not finite; WeightsError; OutputError; GpuError; DeviceLostError; the signal's reason
 */
export async function trainHead(
  model: VGG16,
  dataset: Dataset,
  options: TrainOptions = {},
): Promise<TrainResult> {
  checkOptions('trainHead()', options, TRAIN_OPTIONS);
  const { out, initFrom, valShare, cacheFolder, onEvent, signal, ...chosen } = options;
  if (out !== undefined) await createRun(out);
  let session: Session;
  try {
    session = await openSession(model, dataset, resolveOptions(chosen, dataset.train.length), {
      cacheFolder,
      onEvent,
      signal,
    });
  } catch (error) {
    if (out !== undefined) await removeIfEmpty(out);
    throw error;
  }
  const args = await argumentsOf(session, initFrom, valShare);
  return carryOut({ session, folder: out, args, isResumed: false, checkpoint: undefined });
}

/** Conducts a run to its result. @throws as `trainHead` */
export async function carryOut(undertaking: Undertaking): Promise<TrainResult> {
  const { session, ...outcome } = await conduct(undertaking);
  const { dataset, options } = session;
  return { ...outcome, classes: dataset.classes, options, folder: undertaking.folder };
}
