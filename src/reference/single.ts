// conv3x3 and linear in float64, one number of y at a time: where all of y would take too long.

import type { Conv3x3Sizes } from './conv3x3.js';
import type { LinearSizes } from './linear.js';

/** A tensor's values, by their place in row-major order. */
export type At = (index: number) => number;

/** y[n,h,w,o] as `conv3x3` has it. */
export function conv3x3At(
  x: At,
  k: At,
  b: At,
  { H, W, C, O }: Conv3x3Sizes,
  relu: boolean,
  [n, h, w, o]: readonly [n: number, h: number, w: number, o: number],
): number {
  let sum = b(o);
  for (let tap = 0; tap < 9; tap++) {
    const row = h + Math.floor(tap / 3) - 1;
    const column = w + (tap % 3) - 1;
    if (row < 0 || row >= H || column < 0 || column >= W) continue;
    const pixel = ((n * H + row) * W + column) * C;
    for (let c = 0; c < C; c++) sum += x(pixel + c) * k((tap * C + c) * O + o);
  }
  return relu ? Math.max(sum, 0) : sum;
}

/** y[n,o] as `linear` has it. */
export function linearAt(
  x: At,
  k: At,
  b: At,
  { D, O }: LinearSizes,
  relu: boolean,
  [n, o]: readonly [n: number, o: number],
): number {
  let sum = b(o);
  for (let d = 0; d < D; d++) sum += x(n * D + d) * k(d * O + o);
  return relu ? Math.max(sum, 0) : sum;
}
