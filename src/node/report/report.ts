// A run's report: two plots, and a page that shows all there is to know without anything else.

import { join } from 'node:path';
import sharp from 'sharp';
import { PictureError } from '../../errors.js';
import type { PictureInput } from '../../image/picture.js';
import { asWritten, type EpochRow } from '../../train/epoch_row.js';
import type { Evaluation, Mistake } from '../../train/metrics.js';
import { writeAtomically } from '../atomic_file.js';
import { decode } from '../image/decode.js';
import { confusionSvg } from './confusion.js';
import { curvesSvg } from './curves.js';
import { reportHtml } from './page.js';

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
  /** Of the head, before its base was trained with it. */
  readonly headAlone?: Pick<EpochRow, 'val_accuracy' | 'val_loss'> | undefined;
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

/**
 * The longer side in px, at first twice what the page gives it, for displays with small pixels; and the quality. The
 * first that makes a picture small enough is taken: only noise needs the last.
 */
const ATTEMPTS = [
  { side: 288, quality: 76 },
  { side: 288, quality: 50 },
  { side: 144, quality: 50 },
] as const;
const ENOUGH_BYTES = 20_000;

/** A WebP picture as a data URI, of the whole picture; undefined where it cannot be read. */
async function thumbnail(load: () => PictureInput | Promise<PictureInput>): Promise<string | undefined> {
  try {
    const { data, width, height } = await decode(await load());
    let webp = Buffer.alloc(0);
    for (const { side, quality } of ATTEMPTS) {
      webp = await sharp(data, { raw: { width, height, channels: 3 } })
        .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
        .webp({ quality })
        .toBuffer();
      if (webp.length <= ENOUGH_BYTES) break;
    }
    return `data:image/webp;base64,${webp.toString('base64')}`;
  } catch (error) {
    if (error instanceof PictureError) return undefined;
    throw error;
  }
}
