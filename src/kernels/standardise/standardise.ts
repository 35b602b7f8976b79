// Launches standardise.

import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import wgsl from './standardise.wgsl';

export interface StandardiseArguments {
  readonly label: string;
  /** (N,D), D a multiple of 4. */
  readonly x: Tensor;
  /** (D); zero in padding, so that padding stays zero. */
  readonly mean: Tensor;
  /** (D): 1 / standard deviation. */
  readonly scale: Tensor;
  /** (N,D) */
  readonly y: Tensor;
}

/** y = (x - mean) * scale, column by column. @throws GpuError where shapes do not fit each other or the adapter. */
export function standardise(recorder: Recorder, args: StandardiseArguments): void {
  const { label, x, mean, scale, y } = args;
  const [N, D] = expectSides(label, x, 2);
  expectShape(label, y, [N, D]);
  expectShape(label, mean, [D]);
  expectShape(label, scale, [D]);
  const kernel: Kernel = { name: 'standardise', wgsl, constants: { D } };
  const workgroups = workgroupsFor(recorder.gpu, (N * D) / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [x, mean, scale, y], workgroups);
}
