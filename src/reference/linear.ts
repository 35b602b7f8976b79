// linear in float64: the formula, as it stands.

/** What linear works on: x (N,D), k (D,O), b (O). */
export interface LinearSizes {
  readonly N: number;
  readonly D: number;
  readonly O: number;
}

/** y[n,o] = relu(b[o] + sum_d x[n,d] * k[d,o]); y is (N,O). */
export function linear(
  x: ArrayLike<number>,
  k: ArrayLike<number>,
  b: ArrayLike<number>,
  { N, D, O }: LinearSizes,
  relu: boolean,
): Float64Array {
  const y = new Float64Array(N * O);
  for (let n = 0; n < N; n++) {
    const row = y.subarray(n * O, (n + 1) * O);
    for (let o = 0; o < O; o++) row[o] = b[o]!;
    for (let d = 0; d < D; d++) {
      const value = x[n * D + d]!;
      for (let o = 0; o < O; o++) row[o]! += value * k[d * O + o]!;
    }
    if (relu) for (let o = 0; o < O; o++) row[o] = Math.max(row[o]!, 0);
  }
  return y;
}
