// adamw in float64.

/** A step, the first of which is 1: w, m and v are overwritten; `factor` is what clipping multiplies the gradient by. */
export function adamw(
  w: Float64Array,
  dw: ArrayLike<number>,
  m: Float64Array,
  v: Float64Array,
  { lr, step }: { readonly lr: number; readonly step: number },
  hyper: {
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly weightDecay: number;
  },
  factor = 1,
): void {
  const { beta1, beta2, epsilon, weightDecay } = hyper;
  for (let i = 0; i < w.length; i++) {
    const g = factor * dw[i]!;
    m[i] = beta1 * m[i]! + (1 - beta1) * g;
    v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
    const mean = m[i]! / (1 - beta1 ** step);
    const square = v[i]! / (1 - beta2 ** step);
    w[i] = w[i]! * (1 - lr * weightDecay) - (lr * mean) / (Math.sqrt(square) + epsilon);
  }
}
