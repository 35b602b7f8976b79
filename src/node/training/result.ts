// What a run came to: its result, and the report of it.

import { join } from 'node:path';
import { counted, duration, whole } from '../../text.js';
import type { ResolvedOptions } from '../../train/defaults.js';
import type { EpochRow } from '../../train/epoch_row.js';
import type { Run } from '../../train/epochs.js';
import type { FeatureStats } from '../../train/features/spec.js';
import type { Evaluation } from '../../train/metrics.js';
import { choiceText, type Remark } from '../../train/remarks.js';
import type { Tables } from '../../train/session.js';
import { REPORT_FILES, writeReport } from '../report/report.js';
import type { RunArguments } from '../runs/args.js';
import { allTyped, commandOf } from '../runs/command.js';
import type { TrainedHead } from './saved_head.js';

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
  /** How good the head was before its base was trained with it; undefined where none was. */
  readonly headAlone: Pick<EpochRow, 'epoch' | 'val_accuracy' | 'val_loss'> | undefined;
  /** The best head. */
  readonly head: TrainedHead;
}

/** Writes the run's plots and page. @throws OutputError */
export async function reportRun(
  { session, tables, standing }: Run,
  folder: string,
  args: RunArguments,
  { options, remarks, history, best, early, evaluation, test, headAlone }: TrainResult,
): Promise<void> {
  const { model, dataset, onEvent } = session;
  const stopped = early
    ? [`training ended early: ${counted(options.patience, 'epoch')} had brought nothing better`]
    : [];
  const [train, val, examined] = [tables.train, tables.val, tables.test].map(
    (part) => part?.samples.length ?? 0,
  );
  const settings = allTyped(options).map(([flag, value = '']): [string, string] => [flag!, value]);
  await writeReport(folder, {
    title: folder,
    history,
    best: best.epoch,
    choice: choiceText(standing.judgement, history),
    notes: [...remarks.map(({ text }) => text), ...stopped],
    // A rate that was searched for is found again.
    command: commandOf(dataset.name, args, { ...options, lr: args.options.lr }, dataset.train.length),
    before: featuresText(tables),
    evaluation,
    test,
    headAlone,
    facts: [
      ['pictures', `${train} to train on, ${val} to validate with, ${examined} to test with`],
      ['base', model.basePath],
      ['GPU', model.gpu.info.description],
      ...settings,
    ],
    loadPicture: ({ name }) => dataset.val.find((sample) => sample.name === name)!.picture,
  });
  onEvent({ type: 'saved', what: 'report', path: join(folder, REPORT_FILES.page) });
}

/** What it took to have the features, this time. */
function featuresText({ train, val, test }: Tables): string {
  const parts = [train, val, ...(test ? [test] : [])].map(({ stats }) => stats);
  const sum = (of: (stats: FeatureStats) => number) => parts.reduce((total, stats) => total + of(stats), 0);
  const [computed, cached] = [sum((stats) => stats.computed), sum((stats) => stats.cached)];
  const found = cached > 0 ? `, ${whole(cached)} found in the cache` : '';
  return `Features: ${whole(computed)} computed${found}, in ${duration(sum(({ seconds }) => seconds))}`;
}
