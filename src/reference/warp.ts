// warp in float64.

/** How one picture is made of a source: column-major matrices, `map` of three columns of four (the fourth unused). */
export interface WarpSource {
  readonly firstByte: number;
  readonly width: number;
  readonly height: number;
  readonly map: ArrayLike<number>;
  readonly colour: ArrayLike<number>;
}

/**
 * y[n,h,w] = clamp(colour_n * (p, 1), 0, 255), not rounded; p is the source's value at map_n * (w+0.5, h+0.5, 1), bilinear
 * between the middles of its pixels, its edges continued. pixels: RGB bytes of all sources; y (N,S,S,3).
 */
export function warp(
  pixels: Uint8Array,
  views: readonly WarpSource[],
  { size: S }: { size: number },
): Float64Array {
  const y = new Float64Array(views.length * S * S * 3);
  views.forEach((view, n) => {
    for (let h = 0; h < S; h++) {
      for (let w = 0; w < S; w++) {
        const { map, colour } = view;
        const place = [w + 0.5, h + 0.5, 1];
        const along = (row: number) => place.reduce((sum, value, i) => sum + map[4 * i + row]! * value, 0);
        const p = sample(pixels, view, along(0) - 0.5, along(1) - 0.5);
        for (let c = 0; c < 3; c++) {
          const value = [...p, 1].reduce((sum, channel, i) => sum + colour[4 * i + c]! * channel, 0);
          y[((n * S + h) * S + w) * 3 + c] = Math.min(255, Math.max(0, value));
        }
      }
    }
  });
  return y;
}

function sample(pixels: Uint8Array, view: WarpSource, u: number, v: number): number[] {
  const { firstByte, width, height } = view;
  const [left, top] = [Math.floor(u), Math.floor(v)];
  const at = (x: number, y: number, c: number) => {
    const column = Math.min(width - 1, Math.max(0, x));
    const row = Math.min(height - 1, Math.max(0, y));
    return pixels[firstByte + 3 * (row * width + column) + c]!;
  };
  return [0, 1, 2].map(
    (c) =>
      (top + 1 - v) * ((left + 1 - u) * at(left, top, c) + (u - left) * at(left + 1, top, c)) +
      (v - top) * ((left + 1 - u) * at(left, top + 1, c) + (u - left) * at(left + 1, top + 1, c)),
  );
}
