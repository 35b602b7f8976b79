// A network's weights in a file in TensorFlow.js' own order, so that a start of it from disk need not turn them around first.

import { openSafetensors, writeSafetensors } from '../../node/weights/safetensors.js';
import { encodeFloats, readFloats } from '../../weights/floats.js';
import type { TensorToWrite } from '../../weights/safetensors.js';
import { featureSideOf, outputsLast, type PeerNetwork } from './tfjs_weights.js';

/** @throws OutputError where the file cannot be written */
export async function writeTfjsFile(path: string, network: PeerNetwork): Promise<void> {
  const side = network.dense.length > 0 ? featureSideOf(network) : 1;
  const kernels = [
    ...network.convs.map(({ layer, kernel, O, C }) => ({ layer, kernel, shape: [9, C, O] })),
    ...network.dense.map(({ layer, kernel, inputs, outputs }) => {
      const S = layer === 'fc1' ? side ** 2 : 1;
      return { layer, kernel, shape: [S, inputs / S, outputs] };
    }),
  ];
  const biases = [...network.convs, ...network.dense];
  await writeSafetensors(path, [
    ...kernels.map(({ layer, kernel, shape }) => {
      const [S, C, O] = shape as [number, number, number];
      return tensor(`${layer}.kernel`, shape, () => outputsLast(kernel, O, C, S));
    }),
    ...biases.map(({ layer, bias }) => tensor(`${layer}.bias`, [bias.length], () => bias)),
  ]);
}

/** What `writeTfjsFile` wrote. @throws WeightsError */
export async function readTfjsFile(path: string): Promise<PeerNetwork> {
  const source = await openSafetensors(path);
  const network: PeerNetwork = { convs: [], dense: [], inPeersOrder: true };
  try {
    for (const [name, { shape }] of source.tensors) {
      const [layer, part] = name.split('.') as [string, string];
      if (part !== 'kernel') continue;
      const [S, C, O] = shape as [number, number, number];
      const kernel = await readFloats(source, name);
      const bias = await readFloats(source, `${layer}.bias`);
      if (layer.startsWith('fc')) network.dense.push({ layer, kernel, bias, inputs: S * C, outputs: O });
      else network.convs.push({ layer, kernel, bias, C, O });
    }
    return network;
  } finally {
    await source.close();
  }
}

function tensor(name: string, shape: readonly number[], values: () => Float32Array): TensorToWrite {
  // Turned around only when it is written, so that one copy at a time is held.
  function* data() {
    yield encodeFloats(values(), 'F32');
  }
  return { name, dtype: 'F32', shape, data: data() };
}
