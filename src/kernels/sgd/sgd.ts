// Launches sgd.

import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { CONTROL_WORDS } from '../control.js';
import { CLIP_NUMBERS } from '../gradient_norm/gradient_norm.js';
import { quadsOf } from '../quads.js';
import { expectShape } from '../shapes.js';
import wgsl from './sgd.wgsl';

export interface SgdHyperParameters {
  /** 0 to less than 1. */
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Added to the gradient, times the weight. */
  readonly weightDecay: number;
  /** This group's learning rate, in those of the control words; 1 by default. */
  readonly rate?: number;
}

export interface SgdArguments {
  readonly label: string;
  /** Any shape, a multiple of 4 values in all; overwritten. */
  readonly w: Tensor;
  /** As w. */
  readonly dw: Tensor;
  /** As w; zeros before the first step; overwritten. */
  readonly momentum: Tensor;
  /** (5): the words of control.ts. */
  readonly control: Tensor;
  /** (4), as gradientNorm writes it. */
  readonly clip?: Tensor;
  readonly hyper: SgdHyperParameters;
}

/** A step of torch.optim.SGD, dampening 0. @throws GpuError where shapes do not fit each other or the adapter. */
export function sgd(recorder: Recorder, args: SgdArguments): void {
  const { label, w, dw, momentum, control, clip, hyper } = args;
  const quads = quadsOf(label, w);
  expectShape(label, dw, w.shape);
  expectShape(label, momentum, w.shape);
  expectShape(label, control, [CONTROL_WORDS]);
  if (clip) expectShape(label, clip, [CLIP_NUMBERS]);
  const kernel: Kernel = {
    name: 'sgd',
    wgsl,
    constants: {
      MOMENTUM: hyper.momentum,
      NESTEROV: Number(hyper.nesterov),
      WEIGHT_DECAY: hyper.weightDecay,
      RATE: hyper.rate ?? 1,
      CLIP: Number(clip !== undefined),
    },
  };
  // Every binding wants a buffer; without CLIP this one's is not read.
  const tensors = [dw, control, clip ?? control, w, momentum];
  recorder.dispatch(label, kernel, tensors, workgroupsFor(recorder.gpu, quads, tilingOf(kernel, 'THREADS')));
}
