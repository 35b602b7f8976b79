// Features in batches, the next one read while the GPU works on this one.

import type { FeatureRow, FeatureTable } from './features/spec.js';
import { randomStream } from './random.js';

export interface Batch {
  /** (rows, width); good until the next batch is asked for, as `labels`. */
  readonly x: Float32Array;
  /** (rows) */
  readonly labels: Uint32Array;
  readonly rows: readonly FeatureRow[];
}

/** Which rows of a table, in which order. */
export interface Reading {
  readonly count: number;
  row(position: number): FeatureRow;
}

/** Every picture as it is, in the table's order. */
export function plainReading({ samples }: Pick<FeatureTable, 'samples'>): Reading {
  return { count: samples.length, row: (sample) => ({ sample, view: 0 }) };
}

/**
 * Every training picture once, in an order drawn for the epoch. Of a picture's views a different one each epoch: a
 * cache's few take turns with the plain picture, while those that are drawn anew for each epoch are all that is shown.
 *
 * @param epoch  from 0
 */
export function shuffledReading(
  { samples, views }: Pick<FeatureTable, 'samples' | 'views'>,
  seed: number,
  epoch: number,
  areViewsNew: boolean,
): Reading {
  const order = randomStream(seed, 'shuffle', epoch).shuffled(Array.from(samples.keys()));
  const viewOf = (sample: number) => {
    if (views === 0) return 0;
    return areViewsNew ? 1 + ((epoch + sample) % views) : (epoch + sample) % (1 + views);
  };
  return {
    count: order.length,
    row: (position) => ({ sample: order[position]!, view: viewOf(order[position]!) }),
  };
}

/** Reads rows, `size` at a time; the last batch may be shorter. @throws as `FeatureTable.read` */
export async function* readBatches(
  table: FeatureTable,
  reading: Reading,
  size: number,
): AsyncGenerator<Batch> {
  const { width, samples } = table;
  const most = Math.min(size, reading.count);
  const buffers = [new Float32Array(most * width), new Float32Array(most * width)];
  const read = async (start: number, buffer: Float32Array): Promise<Batch> => {
    const count = Math.min(most, reading.count - start);
    const rows = Array.from({ length: count }, (_, i) => reading.row(start + i));
    const x = buffer.subarray(0, count * width);
    await table.read(rows, x);
    return { x, rows, labels: Uint32Array.from(rows, ({ sample }) => samples[sample]!.label) };
  };
  if (most === 0) return;
  let ahead: Promise<Batch> | undefined = read(0, buffers[0]!);
  try {
    for (let start = 0, turn = 1; ahead; start += most, turn = 1 - turn) {
      const batch: Batch = await ahead;
      const next = start + most;
      ahead = next < reading.count ? read(next, buffers[turn]!) : undefined;
      // Should the caller stop before it asks for this one, its failure is nobody's.
      ahead?.catch(() => {});
      yield batch;
    }
  } finally {
    // A table may be closed only when nothing reads in it.
    await ahead?.catch(() => {});
  }
}
