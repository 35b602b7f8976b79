// The rungs of conv3x3: which there are, their kernels, and what each asks of a device.

import type { Gpu } from '../../gpu/gpu.js';
import { SUBGROUP_MATRIX } from '../../gpu/subgroups.js';
import type { Tensor, TensorDtype } from '../../gpu/tensor.js';
import naive from './01_naive.wgsl';
import tiled from './02_tiled.wgsl';
import registerBlocked from './03_register_blocked.wgsl';
import vec4 from './04_vec4.wgsl';
import filter2x2 from './05_winograd_2x2_filter.wgsl';
import input2x2 from './05_winograd_2x2_input.wgsl';
import output2x2 from './05_winograd_2x2_output.wgsl';
import filter4x4 from './05_winograd_4x4_filter.wgsl';
import input4x4 from './05_winograd_4x4_input.wgsl';
import output4x4 from './05_winograd_4x4_output.wgsl';
import product from './05_winograd_product.wgsl';
import subgroupProduct from './06_subgroup.wgsl';
import subgroupMatrix from './07_subgroup_matrix.wgsl';
import { matrixOf } from './subgroup_matrix.js';

/** Rungs of one pass, over pixels and channels. */
export const DIRECT_RUNGS = {
  '01_naive': naive,
  '02_tiled': tiled,
  '03_register_blocked': registerBlocked,
  '04_vec4': vec4,
  '07_subgroup_matrix': subgroupMatrix,
} as const;

/** A Winograd rung's passes in order, and the side of its tiles of y in pixels (the kernels' `SIDE`, in points, is 2 more). */
export const WINOGRAD_RUNGS = {
  '05_winograd_2x2': { side: 2, passes: [filter2x2, input2x2, product, output2x2] },
  '05_winograd_4x4': { side: 4, passes: [filter4x4, input4x4, product, output4x4] },
  '06_subgroup': { side: 4, passes: [filter4x4, input4x4, subgroupProduct, output4x4] },
} as const;

export type DirectRung = keyof typeof DIRECT_RUNGS;
export type WinogradRung = keyof typeof WINOGRAD_RUNGS;
export type Conv3x3Rung = DirectRung | WinogradRung;

/** The ladder, in the order of its numbers. Not every device can run all of it: see `canRun`. */
export const CONV3X3_RUNGS = [
  ...(Object.keys(DIRECT_RUNGS) as DirectRung[]),
  ...(Object.keys(WINOGRAD_RUNGS) as WinogradRung[]),
].sort();

/** Sizes of a convolution: x is (N,H,W,C), y (N,H,W,O). */
export interface Conv3x3Sizes {
  readonly N: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly O: number;
}

export interface Conv3x3Arguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,H,W,C), C a multiple of 4. */
  readonly x: Tensor;
  /** (3,3,C,O), O a multiple of 4, f32 or f16; for `07_subgroup_matrix` f16; for Winograd's rungs, what `winogradFilter` made of it. */
  readonly k: Tensor;
  /** (O); with `mask` (N,H,W,O). */
  readonly b: Tensor;
  /** (N,H,W,O), or (N,floor(H/2),floor(W/2),O) with `pool`. */
  readonly y: Tensor;
  readonly relu: boolean;
  /** Whether the largest of each 2x2 is taken as well, as maxpool2x2 would. Only by Winograd's rungs. */
  readonly pool?: boolean;
  /** (N,ceil(H/4),ceil(W/4),O/4) u32, with `pool`: where each largest number was, as maxpool2x2 keeps it. Only by tiles of 4x4. */
  readonly positions?: Tensor | undefined;
  /** Whether y is the sum alone where b is above 0, and else 0: a gradient that goes through the ReLU that gave b. */
  readonly mask?: boolean;
  readonly rung: Conv3x3Rung;
  /** Another text in the place of that of a rung of one pass, with its bindings, its constants and the lines of its tiling. */
  readonly wgsl?: string | undefined;
  readonly tiling?: Readonly<Record<string, number>>;
  /** What v and m of Winograd's passes may take each, in bytes; `defaultScratchBytes` says how much by default. */
  readonly scratchBytes?: number | undefined;
}

/** Winograd's rungs read a kernel that was transformed before, and can take the largest of each 2x2 of what they compute. */
export function isWinograd(rung: Conv3x3Rung): rung is WinogradRung {
  return rung in WINOGRAD_RUNGS;
}

/** P: the points at which tiles are multiplied: 36, or 16 with tiles of 2x2. */
export function pointsOf(rung: WinogradRung): number {
  return (WINOGRAD_RUNGS[rung].side + 2) ** 2;
}

type Adapter = Pick<Gpu, 'info' | 'features'>;

/** Threads of a subgroup that `06_subgroup` needs: a workgroup's rows of tiles. */
export const MIN_SUBGROUP = 8;

/** Why `rung` cannot run here on a network whose kernels are kept as `dtype`, as the end of a sentence; or undefined. */
export function whyNot(gpu: Adapter, rung: Conv3x3Rung, dtype: TensorDtype): string | undefined {
  switch (rung) {
    case '06_subgroup':
      if (gpu.info.minSubgroup >= MIN_SUBGROUP) return undefined;
      return `needs subgroups of at least ${MIN_SUBGROUP} threads, the adapter has ${gpu.info.minSubgroup || 'none'}`;
    case '07_subgroup_matrix':
      if (!matrixOf(gpu)) {
        const others = gpu.info.subgroupMatrixConfigs.length > 0 ? 'others only' : 'none';
        return `needs products of matrices of f16 summed in f32 (${SUBGROUP_MATRIX}), the adapter has ${others}`;
      }
      if (!gpu.features.has('shader-f16')) return 'needs shader-f16, which the adapter does not have';
      if (dtype !== 'f16')
        return `needs kernels kept as f16, not ${dtype}: load the network with dtype 'f16'`;
      return undefined;
    default:
      return undefined;
  }
}

/** Whether `rung` can run here on a network whose kernels are kept as `dtype`. */
export function canRun(gpu: Adapter, rung: Conv3x3Rung, dtype: TensorDtype): boolean {
  return whyNot(gpu, rung, dtype) === undefined;
}
