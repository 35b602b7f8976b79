// Launches normalise.

import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import wgsl from './normalise.wgsl';

/** How bytes become the network's numbers: (byte - mean) * scale, in the order of the network's input channels. */
export interface Normalisation {
  /** True where the network's first channel is blue. */
  readonly reverse: boolean;
  readonly mean: readonly [number, number, number];
  readonly scale: readonly [number, number, number];
}

export interface NormaliseArguments {
  readonly label: string;
  /** ceil(N*H*W*3 / 4) words: RGB bytes, little-endian. */
  readonly pixels: Tensor;
  /** (N,H,W,4); the fourth channel becomes zero. */
  readonly y: Tensor;
  readonly normalisation: Normalisation;
}

/** @throws GpuError where shapes do not fit each other or the adapter. */
export function normalise(recorder: Recorder, args: NormaliseArguments): void {
  const { label, pixels, y, normalisation } = args;
  const [N, H, W] = expectSides(label, y, 4);
  expectShape(label, y, [N, H, W, 4]);
  expectShape(label, pixels, [Math.ceil((N * H * W * 3) / 4)]);
  const { reverse, mean, scale } = normalisation;
  const kernel: Kernel = {
    name: 'normalise',
    wgsl,
    constants: {
      REVERSE: Number(reverse),
      ...{ MEAN_0: mean[0], MEAN_1: mean[1], MEAN_2: mean[2] },
      ...{ SCALE_0: scale[0], SCALE_1: scale[1], SCALE_2: scale[2] },
    },
  };
  const workgroups = workgroupsFor(recorder.gpu, N * H * W, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [pixels, y], workgroups);
}
