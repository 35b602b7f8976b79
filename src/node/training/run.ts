// A run from its first picture to its report: a new one, or one that is taken up again.

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { TrainingError, UsageError } from '../../errors.js';
import type { Course } from '../../train/epoch.js';
import type { EpochRow } from '../../train/epoch_row.js';
import { type Remark, remarksOn } from '../../train/remarks.js';
import { judgementOf } from '../../train/rules.js';
import { runEpochs } from '../../train/run_epochs.js';
import { driftOf } from '../../train/standardise.js';
import { Standing } from '../../train/standing.js';
import { claimRun, hashOfOptions, type RunArguments } from '../runs/args.js';
import { environmentOf } from '../runs/environment.js';
import { abandonRun, runFile, writeJson } from '../runs/folder.js';
import { readResults, writeResults } from '../runs/results.js';
import { digestOf, writeSplit } from '../runs/split.js';
import { leaveRun, markDiverged, occupyRun } from '../runs/state.js';
import { baseRefOf } from '../weights/locate.js';
import { type Checkpoint, readStandardisation, restore } from './checkpoint.js';
import { type Evaluations, evaluateTable, reportRun } from './finish.js';
import { folderKeeper, memoryKeeper } from './keeper.js';
import { tunedKernelsOf } from './kernels.js';
import { searchRate } from './lr_find.js';
import { createTrainer, type Prepared, prepare } from './prepare.js';
import { initialise } from './saved_head.js';
import type { Session } from './session.js';
import { Stop } from './stop.js';
import { headInFile, type TrainedHead, takeHead } from './trained_head.js';

/** Features may differ by so much, in deviations, as another GPU computes the same pictures. */
const MOST_DRIFT = 0.01;

export interface Undertaking {
  readonly session: Session;
  readonly folder: string | undefined;
  readonly args: RunArguments;
  /** Whether the folder is there with all that is written before the first epoch. */
  readonly isResumed: boolean;
  /** Undefined before the first epoch. */
  readonly checkpoint: Checkpoint | undefined;
}

export interface Outcome extends Evaluations {
  /** With the rate that was found, where one was searched for. */
  readonly session: Session;
  readonly history: readonly EpochRow[];
  readonly best: EpochRow;
  /** Whether it ended before all epochs. */
  readonly early: boolean;
  readonly remarks: readonly Remark[];
  /** The best one. */
  readonly head: TrainedHead;
}

/** @throws as `trainHead` */
export async function conduct(undertaking: Undertaking): Promise<Outcome> {
  const { session, folder, isResumed } = undertaking;
  const stop = new Stop(session, folder, undertaking.checkpoint?.progress.epoch ?? 0);
  if (folder !== undefined) await (isResumed ? occupyRun(folder) : begin(undertaking, folder));
  try {
    for (const text of isResumed ? [] : session.dataset.notes) session.onEvent({ type: 'note', text });
    const prepared = await prepare(session);
    try {
      return await train(undertaking, prepared, stop);
    } finally {
      await prepared.close();
    }
  } catch (error) {
    if (folder !== undefined && !isResumed && stop.isFutile(error)) await abandonRun(folder);
    throw stop.explained(error);
  } finally {
    if (folder !== undefined) await leaveRun(folder);
  }
}

/**
 * What is written before anything is computed: a folder that cannot be used is found out, and a killed run can be
 * resumed.
 */
async function begin({ session, args }: Undertaking, folder: string): Promise<void> {
  const { model, dataset } = session;
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

/** Where a resumed run is told to end holds for the next time, too. */
async function rememberEnd({ session, folder, args, isResumed }: Undertaking): Promise<void> {
  const { epochs, patience } = session.options;
  if (!isResumed || (epochs === args.options.epochs && patience === args.options.patience)) return;
  await writeJson(runFile(folder!, 'args'), { ...args, options: { ...args.options, epochs, patience } });
}

/** Of what is trained and validated on: names, labels and contents, in their order. */
function digestOfAll(classes: readonly string[], { train, val }: Prepared): string {
  const parts = [digestOf(classes, train.samples, val.samples), train.digest, val.digest];
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}

async function train(undertaking: Undertaking, found: Prepared, stop: Stop): Promise<Outcome> {
  const { folder, checkpoint } = undertaking;
  const { dataset, onEvent } = undertaking.session;
  const { val, test: examined } = found;
  const data = digestOfAll(dataset.classes, found);
  const prepared = checkpoint ? await asBefore(checkpoint, found, data) : found;
  const session = await withRate(undertaking, prepared);
  const { options } = session;
  if (checkpoint && checkpoint.progress.options !== hashOfOptions(options, session.rules)) {
    throw new UsageError(
      `${checkpoint.path} was computed with other arguments than ${folder}/args.json says now`,
    );
  }
  await rememberEnd(undertaking);
  const trainer = await createTrainer(session, prepared);
  try {
    if (checkpoint) await restore(trainer, checkpoint);
    else await initialise(session, trainer, undertaking.args.initFrom);
    const history: EpochRow[] = checkpoint
      ? await readResults(runFile(folder!, 'results'), checkpoint.progress.epoch)
      : [];
    if (folder !== undefined && undertaking.isResumed)
      await writeResults(runFile(folder, 'results'), history);
    const keeper =
      folder === undefined ? memoryKeeper(trainer) : await folderKeeper(session, trainer, folder, data);
    const course = courseOf(session, prepared, trainer);
    const judgement = judgementOf(session.rules, options, undertaking.args.pictures?.val);
    const standing = new Standing(judgement, history);
    const early = await runEpochs(course, stop.watching(keeper), history, standing).catch(async (error) => {
      if (folder !== undefined && error instanceof TrainingError) await markDiverged(folder);
      throw error;
    });
    const best = standing.best!;
    await keeper.restoreBest();
    const evaluation = await evaluateTable(session, trainer, val);
    const test = examined && (await evaluateTable(session, trainer, examined));
    const ended = { options, history, best, early, evaluation };
    const remarks = remarksOn(ended);
    if (folder !== undefined) {
      const { args } = undertaking;
      await reportRun(session, folder, prepared, { ...ended, args, judgement, remarks, test });
    }
    for (const { text } of remarks) onEvent({ type: 'note', text });
    onEvent({ type: 'finished', early, best, folder });
    const head =
      folder === undefined ? await takeHead(session, trainer, best) : headInFile(runFile(folder, 'best'));
    return { session, history, best, early, evaluation, test, remarks, head };
  } finally {
    await trainer.dispose();
  }
}

function courseOf(session: Session, { train, val }: Prepared, trainer: Course['trainer']): Course {
  const { options, onEvent, signal } = session;
  const { schedule: name, warmup, epochs, batch } = options;
  const steps = Math.ceil(train.samples.length / batch);
  const schedule = { name, lr: options.lr as number, warmup: warmup * steps, steps: epochs * steps };
  return { trainer, train, val, options, schedule, steps, onEvent, signal };
}

/** The session with a rate that is a number: the one that was found before, or a new one. */
async function withRate({ session, folder, args }: Undertaking, prepared: Prepared): Promise<Session> {
  const { options, onEvent } = session;
  if (options.lr !== 'auto') return session;
  let { lr } = args;
  if (lr === undefined) {
    const { suggestion } = await searchRate(session, prepared, args.initFrom);
    if (suggestion === undefined) {
      throw new TrainingError('--lr auto: the loss falls at no learning rate; give one, or look at the data');
    }
    lr = suggestion;
    onEvent({ type: 'note', text: `--lr auto found ${lr.toPrecision(3)}` });
    if (folder !== undefined) await writeJson(runFile(folder, 'args'), { ...args, lr });
  }
  return { ...session, options: { ...options, lr } };
}

/**
 * What a checkpoint was trained on, found to be there still; with its own standardisation, which another GPU would
 * compute a little differently.
 */
async function asBefore(checkpoint: Checkpoint, now: Prepared, data: string): Promise<Prepared> {
  const { path, progress } = checkpoint;
  if (progress.data !== data) {
    throw new UsageError(
      `${path} was trained on other pictures or classes than there are now; some are gone, broken or changed`,
    );
  }
  const standardisation = await readStandardisation(checkpoint);
  if (!standardisation || !now.standardisation) return now;
  if (driftOf(standardisation, now.standardisation) > MOST_DRIFT) {
    throw new UsageError(
      `${path}: the pictures' features are not those that it was trained on, though the files are`,
    );
  }
  return { ...now, standardisation };
}

/** What a run with these options writes down. */
export async function argumentsOf(
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
    pictures: {
      train: dataset.train.length,
      val: dataset.val.length,
      test: dataset.test.length,
    },
    ...(kernels && { kernels }),
  };
}
