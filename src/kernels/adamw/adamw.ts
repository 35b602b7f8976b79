// Launches adamw.

import { GpuError } from '../../errors.js';
import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { CONTROL_WORDS } from '../control.js';
import { CLIP_NUMBERS } from '../gradient_norm/gradient_norm.js';
import { quadsOf } from '../quads.js';
import { expectShape } from '../shapes.js';
import wgsl from './adamw.wgsl';

export interface AdamWHyperParameters {
  /** 0 to less than 1, the same as in the control words; likewise beta2. */
  readonly beta1: number;
  readonly beta2: number;
  /** At least 2^-126. */
  readonly epsilon: number;
  /** Taken from the weight itself, not added to the gradient. */
  readonly weightDecay: number;
  /** This group's learning rate, in those of the control words; 1 by default. */
  readonly rate?: number;
}

export interface AdamWArguments {
  readonly label: string;
  /** Any shape, a multiple of 4 values in all; overwritten. */
  readonly w: Tensor;
  /** As w. */
  readonly dw: Tensor;
  /** As w: the mean of the gradients; zeros before the first step; overwritten. */
  readonly m: Tensor;
  /** As w: the mean of their squares; likewise. */
  readonly v: Tensor;
  /** (5): the words of control.ts, written with the same betas. */
  readonly control: Tensor;
  /** (4), as gradientNorm writes it. */
  readonly clip?: Tensor;
  readonly hyper: AdamWHyperParameters;
}

/** GPUs may take what is below for 0; and where no gradient ever was, as in the padding, a step is 0 / epsilon. */
const SMALLEST_NORMAL = 2 ** -126;

/** A step of torch.optim.AdamW. @throws GpuError where shapes do not fit each other or the adapter. */
export function adamw(recorder: Recorder, args: AdamWArguments): void {
  const { label, w, dw, m, v, control, clip, hyper } = args;
  const quads = quadsOf(label, w);
  for (const tensor of [dw, m, v]) expectShape(label, tensor, w.shape);
  expectShape(label, control, [CONTROL_WORDS]);
  if (clip) expectShape(label, clip, [CLIP_NUMBERS]);
  const { beta1, beta2, epsilon, weightDecay } = hyper;
  if (!(epsilon >= SMALLEST_NORMAL))
    throw new GpuError(`${label}: an epsilon of ${epsilon}, expected more than 0, and no f32 subnormal`);
  const kernel: Kernel = {
    name: 'adamw',
    wgsl,
    constants: {
      BETA1: beta1,
      NEW1: 1 - beta1,
      BETA2: beta2,
      NEW2: 1 - beta2,
      EPSILON: epsilon,
      WEIGHT_DECAY: weightDecay,
      RATE: hyper.rate ?? 1,
      CLIP: Number(clip !== undefined),
    },
  };
  // Every binding wants a buffer; without CLIP this one's is not read.
  const tensors = [dw, control, clip ?? control, w, m, v];
  recorder.dispatch(label, kernel, tensors, workgroupsFor(recorder.gpu, quads, tilingOf(kernel, 'THREADS')));
}
