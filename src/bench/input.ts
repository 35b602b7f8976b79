// What passes are given: random pictures, as bytes for us and normalised for engines that begin with the first convolution.

import { type Random, seededRandom } from '../random.js';
import { normalise } from '../reference/normalise.js';
import { NORMALISATIONS } from '../weights/preprocess.js';
import type { PassInput, Scope } from './engine.js';

/** Random weights say nothing of their pixels; a file without a word would be taken for torchvision's. */
const PREPROCESS = 'torchvision';

/**
 * The same input for every engine. The first and the last picture of a batch are the same one whatever the batch, so that one
 * reference serves all of them; those between are others, so that one in the place of another shows.
 *
 * @param side      of the pictures in px, or of the feature maps that `dense` begins with
 * @param channels  of those feature maps
 */
export function makeInput(scope: Scope, batch: number, side: number, channels: number): PassInput {
  const each = Array.from({ length: batch }, (_, n) => seededRandom(n === batch - 1 ? 0 : n));
  if (scope === 'dense') {
    const size = side * side * channels;
    const x = new Float32Array(batch * size);
    for (const [n, random] of each.entries()) {
      for (let i = 0; i < size; i++) x[n * size + i] = feature(random);
    }
    return { batch, side, pixels: new Uint8Array(), x };
  }
  const size = side * side * 3;
  const pixels = new Uint8Array(batch * size);
  for (const [n, random] of each.entries()) {
    for (let i = 0; i < size; i++) pixels[n * size + i] = random.below(256);
  }
  const padded = normalise(pixels, { N: batch, H: side, W: side }, NORMALISATIONS[PREPROCESS]);
  const x = new Float32Array(pixels.length);
  for (let i = 0; i < x.length; i++) x[i] = padded[4 * Math.floor(i / 3) + (i % 3)]!;
  return { batch, side, pixels, x };
}

/** As a ReLU and a max pool leave it: never negative, seldom zero. */
function feature(random: Random): number {
  return Math.max(0, random.normal(), random.normal());
}
