// The triangle filter of an antialiased bilinear resize, as fixed-point weights.
//
// Every output sample is a weighted mean of the input samples under a triangle that is centred on it. When
// the picture grows, the triangle reaches one input sample to either side, which is bilinear interpolation.
// When it shrinks by a factor s, the triangle is stretched to s samples, so that no input sample is missed:
// that is the antialiasing. It is what Pillow's Image.resize(BILINEAR) does, and the choices below that look
// arbitrary (where the window is cut, the order of operations, 22 bits, how halves are rounded) are Pillow's,
// because only with all of them the same do results agree bit for bit.

/**
 * Fraction bits of a weight. 32 bits hold 8 bits of sample, 22 of fraction and 2 to spare, so that a sum of
 * weighted samples cannot overflow an int32.
 */
export const FRACTION_BITS = 32 - 8 - 2;

/** What each of `n` output samples adds up: `count[i]` input samples from `first[i]` on. */
export interface Taps {
  /** (n) index of the first input sample. */
  readonly first: Int32Array;
  /** (n) how many input samples. */
  readonly count: Int32Array;
  /** (n, stride) weights times 2^FRACTION_BITS; those of output i start at i * stride and add up to about 1. */
  readonly weights: Int32Array;
  readonly stride: number;
}

/**
 * The taps that resize `inputLength` samples to `outputLength`, for the outputs `from` .. `from + n - 1` only.
 * Source: P. Heckbert, "Filtered image rescaling" in Graphics Gems III, 1992; the rounding is Pillow's.
 */
export function triangleTaps(inputLength: number, outputLength: number, from: number, n: number): Taps {
  const scale = inputLength / outputLength;
  const reach = Math.max(scale, 1); // half the triangle's base, in input samples
  const perSample = 1 / reach;
  const stride = Math.min(Math.ceil(reach) * 2 + 1, inputLength);
  const taps: Taps = {
    first: new Int32Array(n),
    count: new Int32Array(n),
    weights: new Int32Array(n * stride),
    stride,
  };
  const heights = new Float64Array(stride);
  for (let i = 0; i < n; i++) {
    const centre = (from + i + 0.5) * scale; // input sample j covers j .. j + 1, its middle is j + 0.5
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const count = Math.min(Math.trunc(centre + reach + 0.5), inputLength) - first;
    let sum = 0;
    for (let t = 0; t < count; t++) {
      const distance = Math.abs((first + t - centre + 0.5) * perSample);
      const height = distance < 1 ? 1 - distance : 0;
      heights[t] = height;
      sum += height;
    }
    taps.first[i] = first;
    taps.count[i] = count;
    for (let t = 0; t < count; t++) {
      taps.weights[i * stride + t] = Math.trunc((heights[t]! / sum) * 2 ** FRACTION_BITS + 0.5);
    }
  }
  return taps;
}
