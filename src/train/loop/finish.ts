// The end of a run: its best head is looked at closely, and with a run folder the report is written.

import { join } from 'node:path';
import { plainReading, readBatches } from '../batches.js';
import { flagOf } from '../checks.js';
import type { FeatureTable } from '../features/spec.js';
import type { HeadTrainer } from '../head/head_trainer.js';
import { createEvaluation, type Evaluation } from '../metrics.js';
import type { Prepared } from '../prepare.js';
import { REPORT_FILES, writeReport } from '../report/report.js';
import type { EpochRow } from '../report/results.js';
import type { Session } from '../session.js';

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

/** Writes the run's plots and page. @throws OutputError */
export async function reportRun(
  session: Session,
  folder: string,
  history: readonly EpochRow[],
  best: EpochRow,
  prepared: Prepared,
  { evaluation, test }: Evaluations,
): Promise<void> {
  const { dataset, onEvent } = session;
  await writeReport(folder, {
    title: folder,
    history,
    best: best.epoch,
    evaluation,
    test,
    facts: factsOf(session, prepared),
    loadPicture: ({ name }) => dataset.val.find((sample) => sample.name === name)!.picture,
  });
  onEvent({ type: 'saved', what: 'report', path: join(folder, REPORT_FILES.page) });
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
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    facts.push([flagOf(option), Array.isArray(value) ? value.join(',') : String(value)]);
  }
  return facts;
}
