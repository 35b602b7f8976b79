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
  /** (N,C); with a `window`, (N,H/window,W/window,C), rounded down. */
  readonly y: Tensor;
  /** Side of the windows, in pixels; undefined averages the whole map. */
  readonly window?: number | undefined;
}

/** @throws GpuError where shapes do not fit each other or the adapter. */
export function avgPool(recorder: Recorder, { label, x, y, window }: AvgPoolArguments): void {
  const [N, H, W, C] = expectSides(label, x, 4);
  expectShape(label, y, averagedShape([N, H, W, C], window));
  const { KH, KW } = window === undefined ? { KH: H, KW: W } : { KH: window, KW: window };
  const kernel: Kernel = { name: 'avgpool', wgsl, constants: { H, W, C, KH, KW } };
  const columns = Math.ceil(C / 4 / tilingOf(kernel, 'QUADS'));
  const windows = y.size / C;
  const rows = Math.min(windows, recorder.gpu.limits.maxComputeWorkgroupsPerDimension);
  recorder.dispatch(label, kernel, [x, y], [columns, rows, Math.ceil(windows / rows)]);
}

/** Shape of y for x (N,H,W,C). */
export function averagedShape([N, H, W, C]: readonly number[], window: number | undefined): number[] {
  return window === undefined ? [N!, C!] : [N!, Math.floor(H! / window), Math.floor(W! / window), C!];
}

export interface AvgPoolBackwardArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** As `AvgPoolArguments.y`. */
  readonly dy: Tensor;
  /** (N,H,W,C); overwritten. */
  readonly dx: Tensor;
  /** As forward. */
  readonly window?: number | undefined;
}

/** Every pixel of a window gets its share of dy. @throws GpuError where shapes do not fit each other or the adapter. */
export function avgPoolBackward(
  recorder: Recorder,
  { label, dy, dx, window }: AvgPoolBackwardArguments,
): void {
  const [N, H, W, C] = expectSides(label, dx, 4);
  expectShape(label, dy, averagedShape([N, H, W, C], window));
  const kernel: Kernel = { name: 'avgpool/backward', wgsl: backward };
  const layer = recorder.constants(`${label} sizes`, [H, W, C, window ?? H, window ?? W]);
  const workgroups = workgroupsFor(recorder.gpu, dx.size / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [dy, layer, dx], workgroups);
}
