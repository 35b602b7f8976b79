// What a rung of conv3x3 asks of a device, and of a network's kernels.

import type { Gpu } from '../../gpu/gpu.js';
import { SUBGROUP_MATRIX } from '../../gpu/subgroups.js';
import type { TensorDtype } from '../../gpu/tensor.js';
import type { Conv3x3Rung } from './conv3x3.js';
import { matrixOf } from './subgroup_matrix.js';

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
