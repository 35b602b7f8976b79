// How many pictures go through the network at a time, and which together.

import { UsageError } from '../errors.js';
import { type BufferLimits, bindable } from '../gpu/limits.js';
import type { Picture } from '../image/picture.js';
import type { ReadPicture } from '../image/read.js';
import { padToQuad } from '../kernels/shapes.js';
import type { PlannedLayer } from '../network/layers.js';

/** More than this gains nothing: every layer fills the GPU long before. */
export const MAX_BATCH = 64;

/** @throws UsageError when `value` is no whole number of at least 1. */
export function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new UsageError(`${name} is ${value}; it must be a whole number of at least 1`);
  }
}

/** A batch that leaves no short last one: 9 pictures in batches of at most 8 become 5 and 4. */
export function evenBatch(pictures: number, most: number): number {
  checkCount('batch', most);
  const batches = Math.ceil(pictures / Math.min(most, MAX_BATCH));
  return Math.ceil(pictures / Math.max(1, batches)) || 1;
}

/** Bytes of the largest activation of one picture, its padding and the input included. */
export function largestActivation(layers: readonly PlannedLayer[], height: number, width: number): number {
  const sizes = layers.map(({ shape }) =>
    shape.slice(0, -1).reduce((n, side) => n * side, padToQuad(shape.at(-1)!)),
  );
  return 4 * Math.max(height * width * 4, ...sizes);
}

/** How many pictures' activations the adapter can bind at once; at least 1, which may then fail with a clear error. */
export function largestBatch(
  limits: BufferLimits,
  layers: readonly PlannedLayer[],
  height: number,
  width: number,
): number {
  return Math.max(1, Math.floor(bindable(limits) / largestActivation(layers, height, width)));
}

/** Runs of pictures of one size, in order. */
export function sameSized(pictures: readonly ReadPicture[]): ReadPicture[][] {
  const runs: ReadPicture[][] = [];
  for (const read of pictures) {
    const { height, width } = read.picture;
    const last = runs.at(-1)?.[0]?.picture;
    if (last && last.height === height && last.width === width) runs.at(-1)!.push(read);
    else runs.push([read]);
  }
  return runs;
}

/** The pixels of pictures of one size, one after another. */
export function concatenated(pictures: readonly Picture[]): Uint8Array {
  const length = pictures[0]!.data.length;
  const pixels = new Uint8Array(length * pictures.length);
  pictures.forEach(({ data }, i) => {
    pixels.set(data, i * length);
  });
  return pixels;
}
