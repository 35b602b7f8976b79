// Launches conv3x3: which rung, which pipeline, how many workgroups.

import { GpuError } from '../../errors.js';
import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import { expectShape, expectSides, WEIGHT_DTYPES } from '../shapes.js';
import { weightStorage } from '../weight_storage.js';
import { type Conv3x3Arguments, DIRECT_RUNGS, isWinograd, pointsOf, whyNot } from './rungs.js';
import { matrixOf, matrixTiling } from './subgroup_matrix.js';
import { launchWinograd } from './winograd.js';

/**
 * y = relu(conv(x, k) + b): 3x3, stride 1, same padding. With `mask`, y = conv(x, k) where b is above 0, else 0.
 *
 * @throws GpuError where shapes do not fit each other or the adapter, or the adapter has not what the rung requires.
 */
export function conv3x3(recorder: Recorder, args: Conv3x3Arguments): void {
  const { gpu } = recorder;
  const { label, x, k, b, y, relu, pool = false, mask = false, rung, wgsl, tiling = {} } = args;
  const reason = whyNot(gpu, rung, k.dtype);
  if (reason) throw new GpuError(`${label}: ${rung} ${reason}`);
  const [N, H, W, C] = expectSides(label, x, 4);
  const [, , , O] = expectSides(label, y, 4);
  expectShape(label, b, mask ? [N, H, W, O] : [O]);
  expectShape(label, y, pool ? [N, Math.floor(H / 2), Math.floor(W / 2), O] : [N, H, W, O]);
  if (mask && (pool || relu)) throw new GpuError(`${label}: a gradient is neither pooled nor rectified`);
  if (isWinograd(rung)) {
    expectShape(label, k, [pointsOf(rung), C, O]);
    launchWinograd(recorder, { ...args, rung }, { N, H, W, C, O });
    return;
  }
  expectShape(label, k, [3, 3, C, O], WEIGHT_DTYPES);
  if (pool) throw new GpuError(`${label}: ${rung} does not pool`);
  if (mask && rung === '07_subgroup_matrix') throw new GpuError(`${label}: ${rung} computes no gradients`);

  const kernel: Kernel = {
    name: `conv3x3/${rung}`,
    wgsl: wgsl ?? DIRECT_RUNGS[rung],
    constants: { H, W, C, O, RELU: Number(relu), ...(mask && { MASK: 1 }) },
    // 07 multiplies weights as they are stored, and widens none.
    ...(rung === '07_subgroup_matrix'
      ? { tiling: { ...matrixTiling(gpu, matrixOf(gpu)!), ...tiling } }
      : { tiling, weights: weightStorage(k) }),
  };
  const columns = Math.ceil(O / tilingOf(kernel, 'BN'));
  // 04 owns whole strips of TM pixels, none of which goes on in the next row.
  const step = rung === '04_vec4' ? tilingOf(kernel, 'TM') : 1;
  const pixels = N * H * Math.ceil(W / step) * step;
  const [rows, more] = workgroupsFor(gpu, pixels, tilingOf(kernel, 'BM'));
  recorder.dispatch(label, kernel, [x, k, b, y], [columns, rows, more]);
}
