// The gradients of linear in float64: the formulas, as they stand. What a ReLU does to dy comes before them.

import type { LinearSizes } from './linear.js';

/** dx[n,d] = sum_o dy[n,o] * k[d,o]; dy is (N,O), k (D,O), dx (N,D). */
export function linearBackwardInput(
  dy: ArrayLike<number>,
  k: ArrayLike<number>,
  { N, D, O }: LinearSizes,
): Float64Array {
  const dx = new Float64Array(N * D);
  for (let n = 0; n < N; n++) {
    for (let d = 0; d < D; d++) {
      let sum = 0;
      for (let o = 0; o < O; o++) sum += dy[n * O + o]! * k[d * O + o]!;
      dx[n * D + d] = sum;
    }
  }
  return dx;
}

/** dk[d,o] = sum_n x[n,d] * dy[n,o]; x is (N,D), dy (N,O), dk (D,O). */
export function linearBackwardKernel(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  { N, D, O }: LinearSizes,
): Float64Array {
  const dk = new Float64Array(D * O);
  for (let n = 0; n < N; n++) {
    for (let d = 0; d < D; d++) {
      const value = x[n * D + d]!;
      for (let o = 0; o < O; o++) dk[d * O + o]! += value * dy[n * O + o]!;
    }
  }
  return dk;
}

/** db[o] = sum_n dy[n,o]; dy is (N,O), db (O). */
export function linearBackwardBias(
  dy: ArrayLike<number>,
  { N, O }: Pick<LinearSizes, 'N' | 'O'>,
): Float64Array {
  const db = new Float64Array(O);
  for (let n = 0; n < N; n++) {
    for (let o = 0; o < O; o++) db[o]! += dy[n * O + o]!;
  }
  return db;
}
