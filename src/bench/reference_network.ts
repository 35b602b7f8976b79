// The whole network in float64: what every engine's results are held against.

import { BLOCKS } from '../architecture.js';
import { conv3x3 } from '../reference/conv3x3.js';
import { linear } from '../reference/linear.js';
import { maxPool2x2 } from '../reference/maxpool2x2.js';
import { softmax } from '../reference/softmax.js';
import type { PassInput, Scope } from './engine.js';
import { outputsLast, type PeerNetwork } from './peers/tfjs_weights.js';

/** What `scope` makes of the last picture, or feature map, of the input. */
export function referencePass(
  network: PeerNetwork,
  scope: Scope,
  { batch, side, x }: PassInput,
): Float64Array {
  const last = Float64Array.from(x.subarray(((batch - 1) * x.length) / batch));
  if (scope === 'dense') return classify(network, last, side);
  const features = convolve(network, last, side);
  return scope === 'convs' ? features : classify(network, features, Math.floor(side / 2 ** BLOCKS.length));
}

function convolve({ convs }: PeerNetwork, x: Float64Array, side: number): Float64Array {
  let y = x;
  let S = side;
  for (const block of BLOCKS) {
    for (const { name } of block) {
      const { kernel, bias, O, C } = convs.find(({ layer }) => layer === name)!;
      const k = Float64Array.from(outputsLast(kernel, O, C, 9));
      y = conv3x3(y, k, bias, { N: 1, H: S, W: S, C, O }, true);
    }
    y = maxPool2x2(y, { N: 1, H: S, W: S, C: convs.find(({ layer }) => layer === block[0]!.name)!.O });
    S = Math.floor(S / 2);
  }
  return y;
}

function classify({ dense }: PeerNetwork, x: Float64Array, side: number): Float64Array {
  let y = x;
  for (const { layer, kernel, bias, inputs: D, outputs: O } of dense) {
    const S = layer === 'fc1' ? side ** 2 : 1;
    y = linear(y, outputsLast(kernel, O, D / S, S), bias, { N: 1, D, O }, layer !== 'fc3');
  }
  return softmax(y, { N: 1, O: y.length }, y.length);
}
