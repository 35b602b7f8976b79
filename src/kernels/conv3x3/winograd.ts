// Launches the rungs of conv3x3 that are Winograd's: a kernel transformed once, then three passes over the tiles of y, in chunks
// of as many tiles as memory is given for.

import { type Dispatch, prepare, workgroupsFor } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides, WEIGHT_DTYPES } from '../shapes.js';
import { weightStorage } from '../weight_storage.js';
import filter2x2 from './05_winograd_2x2_filter.wgsl';
import input2x2 from './05_winograd_2x2_input.wgsl';
import output2x2 from './05_winograd_2x2_output.wgsl';
import filter4x4 from './05_winograd_4x4_filter.wgsl';
import input4x4 from './05_winograd_4x4_input.wgsl';
import output4x4 from './05_winograd_4x4_output.wgsl';
import product from './05_winograd_product.wgsl';
import subgroupProduct from './06_subgroup.wgsl';
import type { Conv3x3Arguments, Conv3x3Launch, Conv3x3Scratch, Conv3x3Sizes } from './conv3x3.js';
import { defaultScratchBytes } from './defaults.js';

/** A rung's passes in order, and the side of its tiles of y in pixels (the kernels' `SIDE`, in points, is 2 more). */
export const WINOGRAD_RUNGS = {
  '05_winograd_2x2': { side: 2, passes: [filter2x2, input2x2, product, output2x2] },
  '05_winograd_4x4': { side: 4, passes: [filter4x4, input4x4, product, output4x4] },
  '06_subgroup': { side: 4, passes: [filter4x4, input4x4, subgroupProduct, output4x4] },
} as const;

export type WinogradRung = keyof typeof WINOGRAD_RUNGS;

/** A chunk is a multiple of the tiles that a workgroup of any product owns, so that only the last one is not. */
const TILES_STEP = 32;

/** P: the points at which tiles are multiplied: 36, or 16 with tiles of 2x2. */
export function pointsOf(rung: WinogradRung): number {
  return (WINOGRAD_RUNGS[rung].side + 2) ** 2;
}

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

/** How many numbers the transformed input and the products of a launch have. */
export function winogradScratch(
  rung: WinogradRung,
  sizes: Conv3x3Sizes,
  scratchBytes: number,
): { v: number; m: number } {
  const { chunk } = chunksOf(rung, sizes, scratchBytes);
  return { v: pointsOf(rung) * chunk * sizes.C, m: pointsOf(rung) * chunk * sizes.O };
}

/**
 * u = what `rung` reads instead of k (3,3,C,O), f32 or f16: its transform (P,C,O), f32.
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export async function winogradFilter(
  gpu: Gpu,
  { label, k, u, rung }: { label: string; k: Tensor; u: Tensor; rung: WinogradRung },
): Promise<Dispatch[]> {
  const [, , C, O] = expectSides(label, k, 4, WEIGHT_DTYPES);
  expectShape(label, k, [3, 3, C, O], WEIGHT_DTYPES);
  expectShape(label, u, [pointsOf(rung), C, O]);
  const { side, passes } = WINOGRAD_RUNGS[rung];
  const kernel: Kernel = {
    name: `conv3x3/05_winograd_${side}x${side}_filter`,
    wgsl: passes[0],
    weights: weightStorage(k),
  };
  return [await prepare(gpu, label, kernel, [k, u], workgroupsFor(gpu, C * O, tilingOf(kernel, 'THREADS')))];
}

/** The three passes, chunk by chunk. @throws as `conv3x3` */
export async function launchWinograd(
  gpu: Gpu,
  args: Conv3x3Arguments & { readonly rung: WinogradRung },
  sizes: Conv3x3Sizes,
): Promise<Conv3x3Launch> {
  const { label, rung, scratchBytes = defaultScratchBytes(gpu) } = args;
  const owned: Tensor[] = [];
  const own = (tensor: Tensor) => {
    owned.push(tensor);
    return tensor;
  };
  try {
    const wanted = winogradScratch(rung, sizes, scratchBytes);
    const scratch = args.scratch ?? {
      v: own(await Tensor.create(gpu, `${label} transformed input`, [wanted.v])),
      m: own(await Tensor.create(gpu, `${label} products`, [wanted.m])),
    };
    const { tiles, chunk } = chunksOf(rung, sizes, scratchBytes);
    const parts: { part: Tensor; T: number }[] = [];
    for (let start = 0; start < tiles; start += chunk) {
      const where = new Uint32Array([start, sizes.H, sizes.W, sizes.C, sizes.O]);
      const part = own(await Tensor.from(gpu, `${label} chunk of tiles`, [where.length], where));
      parts.push({ part, T: Math.min(chunk, tiles - start) });
    }
    // All at once, and only now: a launch that failed while the next part was still being made would be nobody's to catch.
    const passes = parts.map(({ part, T }) => launchChunk(gpu, args, sizes, scratch, part, T));
    return { dispatches: (await Promise.all(passes)).flat(), scratch: owned };
  } catch (error) {
    for (const tensor of owned) tensor.dispose();
    throw error;
  }
}

function launchChunk(
  gpu: Gpu,
  args: Conv3x3Arguments & { readonly rung: WinogradRung },
  { C, O }: Conv3x3Sizes,
  scratch: Conv3x3Scratch,
  part: Tensor,
  T: number,
): Promise<Dispatch[]> {
  const { label, rung, x, k, b, y, relu, pool = false, tiling = {} } = args;
  const { side, passes } = WINOGRAD_RUNGS[rung];
  const P = pointsOf(rung);
  const v = scratch.v.view(`${label} transformed input`, [P, T, C]);
  const m = scratch.m.view(`${label} products`, [P, T, O]);
  const name = `conv3x3/05_winograd_${side}x${side}`;

  const input: Kernel = { name: `${name}_input`, wgsl: passes[1] };
  const multiply: Kernel = {
    name: rung === '06_subgroup' ? 'conv3x3/06_subgroup' : 'conv3x3/05_winograd_product',
    wgsl: passes[2],
    tiling: { ...(rung === '06_subgroup' && { BN: subgroupColumns(O) }), ...tiling },
  };
  const output: Kernel = {
    name: `${name}_output`,
    wgsl: passes[3],
    constants: { RELU: Number(relu), POOL: Number(pool) },
  };
  const columns = Math.ceil(O / tilingOf(multiply, 'BN'));
  const rows = Math.ceil(T / tilingOf(multiply, 'BM'));
  const spread = (kernel: Kernel, channels: number) =>
    workgroupsFor(gpu, T * channels, tilingOf(kernel, 'THREADS'));
  return Promise.all([
    prepare(gpu, label, input, [x, part, v], spread(input, C)),
    prepare(gpu, label, multiply, [v, k, part, m], [columns, rows, P]),
    prepare(gpu, label, output, [m, b, part, y], spread(output, O)),
  ]);
}

/** Columns of a workgroup: 128, or 64 or 32 where there are no more, so that few threads have nothing to do. */
function subgroupColumns(O: number): number {
  return O > 64 ? 128 : O > 32 ? 64 : 32;
}
