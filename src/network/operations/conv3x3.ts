// A convolution of 3x3 with its bias and ReLU, and the pooling behind it where one pass does both.

import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { type Conv3x3Choice, defaultConv3x3 } from '../../kernels/conv3x3/candidates.js';
import { conv3x3 } from '../../kernels/conv3x3/conv3x3.js';
import { isWinograd, pointsOf, WINOGRAD_RUNGS, type WinogradRung } from '../../kernels/conv3x3/rungs.js';
import { winogradFilter } from '../../kernels/conv3x3/winograd.js';
import {
  type Conv3x3BackwardChoice,
  conv3x3BackwardBias,
  conv3x3BackwardInput,
  conv3x3BackwardKernel,
  rotateKernel,
} from '../../kernels/conv3x3_backward/conv3x3_backward.js';
import { maxPool2x2Backward, positionsShape } from '../../kernels/maxpool2x2/maxpool2x2.js';
import { reluBackward } from '../../kernels/relu_backward/relu_backward.js';
import { padToQuad } from '../../kernels/shapes.js';
import type { BackwardArguments, Operation } from '../operation.js';
import { type LayerParameters, type Parameter, trainedOf } from '../parameters.js';
import { MaxPool2x2 } from './pooling.js';

export interface Conv3x3Options {
  readonly name: string;
  readonly parameters: LayerParameters;
  readonly choice: Conv3x3Choice;
  readonly relu: boolean;
  /** How the gradients by the input and by the kernel are computed; the fastest that are known by default. */
  readonly backward?: { readonly input?: Conv3x3Choice; readonly kernel?: Conv3x3BackwardChoice } | undefined;
  /** The pooling layer that is computed as well; only by Winograd's rungs. */
  readonly pooledAs?: string;
}

/** y = relu(conv(x, k) + b), (N,H,W,C) to (N,H,W,O). */
export class Conv3x3 implements Operation {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** x for dk, y for ReLU's mask; pooled, the map before the pooling is never written. */
  readonly keeps = ['input', 'output'] as const;
  readonly masksInput = true;
  readonly rectified: boolean;
  /** The kernel as the rung reads it. */
  #k: Tensor | undefined;

  constructor(private readonly options: Conv3x3Options) {
    this.name = options.pooledAs ?? options.name;
    this.parameters = trainedOf(options.parameters);
    this.rectified = options.relu;
  }

  outputShape([N, H, W]: readonly number[]): number[] {
    const { parameters, pooledAs } = this.options;
    const O = padToQuad(parameters.bias.shape[0]!);
    return pooledAs ? [N!, Math.floor(H! / 2), Math.floor(W! / 2), O] : [N!, H!, W!, O];
  }

  /** Where the largest of each 2x2 was. */
  recordShape([N, H, W]: readonly number[]): number[] | undefined {
    const { parameters, pooledAs } = this.options;
    return pooledAs ? positionsShape([N!, H!, W!, padToQuad(parameters.bias.shape[0]!)]) : undefined;
  }

  async ready(): Promise<void> {
    const { parameters, choice } = this.options;
    const { rung } = choice;
    this.#k = isWinograd(rung) ? await transformed(parameters.kernel, rung) : parameters.kernel.value.whole;
  }

  forward(recorder: Recorder, x: Tensor, y: Tensor, positions?: Tensor): void {
    const { name: label, parameters, choice, relu, pooledAs } = this.options;
    const b = parameters.bias.value.whole;
    conv3x3(recorder, {
      ...{ label, x, k: this.#k!, b, y, relu, pool: pooledAs !== undefined, positions },
      ...choice,
    });
  }

  backward(recorder: Recorder, args: BackwardArguments): void {
    const { name: label, parameters, backward } = this.options;
    const { kernel, bias } = parameters;
    const { x, dx, maskX, accumulate } = args;
    const dy = this.#beforeReluAndPooling(recorder, args);
    if (kernel.gradient) {
      const dk = kernel.gradient.whole;
      conv3x3BackwardKernel(recorder, { label, x: x!, dy, dk, accumulate, choice: backward?.kernel });
      conv3x3BackwardBias(recorder, { label, dy, db: bias.gradient!.whole, accumulate });
    }
    if (!dx) return;
    const [C, O] = [dx.shape.at(-1)!, dy.shape.at(-1)!];
    const choice = backward?.input ?? defaultConv3x3(recorder.gpu, { C: O, O: C });
    const r = rotated(recorder, kernel, choice);
    conv3x3BackwardInput(recorder, { label, dy, r, mask: maskX ? x : undefined, dx, choice });
  }

  fuse(next: Operation, trained: boolean): Operation | undefined {
    const { choice, pooledAs } = this.options;
    if (pooledAs || !(next instanceof MaxPool2x2) || !isWinograd(choice.rung)) return undefined;
    // Only tiles of 4x4 keep where each largest number was.
    if (trained && WINOGRAD_RUNGS[choice.rung].side !== 4) return undefined;
    return new Conv3x3({ ...this.options, pooledAs: next.name });
  }

  /** The gradient by the convolution alone. */
  #beforeReluAndPooling(recorder: Recorder, args: BackwardArguments): Tensor {
    const { name: label, relu, pooledAs } = this.options;
    const { x, y, record, dy, isMasked } = args;
    const mask = relu && !isMasked;
    if (pooledAs) {
      const dx = recorder.temporary(`${label} output's gradient`, [
        ...x!.shape.slice(0, 3),
        dy.shape.at(-1)!,
      ]);
      maxPool2x2Backward(recorder, { label, dy, y: y!, positions: record!, mask, dx });
      return dx;
    }
    if (mask) reluBackward(recorder, { label, y: y!, dy });
    return dy;
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

/** The kernel as the gradient by the input reads it: made anew in each run, because training changes it in each. */
function rotated(recorder: Recorder, { name: label, value }: Parameter, { rung }: Conv3x3Choice): Tensor {
  const k = value.whole;
  const [, , C, O] = k.shape as [number, number, number, number];
  const r = recorder.temporary(`${label} rotated`, [3, 3, O, C]);
  rotateKernel(recorder, { label, k, r });
  if (!isWinograd(rung)) return r;
  const points = pointsOf(rung);
  const u = recorder.temporary(`${label} rotated, at ${points} points`, [points, O, C]);
  winogradFilter(recorder, { label, k: r, u, rung });
  return u;
}
