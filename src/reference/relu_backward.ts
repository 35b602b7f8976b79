// relu_backward in float64.

/** The gradient by ReLU's input: dy where y, what ReLU gave, is above zero, else 0. */
export function reluBackward(y: ArrayLike<number>, dy: ArrayLike<number>): Float64Array {
  return Float64Array.from(dy, (value, i) => (y[i]! > 0 ? value : 0));
}
