// The gradients of conv3x3 in float64: the formulas, as they stand. What a ReLU does to dy comes before them.

import type { Conv3x3Sizes } from './conv3x3.js';

/** Calls `visit` for every pixel of y and every tap that is inside the image: places of pixels, and the tap's number. */
function forEachTap(
  { N, H, W }: Conv3x3Sizes,
  visit: (xPixel: number, yPixel: number, tap: number) => void,
): void {
  for (let n = 0; n < N; n++) {
    for (let h = 0; h < H; h++) {
      for (let w = 0; w < W; w++) {
        for (let tap = 0; tap < 9; tap++) {
          const row = h + Math.floor(tap / 3) - 1;
          const column = w + (tap % 3) - 1;
          if (row < 0 || row >= H || column < 0 || column >= W) continue;
          visit((n * H + row) * W + column, (n * H + h) * W + w, tap);
        }
      }
    }
  }
}

/** dx[n,h+i-1,w+j-1,c] = the sum of dy[n,h,w,o] * k[i,j,c,o] over all that x was a factor of; dy is (N,H,W,O), dx (N,H,W,C). */
export function conv3x3BackwardInput(
  dy: ArrayLike<number>,
  k: ArrayLike<number>,
  sizes: Conv3x3Sizes,
): Float64Array {
  const { N, H, W, C, O } = sizes;
  const dx = new Float64Array(N * H * W * C);
  forEachTap(sizes, (xPixel, yPixel, tap) => {
    for (let c = 0; c < C; c++) {
      let sum = 0;
      for (let o = 0; o < O; o++) sum += dy[yPixel * O + o]! * k[(tap * C + c) * O + o]!;
      dx[xPixel * C + c]! += sum;
    }
  });
  return dx;
}

/** dk[i,j,c,o] = sum_{n,h,w} x[n,h+i-1,w+j-1,c] * dy[n,h,w,o]; x is (N,H,W,C), dk (3,3,C,O). */
export function conv3x3BackwardKernel(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  sizes: Conv3x3Sizes,
): Float64Array {
  const { C, O } = sizes;
  const dk = new Float64Array(9 * C * O);
  forEachTap(sizes, (xPixel, yPixel, tap) => {
    for (let c = 0; c < C; c++) {
      const value = x[xPixel * C + c]!;
      for (let o = 0; o < O; o++) dk[(tap * C + c) * O + o]! += value * dy[yPixel * O + o]!;
    }
  });
  return dk;
}

/** db[o] = sum_{n,h,w} dy[n,h,w,o]. */
export function conv3x3BackwardBias(dy: ArrayLike<number>, { O }: Pick<Conv3x3Sizes, 'O'>): Float64Array {
  const db = new Float64Array(O);
  for (let i = 0; i < dy.length; i++) db[i % O]! += dy[i]!;
  return db;
}
