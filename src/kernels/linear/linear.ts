// Launches linear: which rung, how the kernel's pieces and the depth are spread over workgroups.

import { GpuError } from '../../errors.js';
import { type Dispatch, prepare, workgroupsFor } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides, WEIGHT_DTYPES } from '../shapes.js';
import { weightStorage } from '../weight_storage.js';
import naive from './01_naive.wgsl';
import tiled from './02_tiled.wgsl';
import gemv from './03_gemv.wgsl';
import gemvSum from './03_gemv_sum.wgsl';

/** The ladder, slowest first; `03_gemv` is two passes. */
export const LINEAR_RUNGS = {
  '01_naive': [naive],
  '02_tiled': [tiled],
  '03_gemv': [gemv, gemvSum],
} as const;

export type LinearRung = keyof typeof LINEAR_RUNGS;

/** Up to this batch a fully connected layer is a matrix times a few vectors. */
export const GEMV_MAX_BATCH = 8;

/** Some columns of a kernel (D,O): the whole of it, unless the adapter cannot bind so much. */
export interface LinearPiece {
  /** The piece's first column in the whole, a multiple of 4. */
  readonly first: number;
  /** (D,columns), columns a multiple of 4; f32 or f16. */
  readonly k: Tensor;
}

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

export interface LinearLaunch {
  readonly dispatches: Dispatch[];
  /** What the launch needs for as long as it is used: to be disposed of by the caller. */
  readonly scratch: Tensor[];
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
  let next = 0;
  for (const { first, k } of pieces) {
    const [, columns] = expectSides(label, k, 2, WEIGHT_DTYPES);
    expectShape(label, k, [D, columns], WEIGHT_DTYPES);
    if (first !== next)
      throw new GpuError(`${label}: a piece of k begins at column ${first}, expected ${next}`);
    next += columns;
  }
  if (next !== O) throw new GpuError(`${label}: the pieces of k have ${next} columns, expected ${O}`);

  const rung = args.rung ?? (N <= GEMV_MAX_BATCH ? '03_gemv' : '02_tiled');
  return rung === '03_gemv' ? launchGemv(gpu, args, N, D, O) : launchTiles(gpu, args, rung, N, D, O);
}

async function launchTiles(
  gpu: Gpu,
  { label, x, pieces, b, y, relu }: LinearArguments,
  rung: '01_naive' | '02_tiled',
  N: number,
  D: number,
  O: number,
): Promise<LinearLaunch> {
  const dispatches = await Promise.all(
    pieces.map(({ first, k }) => {
      const COLUMNS = k.shape[1]!;
      const kernel: Kernel = {
        name: `linear/${rung}`,
        wgsl: LINEAR_RUNGS[rung][0],
        constants: { D, O, FIRST: first, COLUMNS, RELU: Number(relu) },
        weights: weightStorage(k),
      };
      const groups = [
        Math.ceil(COLUMNS / tilingOf(kernel, 'BN')),
        Math.ceil(N / tilingOf(kernel, 'BM')),
        1,
      ] as const;
      return prepare(gpu, label, kernel, [x, k, b, y], groups);
    }),
  );
  return { dispatches, scratch: [] };
}

/** Enough workgroups to fill a large GPU several times over; more would only lengthen the second pass. */
const GEMV_WORKGROUPS = 1024;
/** Rows of k below which a slice is not worth a workgroup. */
const GEMV_MIN_DEPTH = 64;

async function launchGemv(
  gpu: Gpu,
  { label, x, pieces, b, y, relu }: LinearArguments,
  N: number,
  D: number,
  O: number,
): Promise<LinearLaunch> {
  const columnsPerGroup = 4 * tilingOf({ name: 'linear/03_gemv', wgsl: gemv }, 'THREADS');
  const wanted = Math.ceil(GEMV_WORKGROUPS / Math.ceil(O / columnsPerGroup));
  const DEPTH = Math.max(GEMV_MIN_DEPTH, Math.ceil(D / wanted / 4) * 4);
  const SLICES = Math.ceil(D / DEPTH);

  const partial = await Tensor.create(gpu, `${label} partial sums`, [SLICES, N, O]);
  try {
    const products = pieces.map(({ first, k }) => {
      const COLUMNS = k.shape[1]!;
      const kernel: Kernel = {
        name: 'linear/03_gemv',
        wgsl: gemv,
        tiling: { BATCH: N },
        constants: { D, O, FIRST: first, COLUMNS, DEPTH },
        weights: weightStorage(k),
      };
      return prepare(gpu, label, kernel, [x, k, partial], [Math.ceil(COLUMNS / columnsPerGroup), SLICES, 1]);
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
