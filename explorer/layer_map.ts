// What a layer makes of an image, as numbers.

/** A layer's result for one image: (H,W,C), or (D) from the head on. */
export interface LayerMap {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Channels by their mean over the map, the largest first. */
export function strongestChannels({ data, shape }: LayerMap): { channel: number; mean: number }[] {
  const channels = shape.at(-1)!;
  const sums = new Float64Array(channels);
  for (let i = 0; i < data.length; i++) sums[i % channels]! += data[i]!;
  const pixels = data.length / channels;
  return [...sums]
    .map((sum, channel) => ({ channel, mean: sum / pixels }))
    .sort((a, b) => b.mean - a.mean || a.channel - b.channel);
}

/** The mean of each channel of a map (H,W,C). */
export function averagesOf(map: LayerMap): Float32Array {
  const averages = new Float32Array(map.shape.at(-1)!);
  for (const { channel, mean } of strongestChannels(map)) averages[channel] = mean;
  return averages;
}

/** Cosine of the angle between two rows: 1 for the same direction; 0 where one is all zeros. */
export function similarity(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}
