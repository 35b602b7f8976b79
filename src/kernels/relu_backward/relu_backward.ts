// Launches relu_backward.

import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { quadsOf } from '../quads.js';
import { expectShape } from '../shapes.js';
import wgsl from './relu_backward.wgsl';

export interface ReluBackwardArguments {
  readonly label: string;
  /** Any shape, a multiple of 4 values in all: what ReLU gave in the forward pass, before or after dropout. */
  readonly y: Tensor;
  /** As y: the gradient by y; becomes that by ReLU's input. */
  readonly dy: Tensor;
}

/** dy = dy where y > 0, else 0. @throws GpuError where shapes do not fit each other or the adapter. */
export function reluBackward(recorder: Recorder, { label, y, dy }: ReluBackwardArguments): void {
  const quads = quadsOf(label, y);
  expectShape(label, dy, y.shape);
  const kernel: Kernel = { name: 'relu_backward', wgsl };
  const workgroups = workgroupsFor(recorder.gpu, quads, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [y, dy], workgroups);
}
