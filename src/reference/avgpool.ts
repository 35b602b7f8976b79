// avgpool in float64.

/** What avgpool works on: x (N,H,W,C). */
export interface AvgPoolSizes {
  readonly N: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
}

/** y[n,c] = the mean of x[n,h,w,c] over h and w; y is (N,C). */
export function avgPool(x: ArrayLike<number>, { N, H, W, C }: AvgPoolSizes): Float64Array {
  const y = new Float64Array(N * C);
  for (let n = 0; n < N; n++) {
    for (let p = 0; p < H * W; p++) {
      for (let c = 0; c < C; c++) y[n * C + c]! += x[(n * H * W + p) * C + c]!;
    }
  }
  return y.map((sum) => sum / (H * W));
}

/** dx[n,h,w,c] = dy[n,c] / (H*W); dx is (N,H,W,C). */
export function avgPoolBackward(dy: ArrayLike<number>, { N, H, W, C }: AvgPoolSizes): Float64Array {
  return Float64Array.from({ length: N * H * W * C }, (_, i) => {
    const n = Math.floor(i / (H * W * C));
    return dy[n * C + (i % C)]! / (H * W);
  });
}
