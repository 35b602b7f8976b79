// Launches the rungs of conv3x3 that are Winograd's: a kernel transformed once, then three passes over the tiles of y, in chunks
// of as many tiles as memory is given for.

import { GpuError } from '../../errors.js';
import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { positionsShape } from '../maxpool2x2/maxpool2x2.js';
import { expectShape, expectSides, WEIGHT_DTYPES } from '../shapes.js';
import { weightStorage } from '../weight_storage.js';
import outputPooled from './05_winograd_4x4_output_pooled.wgsl';
import { defaultScratchBytes } from './defaults.js';
import {
  type Conv3x3Arguments,
  type Conv3x3Sizes,
  pointsOf,
  WINOGRAD_RUNGS,
  type WinogradRung,
} from './rungs.js';

/** A chunk is a multiple of the tiles that a workgroup of any product owns, so that only the last one is not. */
const TILES_STEP = 32;

/** Tiles of y, and how many of them go through the passes at a time. */
export function chunksOf(
  rung: WinogradRung,
  { N, H, W, C, O }: Conv3x3Sizes,
  scratchBytes: number,
): { tiles: number; chunk: number } {
  const { side } = WINOGRAD_RUNGS[rung];
  const tiles = N * Math.ceil(H / side) * Math.ceil(W / side);
  const most = Math.floor(scratchBytes / (4 * pointsOf(rung) * Math.max(C, O) * TILES_STEP));
  const chunks = Math.ceil(tiles / (TILES_STEP * Math.max(1, most)));
  const even = Math.ceil(tiles / chunks / TILES_STEP) * TILES_STEP;
  return { tiles, chunk: Math.min(tiles, even) };
}

/**
 * u = what `rung` reads instead of k (3,3,C,O), f32 or f16: its transform (P,C,O), f32.
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export function winogradFilter(
  recorder: Recorder,
  { label, k, u, rung }: { label: string; k: Tensor; u: Tensor; rung: WinogradRung },
): void {
  const [, , C, O] = expectSides(label, k, 4, WEIGHT_DTYPES);
  expectShape(label, k, [3, 3, C, O], WEIGHT_DTYPES);
  expectShape(label, u, [pointsOf(rung), C, O]);
  const { side, passes } = WINOGRAD_RUNGS[rung];
  const kernel: Kernel = {
    name: `conv3x3/05_winograd_${side}x${side}_filter`,
    wgsl: passes[0],
    weights: weightStorage(k),
  };
  const workgroups = workgroupsFor(recorder.gpu, C * O, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [k, u], workgroups);
}

/** The three passes, chunk by chunk, through the same scratch. @throws as `conv3x3` */
export function launchWinograd(
  recorder: Recorder,
  args: Conv3x3Arguments & { readonly rung: WinogradRung },
  sizes: Conv3x3Sizes,
): void {
  const { label, rung, relu, pool = false, positions, mask = false } = args;
  const { scratchBytes = defaultScratchBytes(recorder.gpu) } = args;
  const { N, H, W, C, O } = sizes;
  if (positions) {
    expectShape(label, positions, positionsShape([N, H, W, O]));
    if (!pool || WINOGRAD_RUNGS[rung].side !== 4) {
      throw new GpuError(`${label}: ${pool ? rung : 'a pass without pooling'} keeps no positions`);
    }
  }
  const { tiles, chunk } = chunksOf(rung, sizes, scratchBytes);
  const P = pointsOf(rung);
  const v = recorder.temporary(`${label} transformed input`, [P, chunk, C]);
  const m = recorder.temporary(`${label} products`, [P, chunk, O]);
  for (let start = 0; start < tiles; start += chunk) {
    const where = recorder.constants(`${label} chunk of tiles`, [
      ...[start, H, W, C, O],
      ...[relu, pool, mask].map(Number),
    ]);
    const T = Math.min(chunk, tiles - start);
    launchChunk(recorder, args, where, v.view(v.label, [P, T, C]), m.view(m.label, [P, T, O]));
  }
}

function launchChunk(
  recorder: Recorder,
  args: Conv3x3Arguments & { readonly rung: WinogradRung },
  where: Tensor,
  v: Tensor,
  m: Tensor,
): void {
  const { label, rung, x, k, b, y, positions, tiling = {} } = args;
  const { side, passes } = WINOGRAD_RUNGS[rung];
  const [P, T, C] = v.shape as [number, number, number];
  const O = m.shape[2]!;
  const name = `conv3x3/05_winograd_${side}x${side}`;

  const input: Kernel = { name: `${name}_input`, wgsl: passes[1] };
  const multiply: Kernel = {
    name: rung === '06_subgroup' ? 'conv3x3/06_subgroup' : 'conv3x3/05_winograd_product',
    wgsl: passes[2],
    tiling: { ...(rung === '06_subgroup' && { BN: subgroupColumns(O) }), ...tiling },
  };
  const output: Kernel = positions
    ? { name: `${name}_output_pooled`, wgsl: outputPooled }
    : { name: `${name}_output`, wgsl: passes[3] };
  const columns = Math.ceil(O / tilingOf(multiply, 'BN'));
  const rows = Math.ceil(T / tilingOf(multiply, 'BM'));
  const spread = (kernel: Kernel, channels: number) =>
    workgroupsFor(recorder.gpu, T * channels, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, input, [x, where, v], spread(input, C));
  recorder.dispatch(label, multiply, [v, k, where, m], [columns, rows, P]);
  if (positions) recorder.dispatch(label, output, [m, b, where, y, positions], spread(output, O / 4));
  else recorder.dispatch(label, output, [m, b, where, y], spread(output, O));
}

/** Columns of a workgroup: 128, or 64 or 32 where there are no more, so that few threads have nothing to do. */
function subgroupColumns(O: number): number {
  return O > 64 ? 128 : O > 32 ? 64 : 32;
}
