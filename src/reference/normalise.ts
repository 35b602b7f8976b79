// normalise in float64.

/** What normalise works on. */
export interface NormaliseSizes {
  readonly N: number;
  readonly H: number;
  readonly W: number;
}

/**
 * y[n,h,w,c] = (pixels[n,h,w,c'] - mean[c]) * scale[c], where c' is c, or 2-c if reversed (RGB to BGR); pixels (N,H,W,3)
 * bytes, y (N,H,W,4), its fourth channel zero.
 */
export function normalise(
  pixels: Uint8Array,
  { N, H, W }: NormaliseSizes,
  { reverse, mean, scale }: { reverse: boolean; mean: readonly number[]; scale: readonly number[] },
): Float64Array {
  const y = new Float64Array(N * H * W * 4);
  for (let p = 0; p < N * H * W; p++) {
    for (let c = 0; c < 3; c++) {
      const value = pixels[3 * p + (reverse ? 2 - c : c)]!;
      y[4 * p + c] = (value - mean[c]!) * scale[c]!;
    }
  }
  return y;
}
