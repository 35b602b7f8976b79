// Launches linear: which rung, how the kernel's pieces and the depth are spread over workgroups.

import { GpuError } from '../../errors.js';
import { type Workgroups, workgroupsFor } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides, padToQuad, WEIGHT_DTYPES } from '../shapes.js';
import { weightStorage } from '../weight_storage.js';
import naive from './01_naive.wgsl';
import tiled from './02_tiled.wgsl';
import gemv from './03_gemv.wgsl';
import gemvSum from './03_gemv_sum.wgsl';
import registerBlocked from './04_register_blocked.wgsl';
import transpose from './04_transpose.wgsl';
import subgroup from './05_subgroup.wgsl';
import { expectPieces, type LinearPiece, pieceConstants } from './pieces.js';

/** The ladder; `03_gemv`, for a few rows, is two passes, as is `05_subgroup`, for more; `04_register_blocked` three. */
export const LINEAR_RUNGS = {
  '01_naive': [naive],
  '02_tiled': [tiled],
  '03_gemv': [gemv, gemvSum],
  '04_register_blocked': [transpose, registerBlocked, gemvSum],
  '05_subgroup': [subgroup, gemvSum],
} as const;

export type LinearRung = keyof typeof LINEAR_RUNGS;

/** Up to this batch a fully connected layer is a matrix times a few vectors. */
export const GEMV_MAX_BATCH = 8;

/** Threads of a subgroup that `05_subgroup` needs: a workgroup's rows. */
const MIN_SUBGROUP = 8;

/** Why `rung` cannot run here, as the end of a sentence; or undefined. */
export function whyNotLinear({ info }: Gpu, rung: LinearRung): string | undefined {
  if (rung !== '05_subgroup' || info.minSubgroup >= MIN_SUBGROUP) return undefined;
  return `needs subgroups of at least ${MIN_SUBGROUP} threads, the adapter has ${info.minSubgroup || 'none'}`;
}

/** Whether `rung` can run here. */
export function canRunLinear(gpu: Gpu, rung: LinearRung): boolean {
  return whyNotLinear(gpu, rung) === undefined;
}

/**
 * The fastest rung for a batch of that many rows on this adapter. `05_subgroup` was timed where CPUs compute, and is for them;
 * graphics cards keep `04_register_blocked`, which reads a kernel from memory a fourth as often.
 */
export function bestLinearRung(gpu: Gpu, N: number): LinearRung {
  if (N <= GEMV_MAX_BATCH) return '03_gemv';
  return gpu.info.isSoftware && canRunLinear(gpu, '05_subgroup') ? '05_subgroup' : '04_register_blocked';
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
  /** About how many workgroups the products are spread over, from `03_gemv` on. */
  readonly workgroups?: number | undefined;
}

/**
 * y = relu(x k + b).
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export function linear(recorder: Recorder, args: LinearArguments): void {
  const { gpu } = recorder;
  const { label, x, pieces, b, y } = args;
  const [N, D] = expectSides(label, x, 2);
  const [, O] = expectSides(label, y, 2);
  expectShape(label, y, [N, O]);
  expectShape(label, b, [O]);
  expectPieces(label, pieces, [D, O], WEIGHT_DTYPES);

  const rung = args.rung ?? bestLinearRung(gpu, N);
  const reason = whyNotLinear(gpu, rung);
  if (reason) throw new GpuError(`${label}: ${rung} ${reason}`);
  switch (rung) {
    case '03_gemv':
      launchGemv(recorder, args, [N, D, O]);
      break;
    case '04_register_blocked':
      launchBlocked(recorder, args, [N, D, O]);
      break;
    case '05_subgroup':
      launchSubgroup(recorder, args, [N, D, O]);
      break;
    default:
      launchTiles(recorder, args, rung, [N, D, O]);
  }
}

type Sizes = readonly [N: number, D: number, O: number];

function launchTiles(
  recorder: Recorder,
  { label, x, pieces, b, y, relu }: LinearArguments,
  rung: '01_naive' | '02_tiled',
  [N, D, O]: Sizes,
): void {
  for (const piece of pieces) {
    const kernel: Kernel = {
      name: `linear/${rung}`,
      wgsl: LINEAR_RUNGS[rung][0],
      constants: { D, O, ...pieceConstants(piece), RELU: Number(relu) },
      weights: weightStorage(piece.k),
    };
    const columns = Math.ceil(piece.k.shape[1]! / tilingOf(kernel, 'BN'));
    recorder.dispatch(label, kernel, [x, piece.k, b, y], [columns, Math.ceil(N / tilingOf(kernel, 'BM')), 1]);
  }
}

/** Rows of k below which a slice is not worth a workgroup. */
const MIN_DEPTH = 64;

/** The depth cut into slices for about `workgroups` of them, `others` of which work on one slice: whole quads each. */
function sliced(D: number, workgroups: number, others: number): { DEPTH: number; SLICES: number } {
  const wanted = Math.ceil(workgroups / others);
  const DEPTH = Math.max(MIN_DEPTH, Math.ceil(D / wanted / 4) * 4);
  return { DEPTH, SLICES: Math.ceil(D / DEPTH) };
}

/** Enough workgroups to fill a large GPU several times over; more would only lengthen the second pass. */
const GEMV_WORKGROUPS = 1024;

function launchGemv(recorder: Recorder, args: LinearArguments, [N, D, O]: Sizes): void {
  const { label, x, pieces, workgroups = GEMV_WORKGROUPS } = args;
  const columns = 4 * tilingOf({ name: 'linear/03_gemv', wgsl: gemv }, 'THREADS');
  const { DEPTH, SLICES } = sliced(D, workgroups, Math.ceil(O / columns));
  const partial = recorder.temporary(`${label} partial sums`, [SLICES, N, O]);
  for (const piece of pieces) {
    const kernel: Kernel = {
      name: 'linear/03_gemv',
      wgsl: gemv,
      tiling: { BATCH: N },
      weights: weightStorage(piece.k),
    };
    const { FIRST, COLUMNS } = pieceConstants(piece);
    const where = recorder.constants(`${label} piece`, [D, O, FIRST, COLUMNS, DEPTH]);
    const groups = [Math.ceil(COLUMNS / columns), SLICES, 1] as const;
    recorder.dispatch(label, kernel, [x, piece.k, where, partial], groups);
  }
  launchSum(recorder, args, partial);
}

/**
 * Fewer than a gemv's: a slice's partial sums are as many as the numbers of y, which has more rows. Where a CPU computes, few
 * workgroups keep it busy, and partial sums go through its memory.
 */
const BLOCKED_WORKGROUPS = { hardware: 512, software: 128 };

function launchBlocked(recorder: Recorder, args: LinearArguments, sizes: Sizes): void {
  const { label, x } = args;
  const [N, D] = sizes;
  const xt = recorder.temporary(`${label} input, transposed`, [D, padToQuad(N)]);
  const turn: Kernel = { name: 'linear/04_transpose', wgsl: transpose, constants: { D, N } };
  const [depths, more] = workgroupsFor(recorder.gpu, D / 4, tilingOf(turn, 'THREADS'));
  recorder.dispatch(label, turn, [x, xt], [depths, more, padToQuad(N) / 4]);
  const kernel = { name: 'linear/04_register_blocked', wgsl: registerBlocked };
  launchSliced(recorder, args, sizes, kernel, xt, (columns, slices, rows) => [columns, slices, rows]);
}

function launchSubgroup(recorder: Recorder, args: LinearArguments, sizes: Sizes): void {
  const kernel = { name: 'linear/05_subgroup', wgsl: subgroup };
  launchSliced(recorder, args, sizes, kernel, args.x, (columns, slices, rows) => [rows, columns, slices]);
}

/** @param order  of the workgroups: those that follow each other should read the same */
function launchSliced(
  recorder: Recorder,
  args: LinearArguments,
  [N, D, O]: Sizes,
  product: Pick<Kernel, 'name' | 'wgsl'>,
  x: Tensor,
  order: (columns: number, slices: number, rows: number) => Workgroups,
): void {
  const { label, pieces } = args;
  const BN = tilingOf(product, 'BN');
  const rows = Math.ceil(N / tilingOf(product, 'BM'));
  const { isSoftware } = recorder.gpu.info;
  const workgroups = args.workgroups ?? BLOCKED_WORKGROUPS[isSoftware ? 'software' : 'hardware'];
  const { DEPTH, SLICES } = sliced(D, workgroups, rows * Math.ceil(O / BN));
  const partial = recorder.temporary(`${label} partial sums`, [SLICES, N, O]);
  for (const piece of pieces) {
    const constants = { N, D, O, ...pieceConstants(piece), DEPTH };
    const kernel: Kernel = { ...product, constants, weights: weightStorage(piece.k) };
    const groups = order(Math.ceil(piece.k.shape[1]! / BN), SLICES, rows);
    recorder.dispatch(label, kernel, [x, piece.k, partial], groups);
  }
  launchSum(recorder, args, partial);
}

/** The last pass of all three: partial sums (SLICES,N,O) into y. */
function launchSum(recorder: Recorder, { label, b, y, relu }: LinearArguments, partial: Tensor): void {
  const [SLICES, N, O] = partial.shape as [number, number, number];
  const kernel: Kernel = { name: 'linear/03_gemv_sum', wgsl: gemvSum };
  const layer = recorder.constants(`${label} sizes`, [O, SLICES, Number(relu)]);
  const groups = workgroupsFor(recorder.gpu, (N * O) / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [partial, b, layer, y], groups);
}
