// Launches relu_backward.

import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
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
export function reluBackward(recorder: Recorder, { label, y, dy }: ReluBackwardArguments): void {
  const [N, O] = expectSides(label, y, 2);
  expectShape(label, dy, [N, O]);
  const kernel: Kernel = { name: 'relu_backward', wgsl };
  const workgroups = workgroupsFor(recorder.gpu, (N * O) / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [y, dy], workgroups);
}
