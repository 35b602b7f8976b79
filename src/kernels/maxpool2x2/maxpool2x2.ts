// Launches maxpool2x2, and its gradient.

import { GpuError } from '../../errors.js';
import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Shape, Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import backward from './backward.wgsl';
import wgsl from './maxpool2x2.wgsl';
import withPositions from './with_positions.wgsl';

export interface MaxPool2x2Arguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,H,W,C), C a multiple of 4, H and W at least 2. */
  readonly x: Tensor;
  /** (N,floor(H/2),floor(W/2),C) */
  readonly y: Tensor;
  /** As `positionsShape` has it: where each largest number was, for the gradient. */
  readonly positions?: Tensor | undefined;
}

/** Of what is kept of a pooling of x (N,H,W,C), C a multiple of 4: a word for 4x4 pixels and four channels. */
export function positionsShape([N, H, W, C]: Shape): number[] {
  return [N!, Math.ceil(H! / 4), Math.ceil(W! / 4), C! / 4];
}

/** @throws GpuError where shapes do not fit each other or the adapter. */
export function maxPool2x2(recorder: Recorder, { label, x, y, positions }: MaxPool2x2Arguments): void {
  const [N, H, W, C] = expectSides(label, x, 4);
  if (Math.min(H, W) < 2)
    throw new GpuError(`${label}: ${x.label} is (${x.shape.join(',')}), too small for a 2x2 window`);
  expectShape(label, y, [N, Math.floor(H / 2), Math.floor(W / 2), C]);
  if (positions) {
    expectShape(label, positions, positionsShape(x.shape));
    const kernel: Kernel = { name: 'maxpool2x2/with_positions', wgsl: withPositions };
    const layer = recorder.constants(`${label} sizes`, [H, W, C]);
    const workgroups = workgroupsFor(recorder.gpu, positions.size, tilingOf(kernel, 'THREADS'));
    recorder.dispatch(label, kernel, [x, layer, y, positions], workgroups);
    return;
  }
  const kernel: Kernel = { name: 'maxpool2x2', wgsl, constants: { H, W, C } };
  const workgroups = workgroupsFor(recorder.gpu, y.size / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [x, y], workgroups);
}

export interface MaxPool2x2BackwardArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,floor(H/2),floor(W/2),C): the gradient by y. */
  readonly dy: Tensor;
  /** What the forward pass gave. */
  readonly y: Tensor;
  /** What it kept. */
  readonly positions: Tensor;
  /** Whether dx is zero as well where y is not above zero: the gradient by what stands before the ReLU that gave x. */
  readonly mask: boolean;
  /** (N,H,W,C), C a multiple of 4; overwritten. */
  readonly dx: Tensor;
}

/** dx = dy where x was the largest of its window, else 0. @throws GpuError where shapes do not fit each other or the adapter */
export function maxPool2x2Backward(
  recorder: Recorder,
  { label, dy, y, positions, mask, dx }: MaxPool2x2BackwardArguments,
): void {
  const [N, H, W, C] = expectSides(label, dx, 4);
  expectShape(label, dy, [N, Math.floor(H / 2), Math.floor(W / 2), C]);
  expectShape(label, y, dy.shape);
  expectShape(label, positions, positionsShape(dx.shape));
  const kernel: Kernel = { name: 'maxpool2x2/backward', wgsl: backward };
  const layer = recorder.constants(`${label} sizes`, [H, W, C, Number(mask)]);
  const workgroups = workgroupsFor(recorder.gpu, dx.size / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [dy, y, positions, layer, dx], workgroups);
}
