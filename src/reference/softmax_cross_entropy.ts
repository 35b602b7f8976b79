// softmax_cross_entropy in float64.

import { softmax } from './softmax.js';

export interface CrossEntropy {
  /** The batch's: weighted losses over weights; NaN where there are no weights. */
  readonly loss: number;
  /** (N,O): its gradient. */
  readonly dx: Float64Array;
  /** (N,4): weighted loss, weight, hit, counted. */
  readonly rows: Float64Array;
}

const IGNORED = 0xffffffff;

/** The mean loss of scores x (N,O), of which the first `classes` columns count, as torch.nn.CrossEntropyLoss. */
export function softmaxCrossEntropy(
  x: ArrayLike<number>,
  labels: ArrayLike<number>,
  classWeights: ArrayLike<number>,
  { N, O }: { readonly N: number; readonly O: number },
  classes: number,
  smoothing: number,
): CrossEntropy {
  const p = softmax(x, { N, O }, classes);
  const dx = new Float64Array(N * O);
  const rows = new Float64Array(N * 4);
  const counted = Array.from({ length: N }, (_, n) => n).filter((n) => labels[n] !== IGNORED);
  const batchWeight = counted.reduce((sum, n) => sum + classWeights[labels[n]!]!, 0);
  let sum = 0;
  for (const n of counted) {
    const label = labels[n]!;
    const scores = Array.from({ length: classes }, (_, c) => x[n * O + c]!);
    const largest = Math.max(...scores);
    const logSum = Math.log(scores.reduce((total, score) => total + Math.exp(score - largest), 0));
    const truth = scores.map(
      (_, c) => classWeights[c]! * (smoothing / classes + (c === label ? 1 - smoothing : 0)),
    );
    const truthSum = truth.reduce((total, share) => total + share, 0);
    const loss = truth.reduce((total, share, c) => total + share * (logSum - (scores[c]! - largest)), 0);
    for (let c = 0; c < classes; c++) {
      if (batchWeight > 0) dx[n * O + c] = (p[n * O + c]! * truthSum - truth[c]!) / batchWeight;
    }
    rows.set([loss, classWeights[label]!, Number(scores.indexOf(largest) === label), 1], n * 4);
    sum += loss;
  }
  return { loss: sum / batchWeight, dx, rows };
}
