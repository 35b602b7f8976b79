// The end of a run: its best head is looked at closely, and with a run folder the report is written.

import { join } from 'node:path';
import { plainReading, readBatches } from '../../train/batches.js';
import type { FeatureStats, FeatureTable } from '../../train/features/spec.js';
import type { HeadTrainer } from '../../train/head/head_trainer.js';
import { createEvaluation, type Evaluation } from '../../train/metrics.js';
import { choiceText, type Ended, type Remark } from '../../train/remarks.js';
import type { Judgement } from '../../train/standing.js';
import { counted, duration, whole } from '../report/numbers.js';
import { REPORT_FILES, writeReport } from '../report/report.js';
import type { RunArguments } from '../runs/args.js';
import { allTyped, commandOf } from '../runs/command.js';
import type { Prepared } from './prepare.js';
import type { Session } from './session.js';

/** Shows a head every picture of a table. @throws GpuError; DeviceLostError; as the table; the signal's reason */
export async function evaluateTable(
  { dataset, signal }: Session,
  trainer: HeadTrainer,
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

/** Of the best head, on what there is besides the training pictures. */
export interface Evaluations {
  readonly evaluation: Evaluation;
  readonly test: Evaluation | undefined;
}

/** What a report is made of, besides the session and its pictures. */
export interface Reported extends Ended, Evaluations {
  readonly args: RunArguments;
  readonly judgement: Judgement;
  readonly remarks: readonly Remark[];
}

/** Writes the run's plots and page. @throws OutputError */
export async function reportRun(
  session: Session,
  folder: string,
  prepared: Prepared,
  reported: Reported,
): Promise<void> {
  const { dataset, onEvent } = session;
  const { args, options, judgement, remarks, history, best, early, evaluation, test } = reported;
  const stopped = early
    ? [`training ended early: ${counted(options.patience, 'epoch')} had brought nothing better`]
    : [];
  await writeReport(folder, {
    title: folder,
    history,
    best: best.epoch,
    choice: choiceText(judgement, reported),
    notes: [...remarks.map(({ text }) => text), ...stopped],
    // A rate that was searched for is found again.
    command: commandOf(dataset.name, args, { ...options, lr: args.options.lr }, dataset.train.length),
    before: featuresText(prepared),
    evaluation,
    test,
    facts: factsOf(session, prepared),
    loadPicture: ({ name }) => dataset.val.find((sample) => sample.name === name)!.picture,
  });
  onEvent({ type: 'saved', what: 'report', path: join(folder, REPORT_FILES.page) });
}

/** What it took to have the features, this time. */
function featuresText({ train, val, test }: Prepared): string {
  const parts = [train, val, ...(test ? [test] : [])].map(({ stats }) => stats);
  const sum = (of: (stats: FeatureStats) => number) => parts.reduce((total, stats) => total + of(stats), 0);
  const [computed, cached] = [sum((stats) => stats.computed), sum((stats) => stats.cached)];
  const found = cached > 0 ? `, ${whole(cached)} found in the cache` : '';
  return `Features: ${whole(computed)} computed${found}, in ${duration(sum(({ seconds }) => seconds))}`;
}

function factsOf({ model, options }: Session, prepared: Prepared): [string, string][] {
  const [train, val, examined] = [prepared.train, prepared.val, prepared.test].map(
    (part) => part?.samples.length ?? 0,
  );
  const facts: [string, string][] = [
    ['pictures', `${train} to train on, ${val} to validate with, ${examined} to test with`],
    ['base', model.basePath],
    ['GPU', model.gpu.info.description],
  ];
  return [...facts, ...allTyped(options).map(([flag, value = '']): [string, string] => [flag!, value])];
}
