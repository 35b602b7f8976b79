// The picture that golden networks were shown by the library that wrote them, and what ours make of it.

import type { LayerName } from '../../src/architecture.js';
import type { Gpu } from '../../src/gpu/gpu.js';
import type { Picture } from '../../src/image/picture.js';
import { VGG16 } from '../../src/node/vgg16.js';

/** Two poolings' worth more than the least, so that the last feature map is 2 x 2 and the order of flattening shows. */
const SIDE = 64;

/** (64,64,3), RGB, 8 bits: every `make_golden` script computes the same. */
export function goldenPicture(): Picture {
  const data = new Uint8Array(SIDE * SIDE * 3);
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      for (let c = 0; c < 3; c++) {
        data[(row * SIDE + column) * 3 + c] =
          (row * 7 + column * 13 + c * 29 + ((row * column) % 17) * 5) % 256;
      }
    }
  }
  return { width: SIDE, height: SIDE, data };
}

/** The last dense layer's outputs for the golden picture. */
export async function logitsOf(weights: string, gpu: Gpu): Promise<Float32Array> {
  const model = await VGG16.load({ weights, gpu });
  try {
    const last = [...model.widths.dense.keys()].at(-1) as LayerName;
    return (await model.forward([goldenPicture()], [last])).get(last)!;
  } finally {
    model.dispose();
  }
}

/** The largest difference as a share of the largest number. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = actual.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return difference / largest;
}
