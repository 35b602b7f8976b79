// Launches maxpool, and its gradient.

import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import backward from './backward.wgsl';
import wgsl from './maxpool.wgsl';

export interface MaxPoolArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,H,W,C), C a multiple of 4. */
  readonly x: Tensor;
  /** (N,C) */
  readonly y: Tensor;
}

/** @throws GpuError where shapes do not fit each other or the adapter. */
export function maxPool(recorder: Recorder, { label, x, y }: MaxPoolArguments): void {
  const [N, H, W, C] = expectSides(label, x, 4);
  expectShape(label, y, [N, C]);
  const kernel: Kernel = { name: 'maxpool', wgsl, constants: { H, W, C } };
  recorder.dispatch(label, kernel, [x, y], [Math.ceil(C / 4 / tilingOf(kernel, 'QUADS')), N, 1]);
}

export interface MaxPoolBackwardArguments extends MaxPoolArguments {
  /** (N,C) */
  readonly dy: Tensor;
  /** (N,H,W,C); overwritten. */
  readonly dx: Tensor;
}

/** dy goes to the first of the largest. @throws GpuError where shapes do not fit each other or the adapter. */
export function maxPoolBackward(recorder: Recorder, { label, x, y, dy, dx }: MaxPoolBackwardArguments): void {
  const [N, H, W, C] = expectSides(label, x, 4);
  expectShape(label, y, [N, C]);
  expectShape(label, dy, [N, C]);
  expectShape(label, dx, [N, H, W, C]);
  const kernel: Kernel = { name: 'maxpool/backward', wgsl: backward, constants: { H, W, C } };
  recorder.dispatch(label, kernel, [x, y, dy, dx], [Math.ceil(C / 4 / tilingOf(kernel, 'QUADS')), N, 1]);
}
