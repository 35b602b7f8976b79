// A convolution of 3x3 with its bias and ReLU, and the pooling behind it where one pass does both.

import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import type { Conv3x3Choice } from '../../kernels/conv3x3/candidates.js';
import { conv3x3 } from '../../kernels/conv3x3/conv3x3.js';
import { isWinograd, pointsOf, type WinogradRung } from '../../kernels/conv3x3/rungs.js';
import { winogradFilter } from '../../kernels/conv3x3/winograd.js';
import { padToQuad } from '../../kernels/shapes.js';
import type { Operation } from '../operation.js';
import type { LayerParameters, Parameter } from '../parameters.js';
import { MaxPool2x2 } from './pooling.js';

export interface Conv3x3Options {
  readonly name: string;
  readonly parameters: LayerParameters;
  readonly choice: Conv3x3Choice;
  readonly relu: boolean;
  /** The pooling layer that is computed as well; only by Winograd's rungs. */
  readonly pooledAs?: string;
}

/** y = relu(conv(x, k) + b), (N,H,W,C) to (N,H,W,O). */
export class Conv3x3 implements Operation {
  readonly name: string;
  /** Backward passes of convolutions will read both: x for dk, y for ReLU's mask. */
  readonly keeps = ['input', 'output'] as const;
  /** The kernel as the rung reads it. */
  #k: Tensor | undefined;

  constructor(private readonly options: Conv3x3Options) {
    this.name = options.pooledAs ?? options.name;
  }

  outputShape([N, H, W]: readonly number[]): number[] {
    const { parameters, pooledAs } = this.options;
    const O = padToQuad(parameters.bias.shape[0]!);
    return pooledAs ? [N!, Math.floor(H! / 2), Math.floor(W! / 2), O] : [N!, H!, W!, O];
  }

  async ready(): Promise<void> {
    const { parameters, choice } = this.options;
    const { rung } = choice;
    this.#k = isWinograd(rung) ? await transformed(parameters.kernel, rung) : parameters.kernel.value.whole;
  }

  forward(recorder: Recorder, x: Tensor, y: Tensor): void {
    const { name: label, parameters, choice, relu, pooledAs } = this.options;
    const b = parameters.bias.value.whole;
    conv3x3(recorder, { label, x, k: this.#k!, b, y, relu, pool: pooledAs !== undefined, ...choice });
  }

  fuse(next: Operation): Operation | undefined {
    const { choice, pooledAs } = this.options;
    if (pooledAs || !(next instanceof MaxPool2x2) || !isWinograd(choice.rung)) return undefined;
    return new Conv3x3({ ...this.options, pooledAs: next.name });
  }
}

/** The kernel as Winograd's rungs read it. */
function transformed(kernel: Parameter, rung: WinogradRung): Promise<Tensor> {
  const points = pointsOf(rung);
  const k = kernel.value.whole;
  return kernel.derived({
    name: `transformed at ${points} points`,
    shape: [points, ...k.shape.slice(2)],
    record: (recorder, u) => winogradFilter(recorder, { label: kernel.name, k, u, rung }),
  });
}
