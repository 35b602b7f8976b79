// A fully connected layer with its bias and ReLU, and dropout behind it.

import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { dropout } from '../../kernels/dropout/dropout.js';
import {
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
} from '../../kernels/linear/backward.js';
import type { LinearChoice } from '../../kernels/linear/candidates.js';
import { linear } from '../../kernels/linear/linear.js';
import { reluBackward } from '../../kernels/relu_backward/relu_backward.js';
import { padToQuad } from '../../kernels/shapes.js';
import type { BackwardArguments, Kept, Operation } from '../operation.js';
import { type LayerParameters, type Parameter, trainedOf } from '../parameters.js';
import { flat } from './input.js';

export interface LinearOptions {
  readonly name: string;
  readonly parameters: LayerParameters;
  readonly relu: boolean;
  /** The rung and its settings; the fastest that is known by default. */
  readonly choice?: LinearChoice | undefined;
}

/** y = relu(x k + b), (N,D) to (N,O). A feature map (N,H,W,C) is read as (N,H*W*C). */
export class Linear implements Operation {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly keeps: readonly Kept[];
  readonly rectified: boolean;

  constructor(private readonly options: LinearOptions) {
    const { name, parameters, relu } = options;
    this.name = name;
    this.parameters = trainedOf(parameters);
    this.rectified = relu;
    this.keeps = relu ? ['input', 'output'] : ['input'];
  }

  outputShape([N]: readonly number[]): number[] {
    return [N!, padToQuad(this.options.parameters.bias.shape[0]!)];
  }

  forward(recorder: Recorder, x: Tensor, y: Tensor): void {
    const { name: label, parameters, relu, choice } = this.options;
    const { kernel, bias } = parameters;
    linear(recorder, {
      ...{ label, x: flat(x), pieces: kernel.value.pieces, b: bias.value.whole, y, relu },
      ...choice,
    });
  }

  backward(recorder: Recorder, { x, y, dy, dx, isMasked, accumulate }: BackwardArguments): void {
    const { name: label, parameters, relu } = this.options;
    const { kernel, bias } = parameters;
    if (relu && !isMasked) reluBackward(recorder, { label, y: y!, dy });
    if (kernel.gradient) {
      linearBackwardKernel(recorder, { label, x: flat(x!), dy, pieces: kernel.gradient.pieces, accumulate });
      linearBackwardBias(recorder, { label, dy, db: bias.gradient!.whole, accumulate });
    }
    if (dx) linearBackwardInput(recorder, { label, dy, pieces: kernel.value.pieces, dx: flat(dx) });
  }
}

export interface DropoutOptions {
  readonly name: string;
  /** The words of kernels/control.ts. */
  readonly control: Tensor;
  /** The share that is left out, 0 to less than 1. */
  readonly rate: number;
  /** Another whole number, another mask. */
  readonly layer: number;
  /** The place of x's first row in the batch that it is a part of; 0 by default. */
  readonly firstRow?: number;
}

/** Leaves out a random share of x (N,O), and the same share of its gradient; only while training. */
export class Dropout implements Operation {
  readonly name: string;
  readonly inPlace = true;
  readonly trainingOnly = true;
  readonly keeps = [] as const;

  constructor(private readonly options: DropoutOptions) {
    this.name = options.name;
  }

  outputShape(inputShape: readonly number[]): readonly number[] {
    return inputShape;
  }

  forward(recorder: Recorder, x: Tensor): void {
    const { name: label, control, rate, layer, firstRow } = this.options;
    dropout(recorder, { label, x, control, rate, layer, firstRow });
  }

  backward(recorder: Recorder, { dy }: BackwardArguments): void {
    this.forward(recorder, dy);
  }
}
