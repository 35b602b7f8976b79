// maxpool2x2 in float64.

/** What maxpool2x2 works on: x (N,H,W,C). */
export interface MaxPool2x2Sizes {
  readonly N: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
}

/** y[n,h,w,c] = the largest of x[n,2h..2h+1,2w..2w+1,c]; y is (N,floor(H/2),floor(W/2),C). */
export function maxPool2x2(x: ArrayLike<number>, { N, H, W, C }: MaxPool2x2Sizes): Float64Array {
  const Y_H = Math.floor(H / 2);
  const Y_W = Math.floor(W / 2);
  const y = new Float64Array(N * Y_H * Y_W * C);
  let at = 0;
  for (let n = 0; n < N; n++) {
    for (let h = 0; h < Y_H; h++) {
      for (let w = 0; w < Y_W; w++) {
        for (let c = 0; c < C; c++) {
          const xAt = (i: number, j: number) => x[((n * H + 2 * h + i) * W + 2 * w + j) * C + c]!;
          y[at++] = Math.max(xAt(0, 0), xAt(0, 1), xAt(1, 0), xAt(1, 1));
        }
      }
    }
  }
  return y;
}

/** dx[n,h,w,c] = dy[n,h/2,w/2,c] where x is the first largest number of its window, else 0; dx is (N,H,W,C). */
export function maxPool2x2Backward(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  { N, H, W, C }: MaxPool2x2Sizes,
): Float64Array {
  const dx = new Float64Array(N * H * W * C);
  let at = 0;
  for (let n = 0; n < N; n++) {
    for (let h = 0; h + 1 < H; h += 2) {
      for (let w = 0; w + 1 < W; w += 2) {
        for (let c = 0; c < C; c++) {
          const place = (i: number) => ((n * H + h + (i >> 1)) * W + w + (i & 1)) * C + c;
          const largest = [0, 1, 2, 3].reduce((a, b) => (x[place(b)]! > x[place(a)]! ? b : a));
          dx[place(largest)] = dy[at++]!;
        }
      }
    }
  }
  return dx;
}
