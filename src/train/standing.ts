// How a run stands: which epoch is the best, and whether to go on. Told by its rows alone, so that nothing else is
// to be saved.

import type { EpochRow } from './report/results.js';

/**
 * Whether one epoch beats another: more of the validation pictures right; of equals, the lower validation loss. An
 * epoch that is no better does not beat an earlier one.
 */
export function beats(row: EpochRow, other: EpochRow | undefined): boolean {
  if (!other) return true;
  if (row.val_accuracy !== other.val_accuracy) return row.val_accuracy > other.val_accuracy;
  return row.val_loss < other.val_loss;
}

/** The best epoch; undefined before the first. */
export function bestOf(history: readonly EpochRow[]): EpochRow | undefined {
  return history.reduce<EpochRow | undefined>((best, row) => (beats(row, best) ? row : best), undefined);
}

/** Epochs since the validation loss was last lower than ever before. */
export function epochsWithoutGain(history: readonly EpochRow[]): number {
  let lowest = Number.POSITIVE_INFINITY;
  let since = 0;
  for (const { val_loss } of history) {
    since = val_loss < lowest ? 0 : since + 1;
    lowest = Math.min(lowest, val_loss);
  }
  return since;
}

/** Whether training ends here though epochs are left. @param patience  0 never ends early */
export function endsEarly(history: readonly EpochRow[], patience: number): boolean {
  return patience > 0 && epochsWithoutGain(history) >= patience;
}
