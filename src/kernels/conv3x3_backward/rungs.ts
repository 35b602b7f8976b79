// The rungs of conv3x3_backward, the gradient by the kernel: which there are, what each asks of a device, and the default.

import type { Gpu } from '../../gpu/gpu.js';
import { MIN_SUBGROUP } from '../conv3x3/rungs.js';

/** The ladder, in the order of its numbers. */
export const CONV3X3_BACKWARD_RUNGS = [
  '01_naive',
  '02_register_blocked',
  '03_winograd',
  '04_subgroup',
] as const;

export type Conv3x3BackwardRung = (typeof CONV3X3_BACKWARD_RUNGS)[number];

type Adapter = Pick<Gpu, 'info'>;

/** Why `rung` cannot run here, as the end of a sentence; or undefined. */
export function whyNotBackward({ info }: Adapter, rung: Conv3x3BackwardRung): string | undefined {
  if (rung !== '04_subgroup' || info.minSubgroup >= MIN_SUBGROUP) return undefined;
  return `needs subgroups of at least ${MIN_SUBGROUP} threads, the adapter has ${info.minSubgroup || 'none'}`;
}

/**
 * The fastest rung. Broadcasts between threads are for CPUs alone, as in the forward pass. Timed on lavapipe, and on one card, an NVIDIA
 * H200: there `03_winograd` takes 1.80 ms for the thirteen layers and `04_subgroup` 2.03 (docs/benchmarks.md).
 */
export function bestBackwardRung(adapter: Adapter): Conv3x3BackwardRung {
  return adapter.info.isSoftware && !whyNotBackward(adapter, '04_subgroup') ? '04_subgroup' : '03_winograd';
}
