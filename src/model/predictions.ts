// Probabilities into a ranking with names.

import type { Label } from './labels.js';

export interface Prediction extends Label {
  /** The class's number. */
  readonly index: number;
  /** Its probability, 0 to 1. */
  readonly score: number;
}

/** The `topK` likeliest classes, the best first; of equals, the one with the lower number. */
export function topPredictions(
  probabilities: Float32Array,
  labels: readonly Label[],
  topK: number,
): Prediction[] {
  return Array.from(probabilities, (score, index) => ({ index, score }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, topK)
    .map(({ index, score }) => ({ index, ...labels[index]!, score }));
}
