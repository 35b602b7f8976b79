// Launches conv3x3: which rung, which pipeline, how many workgroups.

import { type Dispatch, prepare, workgroupsFor } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides, WEIGHT_DTYPES } from '../shapes.js';
import { weightStorage } from '../weight_storage.js';
import naive from './01_naive.wgsl';
import tiled from './02_tiled.wgsl';
import registerBlocked from './03_register_blocked.wgsl';

/** The ladder, slowest first. */
export const CONV3X3_RUNGS = {
  '01_naive': naive,
  '02_tiled': tiled,
  '03_register_blocked': registerBlocked,
} as const;

export type Conv3x3Rung = keyof typeof CONV3X3_RUNGS;

export interface Conv3x3Arguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,H,W,C), C a multiple of 4. */
  readonly x: Tensor;
  /** (3,3,C,O), O a multiple of 4; f32 or f16. */
  readonly k: Tensor;
  /** (O) */
  readonly b: Tensor;
  /** (N,H,W,O) */
  readonly y: Tensor;
  readonly relu: boolean;
  readonly rung?: Conv3x3Rung;
  readonly tiling?: Readonly<Record<string, number>>;
}

/**
 * y = relu(conv(x, k) + b): 3x3, stride 1, same padding.
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export async function conv3x3(gpu: Gpu, args: Conv3x3Arguments): Promise<Dispatch[]> {
  const { label, x, k, b, y, relu, rung = '03_register_blocked', tiling = {} } = args;
  const [N, H, W, C] = expectSides(label, x, 4);
  const [, , , O] = expectSides(label, y, 4);
  expectShape(label, k, [3, 3, C, O], WEIGHT_DTYPES);
  expectShape(label, b, [O]);
  expectShape(label, y, [N, H, W, O]);

  const kernel: Kernel = {
    name: `conv3x3/${rung}`,
    wgsl: CONV3X3_RUNGS[rung],
    tiling,
    constants: { H, W, C, O, RELU: Number(relu) },
    weights: weightStorage(k),
  };
  const columns = Math.ceil(O / tilingOf(kernel, 'BN'));
  const [rows, more] = workgroupsFor(gpu, N * H * W, tilingOf(kernel, 'BM'));
  return [await prepare(gpu, label, kernel, [x, k, b, y], [columns, rows, more])];
}
