// Tells whether two bases are the same numbers, whatever their files' formats: a head fits the base that it was trained
// on, and features that were computed once are good for it.

import { CONVS } from '../architecture.js';
import { UsageError } from '../errors.js';
import { type Hash, Sha256, toHex } from '../sha256.js';
import { readChunks } from './chunks.js';
import { decodeFloats } from './floats.js';
import { formatShape, quote } from './text.js';
import { type NamedTensor, torchvisionTensors } from './torchvision.js';
import type { Vgg16Weights } from './vgg16.js';

/**
 * SHA-256, lower-case hex, of the convolutions from the first one to those that a layer stands on: of each kernel and
 * bias in torchvision's order, the name, the shape, and the numbers as little-endian F32, (O,I,3,3) row-major.
 *
 * @param until  a convolution or pooling layer
 * @param hash   an empty SHA-256, where there is a faster one than the core's
 * @throws WeightsError where the file ends early; UsageError for any other layer, and for one that these weights do not have
 */
export async function fingerprintOf(
  weights: Vgg16Weights,
  until: string,
  hash: Hash = new Sha256(),
): Promise<string> {
  const text = new TextEncoder();
  for (const { name, shape, entry } of convsUntil(weights, until)) {
    hash.update(text.encode(`${name} ${formatShape(shape)}\n`));
    for await (const bytes of readChunks(weights.source, entry)) {
      hash.update(entry.dtype === 'F32' ? bytes : new Uint8Array(decodeFloats(bytes, entry.dtype).buffer));
    }
  }
  return toHex(hash.digest());
}

function convsUntil(weights: Vgg16Weights, until: string): NamedTensor[] {
  const count = convCount(until);
  if (count > weights.convs.length) {
    throw new UsageError(
      `${weights.source.path} has no layer ${quote(until)}: it ends with ${weights.features}`,
    );
  }
  return torchvisionTensors({ ...weights, convs: weights.convs.slice(0, count), dense: [] });
}

/** How many convolutions there are up to a layer of the base. */
function convCount(until: string): number {
  const block = /^(block[1-5])_pool$/.exec(until)?.[1];
  const last = CONVS.findLastIndex(({ name }) => name === until || (block && name.startsWith(block)));
  if (last < 0) throw new UsageError(`${quote(until)} is no layer of the base`);
  return last + 1;
}
