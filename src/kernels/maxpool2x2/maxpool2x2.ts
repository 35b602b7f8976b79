// Launches maxpool2x2.

import { GpuError } from '../../errors.js';
import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import wgsl from './maxpool2x2.wgsl';

export interface MaxPool2x2Arguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,H,W,C), C a multiple of 4, H and W at least 2. */
  readonly x: Tensor;
  /** (N,floor(H/2),floor(W/2),C) */
  readonly y: Tensor;
}

/** @throws GpuError where shapes do not fit each other or the adapter. */
export function maxPool2x2(recorder: Recorder, { label, x, y }: MaxPool2x2Arguments): void {
  const [N, H, W, C] = expectSides(label, x, 4);
  if (Math.min(H, W) < 2)
    throw new GpuError(`${label}: ${x.label} is (${x.shape.join(',')}), too small for a 2x2 window`);
  expectShape(label, y, [N, Math.floor(H / 2), Math.floor(W / 2), C]);
  const kernel: Kernel = { name: 'maxpool2x2', wgsl, constants: { H, W, C } };
  const workgroups = workgroupsFor(recorder.gpu, y.size / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [x, y], workgroups);
}
