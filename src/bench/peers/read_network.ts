// A weights file as the host arrays that peers are made from.

import { readFloats } from '../../weights/floats.js';
import type { Vgg16Weights } from '../../weights/vgg16.js';
import type { PeerNetwork } from './tfjs.js';

/** All of it at once: 553 MB for a whole VGG16. */
export async function readPeerNetwork({
  source,
  convs,
  dense,
  featureSide,
}: Vgg16Weights): Promise<PeerNetwork> {
  const read = async ({ kernel, bias }: { kernel: { name: string }; bias: { name: string } }) => ({
    kernel: await readFloats(source, kernel.name),
    bias: await readFloats(source, bias.name),
  });
  const network: PeerNetwork = { convs: [], dense: [], ...(featureSide !== undefined && { featureSide }) };
  for (const conv of convs) {
    const { layer, inputChannels: C, outputChannels: O } = conv;
    network.convs.push({ layer, C, O, ...(await read(conv)) });
  }
  for (const layer of dense) {
    const { inputs, outputs } = layer;
    network.dense.push({ layer: layer.layer, inputs, outputs, ...(await read(layer)) });
  }
  return network;
}
