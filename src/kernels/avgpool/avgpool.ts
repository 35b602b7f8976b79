// Launches avgpool, and its gradient.

import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import wgsl from './avgpool.wgsl';
import backward from './backward.wgsl';

export interface AvgPoolArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,H,W,C), C a multiple of 4. */
  readonly x: Tensor;
  /** (N,C) */
  readonly y: Tensor;
}

/** @throws GpuError where shapes do not fit each other or the adapter. */
export function avgPool(recorder: Recorder, { label, x, y }: AvgPoolArguments): void {
  const [N, H, W, C] = expectSides(label, x, 4);
  expectShape(label, y, [N, C]);
  const kernel: Kernel = { name: 'avgpool', wgsl, constants: { H, W, C } };
  const columns = Math.ceil(C / 4 / tilingOf(kernel, 'QUADS'));
  recorder.dispatch(label, kernel, [x, y], [columns, N, 1]);
}

export interface AvgPoolBackwardArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,C), C a multiple of 4. */
  readonly dy: Tensor;
  /** (N,H,W,C); overwritten. */
  readonly dx: Tensor;
}

/** dx = dy / (H*W). @throws GpuError where shapes do not fit each other or the adapter. */
export function avgPoolBackward(recorder: Recorder, { label, dy, dx }: AvgPoolBackwardArguments): void {
  const [N, H, W, C] = expectSides(label, dx, 4);
  expectShape(label, dy, [N, C]);
  const kernel: Kernel = { name: 'avgpool/backward', wgsl: backward };
  const layer = recorder.constants(`${label} sizes`, [H * W, C]);
  const workgroups = workgroupsFor(recorder.gpu, dx.size / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [dy, layer, dx], workgroups);
}
