// A VGG16 with random weights in the host's memory: given to every engine alike, so that a benchmark needs no file.

import { BLOCKS, CONVS, torchvisionDense } from '../architecture.js';
import { writeSafetensors } from '../node/weights/safetensors.js';
import { type Random, seededRandom } from '../random.js';
import { BYTES_PER_ELEMENT, entryToRead, type TensorEntry, type WeightsSource } from '../weights/source.js';
import type { PeerConv, PeerDense, PeerNetwork } from './peers/tfjs_weights.js';

export interface NetworkSizes {
  /** Output channels of the convolutions of block 1 to 5. */
  readonly widths: readonly number[];
  /** Outputs of fc1 and fc2, and of fc3. */
  readonly hidden: number;
  readonly classes: number;
  /** Side of the feature map that fc1 reads. */
  readonly featureSide: number;
}

/** The paper's: 138,357,544 parameters, 553 MB. */
export const PAPER_SIZES: NetworkSizes = {
  widths: BLOCKS.map(([first]) => first!.channels),
  hidden: 4096,
  classes: 1000,
  featureSide: 7,
};

/**
 * Kernels are normal with He's deviation sqrt(2 / fan-in), so that activations keep their size through all layers; biases
 * are normal with deviation 0.1, so that a forgotten one shows.
 *
 * @param top  whether there are dense layers
 */
export function randomNetwork(
  sizes: NetworkSizes,
  { seed, top }: { seed: number; top: boolean },
): PeerNetwork {
  const random = seededRandom(seed);
  let C = 3;
  const convs = CONVS.map(({ name: layer, block }): PeerConv => {
    const O = sizes.widths[block - 1]!;
    const kernel = normals(random, O * C * 9, Math.sqrt(2 / (9 * C)));
    const conv = { layer, kernel, bias: normals(random, O, 0.1), O, C };
    C = O;
    return conv;
  });
  if (!top) return { convs, dense: [] };
  const { hidden, classes, featureSide } = sizes;
  let inputs = C * featureSide ** 2;
  const dense = [hidden, hidden, classes].map((outputs, i): PeerDense => {
    const kernel = normals(random, outputs * inputs, Math.sqrt(2 / inputs));
    const layer = { layer: `fc${i + 1}`, kernel, bias: normals(random, outputs, 0.1), outputs, inputs };
    inputs = outputs;
    return layer;
  });
  return { convs, dense, featureSide };
}

export function normals(random: Random, length: number, deviation: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = random.normal() * deviation;
  return values;
}

/** Writes it as torchvision would. @throws OutputError where there is no room */
export async function writeNetwork(path: string, network: PeerNetwork): Promise<void> {
  const source = sourceOf(network);
  const tensors = [...source.tensors.values()].map(({ name, dtype, shape, byteLength }) => {
    async function* data() {
      const bytes = new Uint8Array(byteLength);
      await source.read(name, 0, bytes);
      yield bytes;
    }
    return { name, dtype, shape, data: data() };
  });
  await writeSafetensors(path, tensors);
}

/** The network as a file of torchvision's would be read. */
export function sourceOf({ convs, dense }: PeerNetwork): WeightsSource {
  const values = new Map<string, Float32Array>();
  const tensors = new Map<string, TensorEntry>();
  const add = (name: string, data: Float32Array, shape: readonly number[]) => {
    values.set(name, data);
    tensors.set(name, { name, dtype: 'F32', shape, byteLength: BYTES_PER_ELEMENT.F32 * data.length });
  };
  const names = new Map<string, string>(CONVS.map(({ name, torchvision }) => [name, torchvision]));
  for (const { layer, kernel, bias, O, C } of convs) {
    add(`${names.get(layer)}.weight`, kernel, [O, C, 3, 3]);
    add(`${names.get(layer)}.bias`, bias, [O]);
  }
  for (const [i, { kernel, bias, outputs, inputs }] of dense.entries()) {
    add(`${torchvisionDense(i)}.weight`, kernel, [outputs, inputs]);
    add(`${torchvisionDense(i)}.bias`, bias, [outputs]);
  }
  const path = 'random weights';
  return {
    path,
    tensors,
    metadata: {},
    async read(name, start, target) {
      entryToRead({ path, tensors }, name, start, target.length);
      const { buffer, byteOffset } = values.get(name)!;
      target.set(new Uint8Array(buffer, byteOffset + start, target.length));
    },
    async close() {},
  };
}
