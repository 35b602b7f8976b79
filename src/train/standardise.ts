// Mean and deviation of features over the training pictures, in one pass. Features of VGG16 are up to some hundred
// and mostly zero; as they are, no learning rate suits both their large and their small channels.

import { plainReading, readBatches } from './batches.js';
import type { FeatureTable } from './features/spec.js';
import type { StandardiseBy } from './options.js';
import type { Standardisation } from './trainer_options.js';

/**
 * A deviation is taken for no less than this share of all deviations' root mean square: what hardly ever varies in
 * training would be blown up beyond measure where it varies later.
 */
const LEAST_DEVIATION = 0.05;

const ROWS = 64;

/**
 * @param by        per channel or per number; `none` gives undefined
 * @param channels  the features' last side: H, W, C flattened, or C
 * @returns mean and 1 / deviation, (width) each
 * @throws as `FeatureTable.read`; the signal's reason
 */
export async function standardisationOf(
  table: FeatureTable,
  by: StandardiseBy,
  channels: number,
  signal?: AbortSignal,
): Promise<Standardisation | undefined> {
  if (by === 'none') return undefined;
  const { width } = table;
  const groups = by === 'channel' ? channels : width;
  const sums = new Float64Array(groups);
  const squares = new Float64Array(groups);
  for await (const { x } of readBatches(table, plainReading(table), ROWS)) {
    signal?.throwIfAborted();
    // Rows are whole groups one after another, so that their ends need no care.
    for (let i = 0, group = 0; i < x.length; i++) {
      const value = x[i]!;
      sums[group]! += value;
      squares[group]! += value * value;
      if (++group === groups) group = 0;
    }
  }
  const count = (table.samples.length * width) / groups;
  const means = sums.map((sum) => sum / count);
  const variances = squares.map((square, i) => Math.max(0, square / count - means[i]! ** 2));
  const typical = Math.sqrt(variances.reduce((sum, variance) => sum + variance, 0) / groups);
  const least = LEAST_DEVIATION * typical || 1;
  return {
    mean: Float32Array.from({ length: width }, (_, i) => means[i % groups]!),
    scale: Float32Array.from(
      { length: width },
      (_, i) => 1 / Math.max(least, Math.sqrt(variances[i % groups]!)),
    ),
  };
}

/**
 * How far the features of now are from those of before: 0 where they are the same, bit for bit.
 *
 * @returns the largest difference of a mean, in deviations, or of a deviation, as its share
 */
export function driftOf(before: Standardisation, now: Standardisation): number {
  if (before.mean.length !== now.mean.length) return Number.POSITIVE_INFINITY;
  let drift = 0;
  for (let i = 0; i < now.mean.length; i++) {
    const moved = Math.abs(before.mean[i]! - now.mean[i]!) * before.scale[i]!;
    drift = Math.max(drift, moved, Math.abs(now.scale[i]! / before.scale[i]! - 1));
  }
  return drift;
}
