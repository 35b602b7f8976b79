// A run from its first epoch, or from one that it has behind it, to its result; new and resumed runs alike. Where layers of the base
// are trained, their head is trained alone before: with random numbers above it, a base would unlearn what it knows.

import { createHash } from 'node:crypto';
import { TrainingError } from '../../errors.js';
import type { EpochRow } from '../../train/epoch_row.js';
import { evaluateTable, type Keeper, memoryKeeper, type Run, runEpochs } from '../../train/epochs.js';
import { trainPhases } from '../../train/phases.js';
import { remarksOn } from '../../train/remarks.js';
import { createTrainer, type Session, type Tables } from '../../train/session.js';
import { judgementOf, Standing } from '../../train/standing.js';
import { type FoundRate, searchRate } from '../../train/sweep.js';
import type { Trainer } from '../../train/trainer.js';
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
import { tablesFingerprintOf } from './session.js';
import type { Stop } from './stop.js';
import { withTables } from './tables.js';

/** Where a run is written down, and what its args.json says. */
export interface RunRecord {
  /** Undefined for a run of which nothing is written. */
  readonly folder: string | undefined;
  readonly args: RunArguments;
}

/** How good a head was before its base was trained with it. */
export type HeadAlone = Pick<EpochRow, 'epoch' | 'val_accuracy' | 'val_loss'>;

/**
 * Trains from the first epoch on; where the rate is to be searched for, that comes first. A base that is trained waits for its head, unless
 * that gets no epoch of its own: a network that has learnt nothing has nothing to lose.
 *
 * @throws as `trainHead`
 */
export async function startRun(session: Session, record: RunRecord, stop: Stop): Promise<TrainResult> {
  const { unfreeze, headEpochs } = session.options;
  if (unfreeze !== 'none' && headEpochs > 0) return startFineTuning(session, record, stop);
  return withTables(session, async (tables) => {
    const { session: rated, args } = await withRate(session, tables, record);
    const trainer = await createTrainer(rated, tables);
    try {
      await initialise(rated, trainer, args.initFrom);
      return await completeRun(newRun(rated, tables, trainer, args), { ...record, args }, stop);
    } finally {
      trainer.dispose();
    }
  });
}

function newRun(session: Session, tables: Tables, trainer: Trainer, args: RunArguments): Run {
  return { session, tables, trainer, history: [], standing: standingOf(session, args, []) };
}

/** Trains the head alone, then the base with it, at once or block by block. */
async function startFineTuning(asked: Session, record: RunRecord, stop: Stop): Promise<TrainResult> {
  let { args } = record;
  const { parameters, standardisation, session, alone } = await trainPhases(asked, {
    withTables: async (phase, use) =>
      withTables({ ...phase, tablesFingerprint: await tablesFingerprintOf(phase) }, use),
    async rated(phase, tables) {
      const found = await withRate(phase, tables, { ...record, args });
      args = found.args;
      return found.session;
    },
    initialise: (phase, trainer) => initialise(phase, trainer, args.initFrom),
    async onHead(phase, trainer, best) {
      if (record.folder === undefined) return;
      const path = runFile(record.folder, 'head');
      await saveHead(path, phase, trainer, await describeHead(phase, trainer), best);
      asked.onEvent({ type: 'saved', what: 'head', path });
    },
  });
  return withTables(session, async (found) => {
    const tables = { ...found, standardisation };
    const trainer = await createTrainer(session, tables);
    try {
      for (const [name, values] of parameters) await trainer.write(name, values);
      return await completeRun(newRun(session, tables, trainer, args), { ...record, args }, stop, alone);
    } finally {
      trainer.dispose();
    }
  });
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
export async function completeRun(
  run: Run,
  { folder, args }: RunRecord,
  stop: Stop,
  alone?: HeadAlone,
): Promise<TrainResult> {
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
    ...{ options, history, best, early, evaluation, test, folder, headAlone: alone },
    remarks: remarksOn({ options, history, best, early, evaluation, headAlone: alone }),
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
