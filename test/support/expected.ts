// What VGG16s of files give for pictures, by the float64 network, and whether ours give the same.

import { expect } from 'vitest';
import type { LayerName } from '../../src/architecture.js';
import { readPeerNetwork } from '../../src/bench/peers/read_network.js';
import type { Picture } from '../../src/image/picture.js';
import type { VGG16 } from '../../src/model/vgg16.js';
import { type OpenOptions, openWeights } from '../../src/node/weights/open.js';
import { seededRandom } from '../../src/random.js';
import { nmse } from '../../src/reference/compare.js';
import { normalise } from '../../src/reference/normalise.js';
import { arithmeticOf } from '../../src/weights/preprocess.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { reference } from './float64_vgg16.js';

/** Float32 against float64 through 16 layers; a wrong channel or tap gives about 1. */
export const MAX_NMSE = 1e-11;

/** A picture of random bytes. */
export function noise(width: number, height: number, seed: number): Picture {
  const random = seededRandom(seed);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.below(256)) };
}

/** The float64 network on the same file and pictures: every layer's results. */
export async function expected(
  path: string,
  pictures: readonly Picture[],
  options: OpenOptions = {},
): Promise<Map<string, Float64Array>> {
  const source = await openWeights(path, options);
  const weights = describeVgg16(source);
  const network = await readPeerNetwork(weights);
  await source.close();
  const { width: W, height: H } = pictures[0]!;
  const x = pictures.flatMap(({ data }) => {
    const padded = normalise(data, { N: 1, H, W }, arithmeticOf(weights.preprocess));
    return Array.from(padded).filter((_, i) => i % 4 !== 3);
  });
  return reference(network, Float32Array.from(x), [pictures.length, H, W], weights.pool, weights.features);
}

/** Fails at the first of these layers that is off. */
export async function expectSame(
  model: VGG16,
  path: string,
  pictures: readonly Picture[],
  layers: readonly LayerName[],
): Promise<void> {
  const actual = await model.forward(pictures, layers);
  const wanted = await expected(path, pictures);
  expect([...actual.keys()]).toEqual(layers);
  for (const layer of layers) {
    expect(nmse(actual.get(layer)!, wanted.get(layer)!), layer).toBeLessThanOrEqual(MAX_NMSE);
  }
}
