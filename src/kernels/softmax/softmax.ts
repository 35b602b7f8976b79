// Launches softmax.

import { GpuError } from '../../errors.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import wgsl from './softmax.wgsl';

export interface SoftmaxArguments {
  readonly label: string;
  /** (N,O) scores. */
  readonly x: Tensor;
  /** (N,O) probabilities. */
  readonly y: Tensor;
  /** How many of the O columns are classes; the rest is padding. */
  readonly classes: number;
}

/** @throws GpuError where shapes do not fit each other or the adapter. */
export function softmax(recorder: Recorder, { label, x, y, classes }: SoftmaxArguments): void {
  const [N, O] = expectSides(label, x, 2);
  expectShape(label, y, [N, O]);
  if (classes < 1 || classes > O)
    throw new GpuError(`${label}: ${classes} classes do not fit into ${O} columns`);
  const kernel = { name: 'softmax', wgsl, constants: { O, CLASSES: classes } };
  recorder.dispatch(label, kernel, [x, y], [N, 1, 1]);
}
