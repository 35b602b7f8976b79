// Launches relu_backward.

import { type Dispatch, prepare, workgroupsFor } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import wgsl from './relu_backward.wgsl';

export interface ReluBackwardArguments {
  readonly label: string;
  /** (N,O), O a multiple of 4: what ReLU gave in the forward pass, before or after dropout. */
  readonly y: Tensor;
  /** (N,O): the gradient by y; becomes that by ReLU's input. */
  readonly dy: Tensor;
}

/** dy = dy where y > 0, else 0. @throws GpuError where shapes do not fit each other or the adapter. */
export async function reluBackward(gpu: Gpu, { label, y, dy }: ReluBackwardArguments): Promise<Dispatch[]> {
  const [N, O] = expectSides(label, y, 2);
  expectShape(label, dy, [N, O]);
  const kernel: Kernel = { name: 'relu_backward', wgsl };
  const workgroups = workgroupsFor(gpu, (N * O) / 4, tilingOf(kernel, 'THREADS'));
  return [await prepare(gpu, label, kernel, [y, dy], workgroups)];
}
