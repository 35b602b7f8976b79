// A new run: trains a head on what a VGG16 makes of pictures.

import { resolve } from 'node:path';
import type { VGG16 } from '../../model/vgg16.js';
import { checkOptions, type OptionRules, text } from '../../options.js';
import { resolveOptions } from '../../train/checks.js';
import type { Dataset } from '../../train/dataset.js';
import { CHOSEN_OPTIONS, type ChosenOptions } from '../../train/options.js';
import type { Session } from '../../train/session.js';
import { claimRun, type RunArguments } from '../runs/args.js';
import { abandonRun, createRun, environmentOf, removeIfEmpty, runFile, writeJson } from '../runs/folder.js';
import { writeResults } from '../runs/results.js';
import { writeSplit } from '../runs/split.js';
import { leaveRun, occupyRun } from '../runs/state.js';
import { baseRefOf } from '../weights/locate.js';
import type { TrainResult } from './result.js';
import { startRun } from './run.js';
import { openSession, SESSION_OPTIONS, type SessionOptions, tunedKernelsOf } from './session.js';
import { Stop } from './stop.js';

export interface TrainOptions extends ChosenOptions, SessionOptions {
  /** The run's folder, made for it or empty. Without one nothing is written. */
  readonly out?: string | undefined;
  /** A head file whose numbers training begins with. */
  readonly initFrom?: string | undefined;
  /** The share that `findDataset` was given, for the command that the report gives; it decides nothing here. */
  readonly valShare?: number | undefined;
}

const TRAIN_OPTIONS: OptionRules<TrainOptions> = {
  ...CHOSEN_OPTIONS,
  ...SESSION_OPTIONS,
  out: text,
  initFrom: text,
  valShare: {
    what: 'a number above 0 and below 1',
    fits: (value) => typeof value === 'number' && value > 0 && value < 1,
  },
};

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
  const { out: folder, initFrom, valShare, cacheFolder, onEvent, signal, ...chosen } = options;
  if (folder !== undefined) await createRun(folder);
  let session: Session;
  try {
    const resolved = resolveOptions(chosen, dataset.train.length);
    session = await openSession(model, dataset, resolved, { cacheFolder, onEvent, signal });
  } catch (error) {
    if (folder !== undefined) await removeIfEmpty(folder);
    throw error;
  }
  const args = await argumentsOf(session, initFrom, valShare);
  const stop = new Stop(session, folder, 0);
  if (folder !== undefined) await begin(session, folder, args);
  try {
    for (const text of dataset.notes) session.onEvent({ type: 'note', text });
    return await startRun(session, { folder, args }, stop);
  } catch (error) {
    if (folder !== undefined && stop.isFutile(error)) await abandonRun(folder);
    throw stop.explained(error);
  } finally {
    if (folder !== undefined) await leaveRun(folder);
  }
}

/**
 * Writes what can be written before anything is computed: a folder that cannot be used is found out, and a killed run
 * can be resumed.
 */
async function begin({ model, dataset }: Session, folder: string, args: RunArguments): Promise<void> {
  await claimRun(runFile(folder, 'environment'));
  try {
    await occupyRun(folder);
    await writeJson(runFile(folder, 'environment'), environmentOf(model.gpu));
    await writeJson(runFile(folder, 'classes'), dataset.classes);
    await writeSplit(runFile(folder, 'split'), dataset);
    await writeResults(runFile(folder, 'results'), []);
    // Last: a folder that has it has all the others, and is a run.
    await writeJson(runFile(folder, 'args'), args);
  } catch (error) {
    await abandonRun(folder);
    throw error;
  }
}

/** What the run writes down of itself. */
async function argumentsOf(
  session: Session,
  initFrom: string | undefined,
  valShare: number | undefined,
): Promise<RunArguments> {
  const { model, dataset, options, rules } = session;
  const kernels = tunedKernelsOf(session);
  return {
    data: resolve(dataset.name),
    weights: await baseRefOf(model.path),
    base: model.basePath === model.path ? null : await baseRefOf(model.basePath),
    preprocess: model.preprocess,
    dtype: model.dtype,
    initFrom: initFrom === undefined ? null : resolve(initFrom),
    options,
    ...(valShare !== undefined && { valShare }),
    rules,
    pictures: { train: dataset.train.length, val: dataset.val.length, test: dataset.test.length },
    ...(kernels && { kernels }),
  };
}
