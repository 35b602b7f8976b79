// Launches dropout.

import { GpuError } from '../../errors.js';
import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { CONTROL_WORDS } from '../control.js';
import { expectShape, expectSides } from '../shapes.js';
import wgsl from './dropout.wgsl';

export interface DropoutArguments {
  readonly label: string;
  /** (N,O), O a multiple of 4; overwritten. Activations forward, their gradient backward. */
  readonly x: Tensor;
  /** (5): the words of control.ts. */
  readonly control: Tensor;
  /** The share that is left out, 0 to less than 1. */
  readonly rate: number;
  /** Another whole number, another mask. */
  readonly layer: number;
  /** The place of x's first row in the batch that it is a part of; 0 by default. */
  readonly firstRow?: number | undefined;
}

/**
 * x = x / (1 - rate) where the mask of this seed, step and layer keeps it, else 0. A rate of 0 needs no dispatch.
 *
 * @throws GpuError for another rate, and where shapes do not fit each other or the adapter.
 */
export function dropout(recorder: Recorder, args: DropoutArguments): void {
  const { label, x, control, rate, layer, firstRow = 0 } = args;
  const [N, O] = expectSides(label, x, 2);
  expectShape(label, control, [CONTROL_WORDS]);
  if (!(rate >= 0 && rate < 1))
    throw new GpuError(`${label}: a dropout of ${rate}, expected 0 to less than 1`);
  if (rate === 0) return;
  const kernel: Kernel = {
    name: 'dropout',
    wgsl,
    constants: {
      LAYER: layer,
      DROPPED: Math.floor(rate * 2 ** 32),
      SCALE: 1 / (1 - rate),
      ...(firstRow > 0 && { FIRST: (firstRow * O) / 4 }),
    },
  };
  const workgroups = workgroupsFor(recorder.gpu, (N * O) / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [x, control], workgroups);
}
