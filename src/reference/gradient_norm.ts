// gradient_norm in float64.

/** The norm over all gradients, and what clipping to `maxNorm` multiplies them by. */
export function gradientNorm(
  gradients: readonly ArrayLike<number>[],
  maxNorm: number,
): { factor: number; norm: number } {
  let sum = 0;
  for (const dw of gradients) for (let i = 0; i < dw.length; i++) sum += dw[i]! ** 2;
  const norm = Math.sqrt(sum);
  return { factor: Math.min(1, maxNorm / (norm + 1e-6)), norm };
}
