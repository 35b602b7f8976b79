// A run's report: two plots, and a page that shows all there is to know without anything else.

import { join } from 'node:path';
import type { PictureInput } from '../../image/picture.js';
import { asWritten, type EpochRow } from '../../train/epoch_row.js';
import type { Evaluation, Mistake } from '../../train/metrics.js';
import { writeAtomically } from '../atomic_file.js';
import { confusionSvg } from './confusion.js';
import { curvesSvg } from './curves.js';
import { reportHtml } from './page.js';
import { thumbnail } from './thumbnail.js';

export interface ReportOptions {
  /** What the page is headed with: the run, as a rule. */
  readonly title: string;
  /** The epochs so far; none for an evaluation alone, which has no curves. */
  readonly history: readonly EpochRow[];
  /** The epoch whose weights were evaluated; undefined without a history. */
  readonly best: number | undefined;
  /** Of the validation pictures. */
  readonly evaluation: Evaluation;
  /** Of the test pictures, where there are any. */
  readonly test?: Evaluation | undefined;
  /** Why `best` is the best, as a clause: "the lowest validation loss". */
  readonly choice: string;
  /** What its owner should know of how it went, a clause each. */
  readonly notes: readonly string[];
  /** What makes the same run, on a command line; undefined without a history. */
  readonly command: string | undefined;
  /** What came before the first epoch: "features of 244 pictures in 20 min". */
  readonly before: string | undefined;
  /** Settings and circumstances: names and values, in the order that they are shown in. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** The picture of a mistake, for its thumbnail. */
  readonly loadPicture: (mistake: Mistake) => PictureInput | Promise<PictureInput>;
}

/** Names of the files that `writeReport` makes. */
export const REPORT_FILES = {
  curves: 'curves.svg',
  confusion: 'confusion.svg',
  page: 'report.html',
} as const;

/**
 * Writes curves.svg (where there is a history), confusion.svg and report.html into the folder, which must exist. Each
 * appears whole or not at all, and replaces an older one. A picture that cannot be read any more gets a placeholder.
 *
 * @throws OutputError where the folder cannot be written; what `loadPicture` throws, but for a PictureError
 */
export async function writeReport(folder: string, options: ReportOptions): Promise<void> {
  const history = options.history.map(asWritten);
  const { best, evaluation } = options;
  const weights = join(folder, 'best.safetensors');
  const thumbnails: (string | undefined)[] = [];
  // One after the other: a photo of 50 million pixels is held once.
  for (const mistake of evaluation.worst) {
    thumbnails.push(await thumbnail(() => options.loadPicture(mistake)));
  }
  const page = reportHtml({ ...options, history, weights, thumbnails });
  if (history.length > 0) await write(folder, REPORT_FILES.curves, curvesSvg(history, best));
  await write(folder, REPORT_FILES.confusion, confusionSvg(evaluation));
  await write(folder, REPORT_FILES.page, page);
}

async function write(folder: string, name: string, text: string): Promise<void> {
  await writeAtomically(join(folder, name), (append) => append(Buffer.from(text)));
}
