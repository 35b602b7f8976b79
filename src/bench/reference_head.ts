// A head of two dense layers, trained in float64: what engines are held against before they are timed.

import { linear } from '../reference/linear.js';
import {
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
} from '../reference/linear_backward.js';
import { reluBackward } from '../reference/relu_backward.js';
import { sgd } from '../reference/sgd.js';
import { softmaxCrossEntropy } from '../reference/softmax_cross_entropy.js';
import type { Batch, HeadLayer, SgdOptions } from './peers/tfjs_training.js';

/** A layer's parameters with their momentum. */
interface Layer {
  readonly D: number;
  readonly O: number;
  readonly k: Float64Array;
  readonly b: Float64Array;
  readonly momentum: { readonly k: Float64Array; readonly b: Float64Array };
}

/** SGD with momentum on the mean softmax cross-entropy, ReLU behind all layers but the last. */
export class ReferenceHead {
  readonly #layers: readonly Layer[];

  constructor(
    layers: readonly HeadLayer[],
    private readonly options: SgdOptions,
  ) {
    this.#layers = layers.map(({ kernel, bias, inputs, outputs }) => ({
      D: inputs,
      O: outputs,
      k: Float64Array.from(kernel),
      b: Float64Array.from(bias),
      momentum: { k: new Float64Array(kernel.length), b: new Float64Array(bias.length) },
    }));
  }

  /** One step. @returns the batch's mean loss before it */
  step({ x, labels }: Batch): number {
    const N = labels.length;
    const layers = this.#layers;
    const read: ArrayLike<number>[] = [x];
    for (const [i, { k, b, D, O }] of layers.entries()) {
      read.push(linear(read[i]!, k, b, { N, D, O }, i < layers.length - 1));
    }
    const classes = layers.at(-1)!.O;
    const equal = new Float64Array(classes).fill(1);
    const { loss, dx } = softmaxCrossEntropy(read.at(-1)!, labels, equal, { N, O: classes }, classes, 0);
    let dy = dx;
    for (const [i, layer] of [...layers.entries()].reverse()) {
      const sizes = { N, D: layer.D, O: layer.O };
      const dk = linearBackwardKernel(read[i]!, dy, sizes);
      const db = linearBackwardBias(dy, sizes);
      // Before the update: the gradient is taken at the weights that the forward pass had.
      if (i > 0) dy = reluBackward(read[i]!, linearBackwardInput(dy, layer.k, sizes));
      const { lr, momentum } = this.options;
      const hyper = { momentum, nesterov: false, weightDecay: 0 };
      sgd(layer.k, dk, layer.momentum.k, lr, hyper);
      sgd(layer.b, db, layer.momentum.b, lr, hyper);
    }
    return loss;
  }
}
