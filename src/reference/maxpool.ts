// maxpool, the largest of a whole map, in float64.

/** What maxpool works on: x (N,H,W,C). */
export interface MaxPoolSizes {
  readonly N: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
}

/** y[n,c] = the largest of x[n,h,w,c] over h and w; y is (N,C). */
export function maxPool(x: ArrayLike<number>, sizes: MaxPoolSizes): Float64Array {
  return Float64Array.from(placesOfLargest(x, sizes), (place) => x[place]!);
}

/** dx[n,h,w,c] = dy[n,c] at the first of the largest, else 0; dx is (N,H,W,C). */
export function maxPoolBackward(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  sizes: MaxPoolSizes,
): Float64Array {
  const dx = new Float64Array(sizes.N * sizes.H * sizes.W * sizes.C);
  for (const [i, place] of placesOfLargest(x, sizes).entries()) dx[place] = dy[i]!;
  return dx;
}

function placesOfLargest(x: ArrayLike<number>, { N, H, W, C }: MaxPoolSizes): number[] {
  return Array.from({ length: N * C }, (_, i) => {
    const first = Math.floor(i / C) * H * W * C + (i % C);
    let found = first;
    for (let place = first; place < first + H * W * C; place += C) if (x[place]! > x[found]!) found = place;
    return found;
  });
}
