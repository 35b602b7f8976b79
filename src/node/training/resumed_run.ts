// Takes a run up where it was left.

import { readFile, stat } from 'node:fs/promises';
import { UsageError } from '../../errors.js';
import type { Gpu } from '../../gpu/gpu.js';
import { GPU } from '../../model/options.js';
import { VGG16 } from '../../model/vgg16.js';
import {
  CHECKED_IN_USE,
  callback,
  checkOptions,
  group,
  type OptionRules,
  text,
  value,
} from '../../options.js';
import { RUN_OPTIONS, type RunOptions } from '../../train/options.js';
import type { Dataset } from '../../train/samples.js';
import { type RunArguments, readArguments, resumedOptions } from '../runs/args.js';
import { runFile } from '../runs/folder.js';
import { readSplit } from '../runs/split.js';
import { pathOfRef } from '../weights/locate.js';
import { readCheckpoint } from './checkpoint.js';
import { areSameKernels, tunedKernelsOf } from './kernels.js';
import { carryOut, type TrainResult } from './new_run.js';
import { openSession, SESSION_OPTIONS, type SessionOptions } from './session.js';

export interface ResumeOptions extends SessionOptions {
  /** What is said of the run's options: all but `epochs` of a run with a constant rate must be as they were. */
  readonly options?: RunOptions | undefined;
  /** A device to share; without it one is opened. */
  readonly gpu?: Gpu | undefined;
  readonly adapter?: string | undefined;
  /** The model, where it is loaded already; it stays its owner's. */
  readonly model?: VGG16 | undefined;
  /** The pictures, where they are no files. */
  readonly dataset?: Dataset | undefined;
  /** Told of the model's weights as they are loaded. */
  readonly onProgress?: ((progress: { loaded: number; total: number }) => void) | undefined;
}

const RESUME_OPTIONS: OptionRules<ResumeOptions> = {
  ...SESSION_OPTIONS,
  options: group(RUN_OPTIONS),
  gpu: GPU,
  adapter: text,
  model: value('a VGG16, as VGG16.load() gives it', (model) => model instanceof VGG16),
  dataset: CHECKED_IN_USE,
  onProgress: callback(),
};

/**
 * Goes on with a run after the last epoch that its folder holds, to the same bytes as if it had never stopped (but
 * for times that were measured). A run that has no epoch behind it begins; one that has all is evaluated, and its
 * report written, again.
 *
 * @throws UsageError for a folder that is no run's, for changed options, which are named, for pictures or a base
 *   that are not those of the run; otherwise as `trainHead`
 */
export async function resumeRun(folder: string, resuming: ResumeOptions = {}): Promise<TrainResult> {
  checkOptions('resumeRun()', resuming, RESUME_OPTIONS);
  const args = await readArguments(runFile(folder, 'args'));
  const options = resumedOptions(folder, args, resuming.options ?? {});
  const classes = await readClasses(folder);
  const dataset = resuming.dataset ?? (await readSplit(runFile(folder, 'split'), classes));
  const last = runFile(folder, 'last');
  const checkpoint = (await exists(last)) ? await readCheckpoint(last) : undefined;
  const model = resuming.model ?? (await loadModel(folder, args, resuming));
  try {
    const session = await openSession(model, dataset, options, resuming, args.rules);
    if (checkpoint && checkpoint.fingerprint !== session.fingerprint) {
      throw new UsageError(`${folder} was trained on another base than ${model.basePath} is now`);
    }
    if (!areSameKernels(args.kernels, tunedKernelsOf(session))) {
      const text = `${folder} began with other kernels than can be had now: what follows will differ by how these round`;
      session.onEvent({ type: 'note', text });
    }
    return await carryOut({ session, folder, args, isResumed: true, checkpoint });
  } finally {
    if (!resuming.model) model.dispose();
  }
}

async function loadModel(
  folder: string,
  { weights, base, preprocess, dtype, kernels }: RunArguments,
  { gpu, adapter, onProgress, signal }: ResumeOptions,
): Promise<VGG16> {
  const find = (ref: string) => pathOfRef(ref, `${folder}: the weights`, folder);
  return VGG16.load({
    weights: await find(weights),
    ...(base !== null && { base: await find(base) }),
    // What was tuned since would round in other ways.
    tuned: kernels ?? false,
    ...{ preprocess, dtype, gpu, adapter, onProgress, signal },
  });
}

async function readClasses(folder: string): Promise<readonly string[]> {
  const path = runFile(folder, 'classes');
  let classes: unknown;
  try {
    classes = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  if (Array.isArray(classes) && classes.every((name) => typeof name === 'string')) return classes;
  throw new UsageError(`${path} is no list of names`);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
