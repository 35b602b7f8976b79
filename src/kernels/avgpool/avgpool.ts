// Launches avgpool.

import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import wgsl from './avgpool.wgsl';

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
