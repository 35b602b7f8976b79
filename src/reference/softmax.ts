// softmax in float64.

/** exp(x - max) / sum exp(x - max) for each row of x (N,O), over its first `classes` columns; zero in the others. */
export function softmax(
  x: ArrayLike<number>,
  { N, O }: { readonly N: number; readonly O: number },
  classes: number,
): Float64Array {
  const y = new Float64Array(N * O);
  for (let n = 0; n < N; n++) {
    let largest = -Infinity;
    for (let o = 0; o < classes; o++) largest = Math.max(largest, x[n * O + o]!);
    let sum = 0;
    for (let o = 0; o < classes; o++) sum += Math.exp(x[n * O + o]! - largest);
    for (let o = 0; o < classes; o++) y[n * O + o] = Math.exp(x[n * O + o]! - largest) / sum;
  }
  return y;
}
