// avgpool in float64.

/** What avgpool works on: x (N,H,W,C); windows of `window` x `window` pixels, or the whole map. */
export interface AvgPoolSizes {
  readonly N: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly window?: number;
}

/** y[n,i,j,c] = the mean of x[n,h,w,c] over window (i,j); y is (N,H/window,W/window,C), or (N,C). */
export function avgPool(x: ArrayLike<number>, sizes: AvgPoolSizes): Float64Array {
  const { N, rows, columns, C, pixels } = windowsOf(sizes);
  const y = new Float64Array(N * rows * columns * C);
  eachNumber(sizes, (from, to) => {
    y[to]! += x[from]!;
  });
  return y.map((sum) => sum / pixels);
}

/** dx[n,h,w,c] = dy[n,i,j,c] / (pixels of a window); 0 outside of windows; dx is (N,H,W,C). */
export function avgPoolBackward(dy: ArrayLike<number>, sizes: AvgPoolSizes): Float64Array {
  const { N, H, W, C } = sizes;
  const { pixels } = windowsOf(sizes);
  const dx = new Float64Array(N * H * W * C);
  eachNumber(sizes, (from, to) => {
    dx[from] = dy[to]! / pixels;
  });
  return dx;
}

function windowsOf({ N, H, W, C, window }: AvgPoolSizes) {
  const [KH, KW] = [window ?? H, window ?? W];
  return { N, C, KH, KW, rows: Math.floor(H / KH), columns: Math.floor(W / KW), pixels: KH * KW };
}

/** The place in x of each number of a window, and the place in y of what it becomes part of. */
function eachNumber(sizes: AvgPoolSizes, visit: (from: number, to: number) => void): void {
  const { N, C, KH, KW, rows, columns } = windowsOf(sizes);
  for (let n = 0; n < N; n++) {
    for (let h = 0; h < rows * KH; h++) {
      for (let w = 0; w < columns * KW; w++) {
        const window = (n * rows + Math.floor(h / KH)) * columns + Math.floor(w / KW);
        for (let c = 0; c < C; c++) visit(((n * sizes.H + h) * sizes.W + w) * C + c, window * C + c);
      }
    }
  }
}
