// A run that is taken up again where it was left.

import { readFile, stat } from 'node:fs/promises';
import { UsageError } from '../../errors.js';
import type { Gpu } from '../../gpu/gpu.js';
import { GPU } from '../../model/options.js';
import { VGG16 } from '../../node/vgg16.js';
import {
  CHECKED_IN_USE,
  callback,
  checkOptions,
  group,
  type OptionRules,
  text,
  value,
} from '../../options.js';
import type { Dataset } from '../../train/dataset.js';
import type { ResolvedOptions } from '../../train/defaults.js';
import { CHOSEN_OPTIONS, type ChosenOptions } from '../../train/options.js';
import { createTrainer, type Session, type Tables } from '../../train/session.js';
import { driftOf } from '../../train/standardise.js';
import { hashOfOptions, type RunArguments, readArguments, resumedOptions } from '../runs/args.js';
import { runFile, writeJson } from '../runs/folder.js';
import { readResults, writeResults } from '../runs/results.js';
import { readSplit } from '../runs/split.js';
import { leaveRun, occupyRun } from '../runs/state.js';
import { pathOfRef } from '../weights/locate.js';
import type { TrainResult } from './result.js';
import { completeRun, digestOfAll, type RunRecord, standingOf, startRun, withRate } from './run.js';
import { type Checkpoint, readCheckpoint, readScore, readStandardisation, restore } from './saved_head.js';
import {
  areSameKernels,
  openSession,
  SESSION_OPTIONS,
  type SessionOptions,
  tunedKernelsOf,
} from './session.js';
import { Stop } from './stop.js';
import { withTables } from './tables.js';

/** Features may differ by so much, in deviations, as another GPU computes the same pictures. */
const MOST_DRIFT = 0.01;

export interface ResumeOptions extends SessionOptions {
  /** What is said of the run's options: all but `epochs` of a run with a constant rate must be as they were. */
  readonly options?: ChosenOptions | undefined;
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
  options: group(CHOSEN_OPTIONS),
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
    return await goOn(session, { folder, args }, checkpoint);
  } finally {
    if (!resuming.model) model.dispose();
  }
}

/** @param checkpoint  undefined before the first epoch */
async function goOn(
  session: Session,
  record: ResumedRecord,
  checkpoint: Checkpoint | undefined,
): Promise<TrainResult> {
  const { folder } = record;
  const stop = new Stop(session, folder, checkpoint?.facts.epoch ?? 0);
  await occupyRun(folder);
  try {
    if (checkpoint) {
      return await withTables(session, (tables) => goOnFrom(checkpoint, session, tables, record, stop));
    }
    const args = await rememberEnd(session, record);
    await writeResults(runFile(folder, 'results'), []);
    return await startRun(session, { folder, args }, stop);
  } catch (error) {
    throw stop.explained(error);
  } finally {
    await leaveRun(folder);
  }
}

type ResumedRecord = RunRecord & { readonly folder: string };

async function goOnFrom(
  checkpoint: Checkpoint,
  asked: Session,
  found: Tables,
  record: ResumedRecord,
  stop: Stop,
): Promise<TrainResult> {
  const { folder } = record;
  const tables = await asBefore(checkpoint, found, digestOfAll(asked, found), asked.options);
  const { session, args: withLr } = await withRate(asked, tables, record);
  if (checkpoint.facts.options !== hashOfOptions(session.options, session.rules)) {
    throw new UsageError(
      `${checkpoint.path} was computed with other arguments than ${folder}/args.json says now`,
    );
  }
  const args = await rememberEnd(session, { folder, args: withLr });
  const trainer = await createTrainer(session, tables);
  try {
    await restore(trainer, checkpoint);
    const history = await readResults(runFile(folder, 'results'), checkpoint.facts.epoch);
    await writeResults(runFile(folder, 'results'), history);
    const standing = standingOf(session, args, history);
    const { epochs } = session.options;
    if (history.length >= epochs || standing.endsEarly) {
      const text = `${folder} is finished: ${history.length} of ${epochs} epochs are done; it is evaluated and reported again`;
      session.onEvent({ type: 'note', text });
    }
    const alone = session.options.unfreeze === 'none' ? undefined : await readScore(runFile(folder, 'head'));
    const run = { session, tables, trainer, history, standing };
    return await completeRun(run, { folder, args }, stop, alone);
  } finally {
    trainer.dispose();
  }
}

/** Where a resumed run is told to end holds for the next time, too. @returns args.json as it is then */
async function rememberEnd({ options }: Session, { folder, args }: ResumedRecord): Promise<RunArguments> {
  const { epochs, patience } = options;
  if (epochs === args.options.epochs && patience === args.options.patience) return args;
  const changed = { ...args, options: { ...args.options, epochs, patience } };
  await writeJson(runFile(folder, 'args'), changed);
  return changed;
}

/**
 * What a checkpoint was trained on, found to be there still; with its own standardisation, which another GPU would
 * compute a little differently.
 */
async function asBefore(
  checkpoint: Checkpoint,
  now: Tables,
  data: string,
  { unfreeze }: ResolvedOptions,
): Promise<Tables> {
  const { path, facts } = checkpoint;
  if (facts.data !== data) {
    throw new UsageError(
      `${path} was trained on other pictures or classes than there are now; some are gone, broken or changed`,
    );
  }
  const standardisation = await readStandardisation(checkpoint);
  // What the head was trained behind, alone, is not computed again.
  if (unfreeze !== 'none') return { ...now, standardisation };
  if (!standardisation || !now.standardisation) return now;
  if (driftOf(standardisation, now.standardisation) > MOST_DRIFT) {
    throw new UsageError(
      `${path}: the pictures' features are not those that it was trained on, though the files are`,
    );
  }
  return { ...now, standardisation };
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
    const why = error instanceof SyntaxError ? 'it is damaged (no JSON)' : (error as Error).message;
    throw new UsageError(`${path}: ${why}`, { cause: error });
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
