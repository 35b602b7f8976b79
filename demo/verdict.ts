// Every drawing classified by its neighbours, and how often that was right.
import { CLASSES } from './classes.js';
import type { Drawing } from './drawings.js';
import { centred, type Neighbour, nearestOthers, vote } from './neighbours.js';

/**
 * How many neighbours vote. Fixed in advance: 3, 5 and 7 differ by less than one choice of drawings from the next.
 * Centring is worth 2 to 5 points, averaged over thirty seeds; `plainAccuracy` says what is reached without either.
 */
export const VOTERS = 5;

/** What became of one drawing. */
export interface Judged {
  readonly drawing: Drawing;
  /** Its VOTERS nearest among the others, nearest first; indices into the verdict's list. */
  readonly neighbours: readonly Neighbour[];
  /** The label that they voted for. */
  readonly predicted: number;
  readonly right: boolean;
}

export interface Verdict {
  readonly judged: readonly Judged[];
  /** The share that was classified rightly, 0 to 1. */
  readonly accuracy: number;
  /** The same by the single nearest neighbour on features as they are, not centred: the plainest method. */
  readonly plainAccuracy: number;
  /** confusion[true label][predicted label]: counts. */
  readonly confusion: readonly (readonly number[])[];
}

/** Leave one out: each drawing is classified as if its own label were unknown, by all the others. */
export function judge(drawings: readonly Drawing[], features: readonly Float32Array[]): Verdict {
  const labels = drawings.map(({ label }) => label);
  const judged = nearestOthers(centred(features), VOTERS).map((neighbours, i): Judged => {
    const predicted = vote(neighbours, labels);
    return { drawing: drawings[i]!, neighbours, predicted, right: predicted === labels[i] };
  });
  const plainRight = nearestOthers(features, 1).filter(
    (neighbours, i) => vote(neighbours, labels) === labels[i],
  );
  const confusion = CLASSES.map(() => CLASSES.map(() => 0));
  for (const { drawing, predicted } of judged) {
    const row = confusion[drawing.label]!;
    row[predicted] = row[predicted]! + 1;
  }
  return {
    judged,
    accuracy: judged.filter(({ right }) => right).length / judged.length,
    plainAccuracy: plainRight.length / judged.length,
    confusion,
  };
}
