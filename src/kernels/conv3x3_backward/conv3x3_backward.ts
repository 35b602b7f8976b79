// Launches the gradients of conv3x3: by its input, its kernel and its bias. A ReLU's part in dy comes before them.

import { GpuError } from '../../errors.js';
import { type Workgroups, workgroupsFor } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { type Conv3x3Choice, defaultConv3x3 } from '../conv3x3/candidates.js';
import { conv3x3 } from '../conv3x3/conv3x3.js';
import { defaultScratchBytes } from '../conv3x3/defaults.js';
import { type Conv3x3Sizes, WINOGRAD_RUNGS } from '../conv3x3/rungs.js';
import { chunksOf } from '../conv3x3/winograd.js';
import { expectShape, expectSides } from '../shapes.js';
import naive from './01_naive.wgsl';
import registerBlocked from './02_register_blocked.wgsl';
import winogradGradient from './03_winograd_gradient.wgsl';
import winogradKernel from './03_winograd_kernel.wgsl';
import winogradProduct from './03_winograd_product.wgsl';
import subgroupProduct from './04_subgroup.wgsl';
import bias from './bias.wgsl';
import rotate from './rotate.wgsl';
import { bestBackwardRung, type Conv3x3BackwardRung, whyNotBackward } from './rungs.js';
import sum from './sum.wgsl';

/** r (3,3,O,C) = k (3,3,C,O) turned by 180 degrees, with its channels exchanged. @throws GpuError where shapes do not fit */
export function rotateKernel(
  recorder: Recorder,
  { label, k, r }: { readonly label: string; readonly k: Tensor; readonly r: Tensor },
): void {
  const [, , C, O] = expectSides(label, k, 4);
  expectShape(label, k, [3, 3, C, O]);
  expectShape(label, r, [3, 3, O, C]);
  const kernel: Kernel = { name: 'conv3x3_backward/rotate', wgsl: rotate };
  const layer = recorder.constants(`${label} sizes`, [C, O]);
  recorder.dispatch(label, kernel, [k, r, layer], each(recorder.gpu, kernel, (9 * C * O) / 16));
}

export interface Conv3x3BackwardInputArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,H,W,O), O a multiple of 4. */
  readonly dy: Tensor;
  /** What `rotateKernel` made of the kernel, (3,3,O,C); for Winograd's rungs, what `winogradFilter` made of that. */
  readonly r: Tensor;
  /** (N,H,W,C): what the layer read, if a ReLU gave it; dx is then zero where that is not above zero. */
  readonly mask?: Tensor | undefined;
  /** (N,H,W,C), C a multiple of 4; overwritten. */
  readonly dx: Tensor;
  /** How conv3x3 computes it, C and O exchanged; `defaultConv3x3` by default. */
  readonly choice?: Conv3x3Choice;
}

/**
 * dx[n,h,w,c] = sum_{i,j,o} dy[n,h-i+1,w-j+1,o] * k[i,j,c,o]: a convolution of dy.
 *
 * @throws GpuError where shapes do not fit each other or the adapter
 */
export function conv3x3BackwardInput(
  recorder: Recorder,
  { label, dy, r, mask, dx, choice }: Conv3x3BackwardInputArguments,
): void {
  const [, , , C] = expectSides(label, dx, 4);
  const O = dy.shape.at(-1)!;
  const b = mask ?? recorder.constants(`${label} no bias`, new Array<number>(C).fill(0));
  conv3x3(recorder, {
    ...{ label, x: dy, k: r, b, y: dx, relu: false, mask: mask !== undefined },
    ...(choice ?? defaultConv3x3(recorder.gpu, { C: O, O: C })),
  });
}

/** How the gradient by a kernel is computed. */
export interface Conv3x3BackwardChoice {
  readonly rung: Conv3x3BackwardRung;
  readonly tiling?: Readonly<Record<string, number>>;
  /** Into how many slices the pixels are split, at most. */
  readonly slices?: number;
  /** What v and z of Winograd's passes may take each, in bytes; as conv3x3's by default. */
  readonly scratchBytes?: number;
}

export interface Conv3x3BackwardKernelArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** What the layer read: (N,H,W,C), C a multiple of 4. */
  readonly x: Tensor;
  /** (N,H,W,O), O a multiple of 4. */
  readonly dy: Tensor;
  /** (3,3,C,O) */
  readonly dk: Tensor;
  /** Whether the gradient is added to what dk holds; false overwrites it. */
  readonly accumulate?: boolean;
  readonly choice?: Conv3x3BackwardChoice | undefined;
}

/**
 * dk[i,j,c,o] = sum_{n,h,w} x[n,h+i-1,w+j-1,c] * dy[n,h,w,o].
 *
 * @throws GpuError where shapes do not fit each other or the adapter, or the adapter has not what the rung requires
 */
export function conv3x3BackwardKernel(recorder: Recorder, args: Conv3x3BackwardKernelArguments): void {
  const { label, x, dy, dk, accumulate = false } = args;
  const [N, H, W, C] = expectSides(label, x, 4);
  const [, , , O] = expectSides(label, dy, 4);
  expectShape(label, dy, [N, H, W, O]);
  expectShape(label, dk, [3, 3, C, O]);
  const choice = args.choice ?? { rung: bestBackwardRung(recorder.gpu) };
  const reason = whyNotBackward(recorder.gpu, choice.rung);
  if (reason) throw new GpuError(`${label}: ${choice.rung} ${reason}`);
  const launch = { '01_naive': launchNaive, '02_register_blocked': launchRegisterBlocked }[
    choice.rung as string
  ];
  (launch ?? launchWinograd)(recorder, { label, x, dy, dk, accumulate, choice }, { N, H, W, C, O });
}

type Launch = Required<Omit<Conv3x3BackwardKernelArguments, 'choice'>> & {
  readonly choice: Conv3x3BackwardChoice;
};

function launchNaive(
  recorder: Recorder,
  { label, x, dy, dk, accumulate, choice: { tiling = {} } }: Launch,
  { H, W, C, O }: Conv3x3Sizes,
): void {
  const kernel: Kernel = { name: 'conv3x3_backward/01_naive', wgsl: naive, tiling };
  const layer = recorder.constants(`${label} sizes`, [H, W, C, O, Number(accumulate)]);
  const columns = Math.ceil(O / tilingOf(kernel, 'BN'));
  const rows = Math.ceil((9 * C) / tilingOf(kernel, 'BM'));
  recorder.dispatch(label, kernel, [x, dy, layer, dk], [columns, rows, 1]);
}

/** Workgroups that a product should have at least, so that every core has work. */
const WORKGROUPS = { software: 16, hardware: 512 };

/** Into how many slices a sum of `depth` is split, of which each needs `bytes` of scratch. */
function slicesOf(
  gpu: Gpu,
  { slices }: Conv3x3BackwardChoice,
  { workgroups, depth, bytes }: { workgroups: number; depth: number; bytes: number },
): number {
  const { isSoftware } = gpu.info;
  const wanted = slices ?? Math.ceil(WORKGROUPS[isSoftware ? 'software' : 'hardware'] / workgroups);
  const room = Math.floor(Math.max(defaultScratchBytes(gpu), bytes) / bytes);
  return Math.max(1, Math.min(wanted, depth, room));
}

function launchRegisterBlocked(
  recorder: Recorder,
  { label, x, dy, dk, accumulate, choice }: Launch,
  { N, H, W, C, O }: Conv3x3Sizes,
): void {
  const { gpu } = recorder;
  const kernel: Kernel = {
    name: 'conv3x3_backward/02_register_blocked',
    wgsl: registerBlocked,
    tiling: { BM: C < 64 ? Math.ceil(C / 8) * 8 : 64, ...choice.tiling },
  };
  const columns = Math.ceil(O / tilingOf(kernel, 'BN'));
  const rows = 9 * Math.ceil(C / tilingOf(kernel, 'BM'));
  const wanted = slicesOf(gpu, choice, { workgroups: columns * rows, depth: N * H, bytes: dk.byteLength });
  const rowsEach = Math.ceil((N * H) / wanted);
  const slices = Math.ceil((N * H) / rowsEach);
  const layer = recorder.constants(`${label} sizes`, [H, W, C, O, rowsEach]);
  const partial = recorder.temporary(`${label} slices of dk`, [slices, 3, 3, C, O]);
  recorder.dispatch(label, kernel, [x, dy, layer, partial], [columns, rows, slices]);
  sumSlices(recorder, { label, partial, y: dk, accumulate });
}

function launchWinograd(
  recorder: Recorder,
  { label, x, dy, dk, accumulate, choice }: Launch,
  sizes: Conv3x3Sizes,
): void {
  const { gpu } = recorder;
  const { H, W, C, O } = sizes;
  const { rung, tiling = {}, scratchBytes = defaultScratchBytes(gpu) } = choice;
  const [, input] = WINOGRAD_RUNGS['05_winograd_4x4'].passes;
  const { tiles, chunk } = chunksOf('05_winograd_4x4', sizes, scratchBytes);
  const toV: Kernel = { name: 'conv3x3/05_winograd_4x4_input', wgsl: input };
  const toZ: Kernel = { name: 'conv3x3_backward/03_winograd_gradient', wgsl: winogradGradient };
  const multiply: Kernel =
    rung === '04_subgroup'
      ? { name: 'conv3x3_backward/04_subgroup', wgsl: subgroupProduct, tiling }
      : { name: 'conv3x3_backward/03_winograd_product', wgsl: winogradProduct, tiling };
  const toDk: Kernel = { name: 'conv3x3_backward/03_winograd_kernel', wgsl: winogradKernel };

  const columns = Math.ceil(O / tilingOf(multiply, 'BN'));
  const rows = Math.ceil(C / tilingOf(multiply, 'BM'));
  const work = { workgroups: POINTS * columns * rows, depth: chunk, bytes: 4 * POINTS * C * O };
  const slices = slicesOf(gpu, choice, work);
  const v = recorder.temporary(`${label} transformed input`, [POINTS, chunk, C]);
  const z = recorder.temporary(`${label} transformed gradient`, [POINTS, chunk, O]);
  const m = recorder.temporary(`${label} products`, [slices, C, POINTS, O]);
  for (let start = 0; start < tiles; start += chunk) {
    const T = Math.min(chunk, tiles - start);
    const where = recorder.constants(`${label} chunk of tiles`, [start, H, W, C, O]);
    const sums = recorder.constants(`${label} sums`, [C, O, Math.ceil(T / slices), Number(start > 0)]);
    const [v_part, z_part] = [v.view(v.label, [POINTS, T, C]), z.view(z.label, [POINTS, T, O])];
    recorder.dispatch(label, toV, [x, where, v_part], each(gpu, toV, T * C));
    recorder.dispatch(label, toZ, [dy, where, z_part], each(gpu, toZ, T * O));
    recorder.dispatch(label, multiply, [v_part, z_part, sums, m], [columns, rows, POINTS * slices]);
  }
  const layer = recorder.constants(`${label} slices`, [C, O, slices, Number(accumulate)]);
  recorder.dispatch(label, toDk, [m, layer, dk], each(gpu, toDk, (C * O) / 4));
}

/** Points of a tile of 4x4 pixels. */
const POINTS = 36;

/** Pixels that a slice of a bias's gradient has at least. */
const BIAS_ROWS = 64;
const MAX_BIAS_SLICES = 256;

export interface Conv3x3BackwardBiasArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,H,W,O), O a multiple of 4. */
  readonly dy: Tensor;
  /** (O) */
  readonly db: Tensor;
  /** Whether the gradient is added to what db holds; false overwrites it. */
  readonly accumulate?: boolean;
}

/** db[o] = sum_{n,h,w} dy[n,h,w,o]. @throws GpuError where shapes do not fit each other or the adapter */
export function conv3x3BackwardBias(
  recorder: Recorder,
  { label, dy, db, accumulate = false }: Conv3x3BackwardBiasArguments,
): void {
  const [N, H, W, O] = expectSides(label, dy, 4);
  expectShape(label, db, [O]);
  const pixels = N * H * W;
  const rowsEach = Math.max(BIAS_ROWS, Math.ceil(pixels / MAX_BIAS_SLICES));
  const slices = Math.ceil(pixels / rowsEach);
  const kernel: Kernel = { name: 'conv3x3_backward/bias', wgsl: bias };
  const partial = recorder.temporary(`${label} slices of db`, [slices, O]);
  const layer = recorder.constants(`${label} slices`, [O, rowsEach]);
  recorder.dispatch(label, kernel, [dy, layer, partial], each(recorder.gpu, kernel, (slices * O) / 4));
  sumSlices(recorder, { label, partial, y: db, accumulate });
}

function sumSlices(
  recorder: Recorder,
  args: {
    readonly label: string;
    readonly partial: Tensor;
    readonly y: Tensor;
    readonly accumulate: boolean;
  },
): void {
  const { label, partial, y, accumulate } = args;
  const kernel: Kernel = { name: 'conv3x3_backward/sum', wgsl: sum };
  const layer = recorder.constants(`${label} slices`, [partial.shape[0]!, Number(accumulate)]);
  recorder.dispatch(label, kernel, [partial, layer, y], each(recorder.gpu, kernel, y.size / 4));
}

/** A thread for each of `count`. */
function each(gpu: Gpu, kernel: Kernel, count: number): Workgroups {
  return workgroupsFor(gpu, count, tilingOf(kernel, 'THREADS'));
}
