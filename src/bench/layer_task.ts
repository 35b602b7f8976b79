// One layer of VGG16 to be computed alone: input, weights, and what must come out.

import type { LayerName, OperationKind } from '../architecture.js';
import { PAPER_WIDTHS, type PlannedLayer, planLayers } from '../network/layers.js';
import { type Random, seededRandom } from '../random.js';
import { nmse } from '../reference/compare.js';
import { linear } from '../reference/linear.js';
import { maxPool2x2 } from '../reference/maxpool2x2.js';
import { softmax } from '../reference/softmax.js';
import { outputsLast, type PeerNetwork } from './peers/tfjs_weights.js';

export interface LayerTask {
  readonly layer: PlannedLayer;
  readonly name: LayerName;
  readonly operation: OperationKind;
  readonly batch: number;
  /** (H,W,C), or (D) behind the feature map: of one picture, without padding. */
  readonly inputShape: readonly number[];
  readonly shape: readonly number[];
  readonly relu: boolean;
  /** Floating point operations of the batch. */
  readonly flops: number;
  /** Of input, weights and output, each moved once. */
  readonly bytes: number;
  /** (batch, ...inputShape) */
  readonly x: Float32Array<ArrayBuffer>;
  /** (3,3,C,O), or (D,O) in the order in which x has D; empty without weights. */
  readonly k: Float32Array;
  readonly b: Float32Array;
  /** The NMSE against float64 of y (batch, ...shape), at some places of it; NaN if any number of y is. */
  errorOf(y: Float32Array): number;
}

/** The layers for pictures of `side` px. @throws UsageError for a size that VGG16 does not take */
export function plannedLayers(side: number): PlannedLayer[] {
  const widths = { ...PAPER_WIDTHS, featureSide: Math.floor(side / 32), size: side };
  return planLayers(widths, side, side, 'softmax');
}

/**
 * @param network  of which the layer's weights are taken
 * @param pixels   of a convolution's output, at which it is held against float64, with all channels; besides its corners
 */
export function layerTask(
  layer: PlannedLayer,
  network: PeerNetwork,
  batch: number,
  pixels = PIXELS_CHECKED,
): LayerTask {
  const { name, operation, inputShape, shape, relu, flops } = layer;
  const random = seededRandom(sizeOf(inputShape) + batch);
  const x = new Float32Array(batch * sizeOf(inputShape));
  for (let i = 0; i < x.length; i++) x[i] = Math.max(0, random.normal());
  const { k, b } = weightsOf(network, name, inputShape);
  const values = x.length + batch * sizeOf(shape) + k.length + b.length;
  const task = { layer, name, operation, batch, inputShape, shape, relu, x, k, b };
  let expected: Expected | undefined;
  return {
    ...task,
    flops: batch * flops,
    bytes: 4 * values,
    errorOf(y) {
      if (y.length !== batch * sizeOf(shape) || y.some(Number.isNaN)) return Number.NaN;
      expected ??= expectedOf(task, random, pixels);
      return nmse(expected.pick(y), expected.values);
    },
  };
}

const PIXELS_CHECKED = 64;

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

function weightsOf({ convs, dense }: PeerNetwork, name: string, inputShape: readonly number[]) {
  const conv = convs.find(({ layer }) => layer === name);
  if (conv) return { k: outputsLast(conv.kernel, conv.O, conv.C, 9), b: conv.bias };
  const fc = dense.find(({ layer }) => layer === name);
  if (!fc) return { k: new Float32Array(), b: new Float32Array() };
  const S = inputShape.length === 3 ? inputShape[0]! * inputShape[1]! : 1;
  return { k: outputsLast(fc.kernel, fc.outputs, fc.inputs / S, S), b: fc.bias };
}

/** What float64 has at some places of y, and how these places are taken from y. */
interface Expected {
  readonly values: Float64Array;
  pick(y: Float32Array): Float32Array;
}

type Computation = Pick<LayerTask, 'operation' | 'batch' | 'inputShape' | 'shape' | 'relu' | 'x' | 'k' | 'b'>;

function expectedOf(task: Computation, random: Random, pixels: number): Expected {
  const { operation, batch, inputShape, shape, relu, x, k, b } = task;
  switch (operation) {
    case 'conv3x3':
      return expectedPixels(task, random, pixels);
    case 'linear': {
      // The last picture: those before it would take as long again.
      const [D, O] = [sizeOf(inputShape), shape[0]!];
      const row = x.subarray((batch - 1) * D);
      const values = linear(row, k, b, { N: 1, D, O }, relu);
      return { values, pick: (y) => y.subarray((batch - 1) * O) };
    }
    case 'softmax': {
      const O = shape[0]!;
      return { values: softmax(x, { N: batch, O }, O), pick: (y) => y };
    }
    case 'maxpool2x2': {
      const [H, W, C] = inputShape as [number, number, number];
      return { values: maxPool2x2(x, { N: batch, H, W, C }), pick: (y) => y };
    }
    case 'avgpool':
    case 'maxpool':
      throw new Error('the head of the VGG16 of the paper does not pool');
  }
}

/** A pixel's output is a linear layer of its neighbourhood: corners first, then anywhere. */
function expectedPixels(
  { batch, inputShape, shape, relu, x, k, b }: Computation,
  random: Random,
  count: number,
): Expected {
  const [H, W, C] = inputShape as [number, number, number];
  const O = shape[2]!;
  const last = batch * H * W - 1;
  const corners = [0, W - 1, last - W + 1, last];
  const others = Array.from({ length: count }, () => random.below(last + 1));
  const pixels = [...new Set([...corners, ...others])];
  const patches = new Float32Array(pixels.length * 9 * C);
  for (const [i, pixel] of pixels.entries()) {
    const n = Math.floor(pixel / (H * W));
    const [h, w] = [Math.floor(pixel / W) % H, pixel % W];
    for (let tap = 0; tap < 9; tap++) {
      const [row, column] = [h + Math.floor(tap / 3) - 1, w + (tap % 3) - 1];
      if (row < 0 || row >= H || column < 0 || column >= W) continue;
      const at = ((n * H + row) * W + column) * C;
      patches.set(x.subarray(at, at + C), (i * 9 + tap) * C);
    }
  }
  return {
    values: linear(patches, k, b, { N: pixels.length, D: 9 * C, O }, relu),
    pick(y) {
      const picked = new Float32Array(pixels.length * O);
      for (const [i, pixel] of pixels.entries()) picked.set(y.subarray(pixel * O, (pixel + 1) * O), i * O);
      return picked;
    },
  };
}
