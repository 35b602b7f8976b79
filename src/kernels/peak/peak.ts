// Launches what measures an adapter: its arithmetic and its memory.

import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import fma from './fma.wgsl';
import read from './read.wgsl';

/** A thread's floating point operations in one repetition of `fma`: 8 quads, a multiplication and an addition each. */
export const FLOPS_PER_REPEAT = 8 * 4 * 2;

/**
 * `repeats` times r = r * a + b in each thread.
 *
 * @param ab  (8): a and b, a quad each
 * @param y   (4 * threads)
 * @throws GpuError where the adapter cannot bind them
 */
export function peakFma(
  recorder: Recorder,
  { ab, y, repeats }: { ab: Tensor; y: Tensor; repeats: number },
): void {
  const kernel: Kernel = { name: 'peak/fma', wgsl: fma, constants: { REPEATS: repeats } };
  const workgroups = workgroupsFor(recorder.gpu, y.size / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch('peak', kernel, [ab, y], workgroups);
}

/**
 * Reads all of x once.
 *
 * @param y  (4 * threads)
 * @throws GpuError where the adapter cannot bind them
 */
export function peakRead(recorder: Recorder, { x, y }: { x: Tensor; y: Tensor }): void {
  const kernel: Kernel = { name: 'peak/read', wgsl: read };
  const workgroups = workgroupsFor(recorder.gpu, y.size / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch('peak', kernel, [x, y], workgroups);
}
