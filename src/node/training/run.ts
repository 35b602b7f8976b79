// A run from its first epoch, or from one that it has behind it, to its result; new and resumed runs alike.

import { createHash } from 'node:crypto';
import { TrainingError } from '../../errors.js';
import type { EpochRow } from '../../train/epoch_row.js';
import { evaluateTable, type Keeper, memoryKeeper, type Run, runEpochs } from '../../train/epochs.js';
import { remarksOn } from '../../train/remarks.js';
import { createTrainer, type Session, type Tables } from '../../train/session.js';
import { judgementOf, Standing } from '../../train/standing.js';
import { type FoundRate, searchRate } from '../../train/sweep.js';
import { hashOfOptions, type RunArguments } from '../runs/args.js';
import { runFile, writeJson } from '../runs/folder.js';
import { appendResult } from '../runs/results.js';
import { digestOf } from '../runs/split.js';
import { markDiverged } from '../runs/state.js';
import { reportRun, type TrainResult } from './result.js';
import {
  describeHead,
  headInFile,
  initialise,
  loadHead,
  saveCheckpoint,
  saveHead,
  takeHead,
} from './saved_head.js';
import type { Stop } from './stop.js';

/** Where a run is written down, and what its args.json says. */
export interface RunRecord {
  /** Undefined for a run of which nothing is written. */
  readonly folder: string | undefined;
  readonly args: RunArguments;
}

/**
 * Trains a new head from the first epoch on; where its rate is to be searched for, that comes first.
 *
 * @throws as `trainHead`
 */
export async function startRun(
  asked: Session,
  tables: Tables,
  record: RunRecord,
  stop: Stop,
): Promise<TrainResult> {
  const { session, args } = await withRate(asked, tables, record);
  const trainer = await createTrainer(session, tables);
  try {
    await initialise(session, trainer, args.initFrom);
    const standing = standingOf(session, args, []);
    const run: Run = { session, tables, trainer, history: [], standing };
    return await completeRun(run, { ...record, args }, stop);
  } finally {
    trainer.dispose();
  }
}

/** How a run stands after the epochs of its history. */
export function standingOf(
  { rules, options }: Session,
  { pictures }: RunArguments,
  history: readonly EpochRow[],
): Standing {
  return new Standing(judgementOf(rules, options, pictures?.val), history);
}

/** Trains the epochs that a run lacks; then its best head is looked at closely, and reported. @throws as `trainHead` */
export async function completeRun(run: Run, { folder, args }: RunRecord, stop: Stop): Promise<TrainResult> {
  const { session, tables, trainer, history, standing } = run;
  const { options, dataset, onEvent } = session;
  const keeper = folder === undefined ? memoryKeeper(trainer) : await folderKeeper(run, folder);
  const early = await runEpochs(run, stop.watching(keeper)).catch(async (error) => {
    if (folder !== undefined && error instanceof TrainingError) await markDiverged(folder);
    throw error;
  });
  const best = standing.best!;
  await keeper.restoreBest();
  const evaluation = await evaluateTable(session, trainer, tables.val);
  const test = tables.test && (await evaluateTable(session, trainer, tables.test));
  const result: TrainResult = {
    classes: dataset.classes,
    ...{ options, history, best, early, evaluation, test, folder },
    remarks: remarksOn({ options, history, best, early, evaluation }),
    head: folder === undefined ? await takeHead(session, trainer, best) : headInFile(runFile(folder, 'best')),
  };
  if (folder !== undefined) await reportRun(run, folder, args, result);
  for (const { text } of result.remarks) onEvent({ type: 'note', text });
  onEvent({ type: 'finished', early, best, folder });
  return result;
}

/**
 * Keeps all in a run folder. What is there can be used and gone on from at any moment: the checkpoint, written last,
 * says how much of the rest counts.
 */
async function folderKeeper({ session, tables, trainer }: Run, folder: string): Promise<Keeper> {
  const { options, rules, onEvent } = session;
  const description = await describeHead(session, trainer);
  const data = digestOfAll(session, tables);
  const best = runFile(folder, 'best');
  const last = runFile(folder, 'last');
  return {
    async keep(history, isBest) {
      const row = history.at(-1)!;
      if (isBest) {
        await saveHead(best, session, trainer, description, row);
        onEvent({ type: 'saved', what: 'best', path: best });
      }
      await appendResult(runFile(folder, 'results'), row);
      await saveCheckpoint(last, session, trainer, description, {
        epoch: row.epoch,
        step: trainer.stepsDone,
        options: hashOfOptions(options, rules),
        data,
      });
      onEvent({ type: 'saved', what: 'last', path: last });
    },
    restoreBest: () => loadHead(session, trainer, best),
  };
}

/** SHA-256 over what is trained and validated on: names, labels and contents, in their order. */
export function digestOfAll({ dataset }: Session, { train, val }: Tables): string {
  const parts = [digestOf(dataset.classes, train.samples, val.samples), train.digest, val.digest];
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}

/** The session and args.json with a rate that is a number: the one that was found before, or a new one. @throws as `trainHead` */
export async function withRate(
  session: Session,
  tables: Tables,
  { folder, args }: RunRecord,
): Promise<{ readonly session: Session; readonly args: RunArguments }> {
  const { options, onEvent } = session;
  if (options.lr !== 'auto') return { session, args };
  if (args.lr !== undefined) return { session: { ...session, options: { ...options, lr: args.lr } }, args };
  const { suggestion: lr } = await findRate(session, tables, args.initFrom);
  if (lr === undefined) {
    throw new TrainingError('--lr auto: the loss falls at no learning rate; give one, or look at the data');
  }
  onEvent({ type: 'note', text: `--lr auto found ${lr.toPrecision(3)}` });
  const found = { ...args, lr };
  if (folder !== undefined) await writeJson(runFile(folder, 'args'), found);
  return { session: { ...session, options: { ...options, lr } }, args: found };
}

/** Searches for a rate on a head that is thrown away. @param initFrom  the file that training is to begin with */
export async function findRate(
  session: Session,
  tables: Tables,
  initFrom: string | null,
): Promise<FoundRate> {
  const trainer = await createTrainer(session, tables);
  try {
    await initialise(session, trainer, initFrom);
    return await searchRate(session, trainer, tables.train);
  } finally {
    trainer.dispose();
  }
}
