// Launches gradient_norm: squares added up, tensor by tensor, then the norm of them all.

import { GpuError } from '../../errors.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { quadsOf } from '../quads.js';
import { expectShape } from '../shapes.js';
import norm from './norm.wgsl';
import squares from './squares.wgsl';

/** Numbers of `clip`: factor, norm, and two that are zero. */
export const CLIP_NUMBERS = 4;

export interface GradientNormArguments {
  readonly label: string;
  /** Any shapes, each a multiple of 4 values in all. */
  readonly gradients: readonly Tensor[];
  /** (4): what the gradients are to be multiplied by, their norm, and two zeros. */
  readonly clip: Tensor;
  /** The norm that the gradients may have, more than 0. */
  readonly maxNorm: number;
}

/** Enough workgroups a tensor to fill a large GPU several times over; more would only lengthen the second pass. */
const MAX_SLICES = 1024;

/**
 * The norm over all gradients, and the factor of torch.nn.utils.clip_grad_norm_: min(1, maxNorm / (norm + 1e-6)).
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export function gradientNorm(recorder: Recorder, args: GradientNormArguments): void {
  const { label, gradients, clip, maxNorm } = args;
  expectShape(label, clip, [CLIP_NUMBERS]);
  if (gradients.length === 0) throw new GpuError(`${label}: no gradients to take the norm of`);
  if (!(maxNorm > 0)) throw new GpuError(`${label}: a largest norm of ${maxNorm}, expected more than 0`);

  const perGroup = tilingOf({ name: 'gradient_norm/squares', wgsl: squares }, 'THREADS');
  let slices = 0;
  const plan = gradients.map((dw) => {
    const count = Math.min(MAX_SLICES, Math.ceil(quadsOf(label, dw) / perGroup));
    const first = slices;
    slices += count;
    return { dw, first, count };
  });

  const partial = recorder.temporary(`${label} partial sums`, [slices]);
  for (const { dw, first, count } of plan) {
    const kernel: Kernel = { name: 'gradient_norm/squares', wgsl: squares, constants: { FIRST: first } };
    recorder.dispatch(label, kernel, [dw, partial], [count, 1, 1]);
  }
  const kernel: Kernel = { name: 'gradient_norm/norm', wgsl: norm, constants: { MAX_NORM: maxNorm } };
  recorder.dispatch(label, kernel, [partial, clip], [1, 1, 1]);
}
