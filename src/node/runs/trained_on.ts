// Whether a head is examined on what it has learnt from.

import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { PictureInput } from '../../image/picture.js';
import type { Sample } from '../../train/dataset.js';
import { runFile } from './folder.js';
import { readSplit } from './split.js';

/**
 * How many of these pictures a run was trained on, as far as its split.json tells.
 *
 * @param weights  the run's folder, or a file in it; 0 where there is no run
 * @param classes  the run's, in their order
 */
export async function countTrainedOn(
  weights: string,
  classes: readonly string[],
  samples: readonly Sample[],
): Promise<number> {
  const found = await stat(weights).catch(() => undefined);
  const folder = found?.isDirectory() ? weights : dirname(weights);
  const split = await readSplit(runFile(folder, 'split'), classes).catch(() => undefined);
  if (!split) return 0;
  const trained = new Set(split.train.map(({ picture }) => pathOf(picture)));
  return samples.filter(({ picture }) => trained.has(pathOf(picture))).length;
}

function pathOf(picture: PictureInput): unknown {
  return typeof picture === 'string' ? resolve(picture) : picture;
}
