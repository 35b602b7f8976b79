// The classifier's outputs into a ranking with names.

import type { Activation } from '../architecture.js';
import type { Label } from './labels.js';

export interface Prediction extends Label {
  /** The class's number. */
  readonly index: number;
  /** Its probability, 0 to 1: beside the other classes, or by itself where they do not exclude each other. */
  readonly score: number;
}

/**
 * What the network's last layer gives, as probabilities: those of a softmax as they are, logits by the sigmoid,
 * 1 / (1 + exp(-z)).
 */
export function probabilitiesOf(activation: Activation, results: Float32Array): Float32Array {
  return activation === 'softmax' ? results : results.map((z) => 1 / (1 + Math.exp(-z)));
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
