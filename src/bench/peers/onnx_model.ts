// VGG16, or a part of it, as an ONNX model: what ONNX Runtime is given to run.
//
// Feature maps are NCHW inside, as in every exported VGG16; maps that leave it are turned to NHWC by its last node, so
// that nothing is left to be done to a result.

import { BLOCKS } from '../../architecture.js';
import { UsageError } from '../../errors.js';
import { modelBytes, type NodeToWrite, tensorInPieces } from '../../node/weights/onnx_messages.js';
import type { Scope } from '../engine.js';
import { checkNetwork, featureSideOf, type PeerNetwork } from './tfjs_weights.js';

/** What the model's input and output are called. */
export const INPUT = 'x';
export const OUTPUT = 'y';

/** (C,H,W) of what the model reads. */
export type InputShape = readonly [C: number, H: number, W: number];

/** @throws UsageError where `network` has no such part, or where its dense layers read maps of another size */
export function inputShape(network: PeerNetwork, scope: Scope, side: number): InputShape {
  checkNetwork(network);
  if (scope !== 'convs') checkDense(network, scope === 'dense' ? side : Math.floor(side / 32));
  return [scope === 'dense' ? network.convs.at(-1)!.O : 3, side, side];
}

function checkDense(network: PeerNetwork, side: number): void {
  if (network.dense.length === 0) throw new UsageError('this network has no dense layers');
  const wanted = featureSideOf(network);
  if (side === wanted) return;
  throw new UsageError(
    `fc1 reads ${wanted}x${wanted} features, and an input of this size gives ${side}x${side}`,
  );
}

/**
 * A part of `network` as the bytes of a model, for any batch of pictures or feature maps of `side` px.
 * @throws UsageError as `inputShape`
 */
export function onnxModel(network: PeerNetwork, scope: Scope, side: number): Uint8Array {
  const input = inputShape(network, scope, side);
  const graph = new Graph();
  if (scope !== 'dense') addConvs(graph, network);
  if (scope === 'convs') graph.add('Transpose', [], { perm: [0, 2, 3, 1] });
  else addDense(graph, network);

  const features = Math.floor(side / 32);
  const output =
    scope === 'convs' ? [features, features, network.convs.at(-1)!.O] : [network.dense.at(-1)!.outputs];
  return modelBytes({
    name: `vgg16-${scope}`,
    nodes: graph.nodes(),
    tensors: graph.tensors,
    input: { name: INPUT, shape: ['batch', ...input] },
    output: { name: OUTPUT, shape: ['batch', ...output] },
  });
}

/** Operations one behind the other, each on the result of that before it. */
class Graph {
  readonly tensors: Uint8Array[][] = [];
  readonly #nodes: NodeToWrite[] = [];

  add(op: string, weights: readonly string[], attributes: NonNullable<NodeToWrite['attributes']> = {}): void {
    const inputs = [this.#nodes.at(-1)?.output ?? INPUT, ...weights];
    this.#nodes.push({ op, inputs, output: `${op}_${this.#nodes.length}`, attributes });
  }

  /** A layer's weights; gives their names. */
  weights(layer: string, dims: readonly number[], kernel: Float32Array, bias: Float32Array): string[] {
    const names = [`${layer}.kernel`, `${layer}.bias`] as const;
    this.tensors.push(tensorInPieces(names[0], dims, kernel), tensorInPieces(names[1], [bias.length], bias));
    return [...names];
  }

  nodes(): NodeToWrite[] {
    return this.#nodes.map((node, i) => (i === this.#nodes.length - 1 ? { ...node, output: OUTPUT } : node));
  }
}

function addConvs(graph: Graph, network: PeerNetwork): void {
  for (const layers of BLOCKS) {
    for (const { name: layer } of layers) {
      const { kernel, bias, O, C } = network.convs.find((conv) => conv.layer === layer)!;
      const weights = graph.weights(layer, [O, C, 3, 3], kernel, bias);
      graph.add('Conv', weights, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
      graph.add('Relu', []);
    }
    graph.add('MaxPool', [], { kernel_shape: [2, 2], strides: [2, 2] });
  }
}

function addDense(graph: Graph, { dense }: PeerNetwork): void {
  graph.add('Flatten', []);
  for (const { layer, kernel, bias, outputs, inputs } of dense) {
    graph.add('Gemm', graph.weights(layer, [outputs, inputs], kernel, bias), { transB: 1 });
    if (layer !== 'fc3') graph.add('Relu', []);
  }
  graph.add('Softmax', []);
}
