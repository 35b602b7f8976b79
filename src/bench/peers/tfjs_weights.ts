// The weights that a peer is given: what they are, whether they make a VGG16, and TensorFlow.js' order of them.

import { CONVS } from '../../architecture.js';
import { UsageError } from '../../errors.js';

/** A 3x3 convolution: kernel OIHW, bias (O). */
export interface PeerConv {
  layer: string;
  kernel: Float32Array;
  bias: Float32Array;
  O: number;
  C: number;
}

/** A dense layer: kernel (outputs, inputs), bias (outputs). The inputs of fc1 are C,H,W flattened, as in PyTorch. */
export interface PeerDense {
  layer: string;
  kernel: Float32Array;
  bias: Float32Array;
  outputs: number;
  inputs: number;
}

/** All thirteen convolutions; then fc1, fc2 and fc3, or none of them. */
export interface PeerNetwork {
  convs: PeerConv[];
  dense: PeerDense[];
  /** Height and width of what fc1 reads; worked out from fc1 where it is left out (7 for a 224x224 network). */
  featureSide?: number;
  /** Whether kernels are in TensorFlow.js' own order already: (3,3,C,O), and (inputs,outputs) with fc1's inputs as H,W,C. */
  inPeersOrder?: true;
}

const DENSE_LAYERS = ['fc1', 'fc2', 'fc3'];

/**
 * Checks names, order and sizes.
 * @throws UsageError that names the first layer which is wrong
 */
export function checkNetwork({ convs, dense, featureSide }: PeerNetwork): void {
  checkNames(
    'convolutions',
    convs,
    CONVS.map(({ name }) => name),
  );
  if (dense.length > 0) checkNames('dense layers', dense, DENSE_LAYERS);
  let channels = 3;
  for (const { layer, kernel, bias, O, C } of convs) {
    checkCount(layer, 'input channels', C, channels);
    checkCount(layer, 'kernel values', kernel.length, O * C * 9);
    checkCount(layer, 'biases', bias.length, O);
    channels = O;
  }
  const fc1 = dense[0];
  if (!fc1) return;
  const side = featureSide ?? Math.round(Math.sqrt(fc1.inputs / channels));
  let inputs = side * side * channels;
  for (const { layer, kernel, bias, outputs, inputs: stated } of dense) {
    checkCount(layer, 'inputs', stated, inputs);
    checkCount(layer, 'kernel values', kernel.length, outputs * inputs);
    checkCount(layer, 'biases', bias.length, outputs);
    inputs = outputs;
  }
}

/** Height and width of what fc1 reads, in a network that `checkNetwork` accepts and that has an fc1. */
export function featureSideOf({ convs, dense }: PeerNetwork): number {
  return Math.sqrt(dense[0]!.inputs / convs.at(-1)!.O);
}

/** How many outputs are moved together, so that both the reads and the writes stay in whole cache lines. */
const OUTPUTS_AT_ONCE = 32;

/**
 * Moves the outputs from the first place to the last: (O,C,S) to (S,C,O), where S is a kernel's or a picture's
 * positions. That is OIHW to HWIO for S = 9, (out, C,H,W) to (H,W,C, out) for fc1, a plain transpose for S = 1.
 */
export function outputsLast(values: Float32Array, O: number, C: number, S: number): Float32Array {
  const moved = new Float32Array(values.length);
  for (let first = 0; first < O; first += OUTPUTS_AT_ONCE) {
    const end = Math.min(first + OUTPUTS_AT_ONCE, O);
    for (let c = 0; c < C; c++) {
      for (let s = 0; s < S; s++) {
        const to = (s * C + c) * O;
        const from = c * S + s;
        for (let o = first; o < end; o++) moved[to + o] = values[o * C * S + from]!;
      }
    }
  }
  return moved;
}

function checkNames(what: string, given: readonly { layer: string }[], wanted: readonly string[]): void {
  const names = given.map(({ layer }) => layer).join(' ');
  if (names !== wanted.join(' ')) {
    throw new UsageError(`a VGG16 has the ${what} ${wanted.join(' ')}; this network has: ${names || 'none'}`);
  }
}

function checkCount(layer: string, what: string, given: number, wanted: number): void {
  if (given !== wanted)
    throw new UsageError(`${layer} of this network has ${given} ${what} where it needs ${wanted}`);
}
