// Launches standardise.

import { type Dispatch, prepare, workgroupsFor } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import wgsl from './standardise.wgsl';

export interface StandardiseArguments {
  readonly label: string;
  /** (N,D), D a multiple of 4; overwritten. */
  readonly x: Tensor;
  /** (D); zero in padding, so that padding stays zero. */
  readonly mean: Tensor;
  /** (D): 1 / standard deviation. */
  readonly scale: Tensor;
}

/** x = (x - mean) * scale, column by column. @throws GpuError where shapes do not fit each other or the adapter. */
export async function standardise(gpu: Gpu, args: StandardiseArguments): Promise<Dispatch[]> {
  const { label, x, mean, scale } = args;
  const [N, D] = expectSides(label, x, 2);
  expectShape(label, mean, [D]);
  expectShape(label, scale, [D]);
  const kernel: Kernel = { name: 'standardise', wgsl, constants: { D } };
  const workgroups = workgroupsFor(gpu, (N * D) / 4, tilingOf(kernel, 'THREADS'));
  return [await prepare(gpu, label, kernel, [x, mean, scale], workgroups)];
}
