// sgd in float64.

/** A step: w and momentum are overwritten; `factor` is what clipping multiplies the gradient by. */
export function sgd(
  w: Float64Array,
  dw: ArrayLike<number>,
  momentum: Float64Array,
  lr: number,
  hyper: { readonly momentum: number; readonly nesterov: boolean; readonly weightDecay: number },
  factor = 1,
): void {
  for (let i = 0; i < w.length; i++) {
    const g = factor * dw[i]! + hyper.weightDecay * w[i]!;
    momentum[i] = hyper.momentum * momentum[i]! + g;
    w[i]! -= lr * (hyper.nesterov ? g + hyper.momentum * momentum[i]! : momentum[i]!);
  }
}
