// standardise in float64.

/** (x[n,d] - mean[d]) * scale[d]; x is (N,D), mean and scale (D). */
export function standardise(
  x: ArrayLike<number>,
  mean: ArrayLike<number>,
  scale: ArrayLike<number>,
): Float64Array {
  const D = mean.length;
  return Float64Array.from(x, (value, i) => (value - mean[i % D]!) * scale[i % D]!);
}
