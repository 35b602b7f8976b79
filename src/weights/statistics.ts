// What a tensor's numbers are like: enough to tell one file from another, and a trained network from a broken one.

import { type ChunkOptions, readChunks } from './chunks.js';
import { decodeFloats } from './floats.js';
import type { TensorEntry, WeightsSource } from './source.js';

/** Of the finite numbers; NaN where there is none. */
export interface Statistics {
  readonly mean: number;
  /** Of the numbers themselves, not an estimate for more of their kind: divided by n. */
  readonly deviation: number;
  readonly min: number;
  readonly max: number;
  /** How many NaN and infinities. */
  readonly nonFinite: number;
}

/**
 * Statistics of a tensor, read in pieces and summed in float64.
 *
 * Source   Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4, 1962
 *
 * @throws as `readChunks`
 */
export async function statisticsOf(
  source: WeightsSource,
  entry: TensorEntry,
  options: ChunkOptions = {},
): Promise<Statistics> {
  let count = 0;
  let nonFinite = 0;
  let mean = 0;
  let squares = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for await (const bytes of readChunks(source, entry, options)) {
    for (const value of decodeFloats(bytes, entry.dtype)) {
      if (!Number.isFinite(value)) {
        nonFinite++;
        continue;
      }
      count++;
      const difference = value - mean;
      mean += difference / count;
      squares += difference * (value - mean);
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  if (count === 0) return { mean: NaN, deviation: NaN, min: NaN, max: NaN, nonFinite };
  return { mean, deviation: Math.sqrt(squares / count), min, max, nonFinite };
}
