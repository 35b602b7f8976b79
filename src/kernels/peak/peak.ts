// Launches what measures an adapter: its arithmetic and its memory.

import { type Dispatch, prepare, workgroupsFor } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
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
export async function peakFma(
  gpu: Gpu,
  { ab, y, repeats }: { ab: Tensor; y: Tensor; repeats: number },
): Promise<Dispatch[]> {
  const kernel: Kernel = { name: 'peak/fma', wgsl: fma, constants: { REPEATS: repeats } };
  const workgroups = workgroupsFor(gpu, y.size / 4, tilingOf(kernel, 'THREADS'));
  return [await prepare(gpu, 'peak', kernel, [ab, y], workgroups)];
}

/**
 * Reads all of x once.
 *
 * @param y  (4 * threads)
 * @throws GpuError where the adapter cannot bind them
 */
export async function peakRead(gpu: Gpu, { x, y }: { x: Tensor; y: Tensor }): Promise<Dispatch[]> {
  const kernel: Kernel = { name: 'peak/read', wgsl: read };
  const workgroups = workgroupsFor(gpu, y.size / 4, tilingOf(kernel, 'THREADS'));
  return [await prepare(gpu, 'peak', kernel, [x, y], workgroups)];
}
