// Launches linear: which rung, how the kernel's pieces and the depth are spread over workgroups.

import { prepare, workgroupsFor } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides, WEIGHT_DTYPES } from '../shapes.js';
import { weightStorage } from '../weight_storage.js';
import naive from './01_naive.wgsl';
import tiled from './02_tiled.wgsl';
import gemv from './03_gemv.wgsl';
import gemvSum from './03_gemv_sum.wgsl';
import registerBlocked from './04_register_blocked.wgsl';
import { expectPieces, type LinearLaunch, type LinearPiece, pieceConstants } from './pieces.js';

export type { LinearLaunch, LinearPiece } from './pieces.js';

/** The ladder; `03_gemv`, for a few rows, and `04_register_blocked`, for more, are two passes. */
export const LINEAR_RUNGS = {
  '01_naive': [naive],
  '02_tiled': [tiled],
  '03_gemv': [gemv, gemvSum],
  '04_register_blocked': [registerBlocked, gemvSum],
} as const;

export type LinearRung = keyof typeof LINEAR_RUNGS;

/** Up to this batch a fully connected layer is a matrix times a few vectors. */
export const GEMV_MAX_BATCH = 8;

export interface LinearArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,D), D a multiple of 4. */
  readonly x: Tensor;
  /** Pieces of the kernel (D,O), in order of their columns, without gaps. */
  readonly pieces: readonly LinearPiece[];
  /** (O) */
  readonly b: Tensor;
  /** (N,O), O a multiple of 4. */
  readonly y: Tensor;
  readonly relu: boolean;
  readonly rung?: LinearRung;
}

/**
 * y = relu(x k + b).
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export async function linear(gpu: Gpu, args: LinearArguments): Promise<LinearLaunch> {
  const { label, x, pieces, b, y } = args;
  const [N, D] = expectSides(label, x, 2);
  const [, O] = expectSides(label, y, 2);
  expectShape(label, y, [N, O]);
  expectShape(label, b, [O]);
  expectPieces(label, pieces, [D, O], WEIGHT_DTYPES);

  const rung = args.rung ?? (N <= GEMV_MAX_BATCH ? '03_gemv' : '04_register_blocked');
  return rung === '01_naive' || rung === '02_tiled'
    ? launchTiles(gpu, args, rung, [N, D, O])
    : launchSlices(gpu, args, rung, [N, D, O]);
}

type Sizes = readonly [N: number, D: number, O: number];

async function launchTiles(
  gpu: Gpu,
  { label, x, pieces, b, y, relu }: LinearArguments,
  rung: '01_naive' | '02_tiled',
  [N, D, O]: Sizes,
): Promise<LinearLaunch> {
  const dispatches = await Promise.all(
    pieces.map((piece) => {
      const kernel: Kernel = {
        name: `linear/${rung}`,
        wgsl: LINEAR_RUNGS[rung][0],
        constants: { D, O, ...pieceConstants(piece), RELU: Number(relu) },
        weights: weightStorage(piece.k),
      };
      const groups = [
        Math.ceil(piece.k.shape[1]! / tilingOf(kernel, 'BN')),
        Math.ceil(N / tilingOf(kernel, 'BM')),
        1,
      ] as const;
      return prepare(gpu, label, kernel, [x, piece.k, b, y], groups);
    }),
  );
  return { dispatches, scratch: [] };
}

/** Rows of k below which a slice is not worth a workgroup. */
const MIN_DEPTH = 64;

/** How the first pass of a rung is spread, whose workgroups each take a slice of the depth. */
interface Spread {
  readonly tiling?: Kernel['tiling'];
  /** What a workgroup owns of y. */
  readonly rows: number;
  readonly columns: number;
  /** Enough workgroups to fill a large GPU several times over; more would only lengthen the second pass. */
  readonly workgroups: number;
}

function spreadOf(rung: '03_gemv' | '04_register_blocked', N: number): Spread {
  const kernel = { name: `linear/${rung}`, wgsl: LINEAR_RUNGS[rung][0] };
  if (rung === '03_gemv') {
    return { tiling: { BATCH: N }, rows: N, columns: 4 * tilingOf(kernel, 'THREADS'), workgroups: 1024 };
  }
  // A slice's partial sums are as many as y's, of all rows: fewer slices.
  return { rows: tilingOf(kernel, 'BM'), columns: tilingOf(kernel, 'BN'), workgroups: 512 };
}

async function launchSlices(
  gpu: Gpu,
  { label, x, pieces, b, y, relu }: LinearArguments,
  rung: '03_gemv' | '04_register_blocked',
  [N, D, O]: Sizes,
): Promise<LinearLaunch> {
  const { tiling, rows, columns, workgroups } = spreadOf(rung, N);
  const rowGroups = Math.ceil(N / rows);
  const wanted = Math.ceil(workgroups / (rowGroups * Math.ceil(O / columns)));
  const DEPTH = Math.max(MIN_DEPTH, Math.ceil(D / wanted / 4) * 4);
  const SLICES = Math.ceil(D / DEPTH);

  const partial = await Tensor.create(gpu, `${label} partial sums`, [SLICES, N, O]);
  try {
    const products = pieces.map((piece) => {
      const kernel: Kernel = {
        name: `linear/${rung}`,
        wgsl: LINEAR_RUNGS[rung][0],
        ...(tiling && { tiling }),
        constants: { D, O, ...pieceConstants(piece), DEPTH },
        weights: weightStorage(piece.k),
      };
      const groups = [Math.ceil(piece.k.shape[1]! / columns), SLICES, rowGroups] as const;
      return prepare(gpu, label, kernel, [x, piece.k, partial], groups);
    });
    const sumKernel: Kernel = {
      name: 'linear/03_gemv_sum',
      wgsl: gemvSum,
      constants: { O, SLICES, RELU: Number(relu) },
    };
    const groups = workgroupsFor(gpu, (N * O) / 4, tilingOf(sumKernel, 'THREADS'));
    const sum = prepare(gpu, label, sumKernel, [partial, b, y], groups);
    return { dispatches: await Promise.all([...products, sum]), scratch: [partial] };
  } catch (error) {
    partial.dispose();
    throw error;
  }
}
