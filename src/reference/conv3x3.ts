// conv3x3 in float64: the formula, as it stands.

/** What conv3x3 works on: x (N,H,W,C), k (3,3,C,O), b (O). */
export interface Conv3x3Sizes {
  readonly N: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly O: number;
}

/** y[n,h,w,o] = relu(b[o] + sum_{i,j,c} x[n,h+i-1,w+j-1,c] * k[i,j,c,o]), zeros around x; y is (N,H,W,O). */
export function conv3x3(
  x: ArrayLike<number>,
  k: ArrayLike<number>,
  b: ArrayLike<number>,
  { N, H, W, C, O }: Conv3x3Sizes,
  relu: boolean,
): Float64Array {
  const y = new Float64Array(N * H * W * O);
  for (let n = 0; n < N; n++) {
    for (let h = 0; h < H; h++) {
      for (let w = 0; w < W; w++) {
        const at = ((n * H + h) * W + w) * O;
        for (let o = 0; o < O; o++) y[at + o] = b[o]!;
        for (let tap = 0; tap < 9; tap++) {
          const row = h + Math.floor(tap / 3) - 1;
          const column = w + (tap % 3) - 1;
          if (row < 0 || row >= H || column < 0 || column >= W) continue;
          for (let c = 0; c < C; c++) {
            const value = x[((n * H + row) * W + column) * C + c]!;
            for (let o = 0; o < O; o++) y[at + o]! += value * k[(tap * C + c) * O + o]!;
          }
        }
        if (relu) for (let o = 0; o < O; o++) y[at + o] = Math.max(y[at + o]!, 0);
      }
    }
  }
  return y;
}
