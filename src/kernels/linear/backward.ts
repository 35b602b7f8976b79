// Launches the gradients of linear: by its input, its kernel and its bias. A ReLU's part in dy comes before them.

import { type Dispatch, prepare, workgroupsFor } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import backwardBias from './backward_bias.wgsl';
import backwardInput from './backward_input.wgsl';
import backwardKernel from './backward_kernel.wgsl';
import { expectPieces, type LinearLaunch, type LinearPiece, pieceConstants } from './pieces.js';

export interface LinearBackwardInputArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,O), O a multiple of 4. */
  readonly dy: Tensor;
  /** Pieces of the kernel (D,O), f32, in order of their columns, without gaps. */
  readonly pieces: readonly LinearPiece[];
  /** (N,D), D a multiple of 4; overwritten. */
  readonly dx: Tensor;
}

/**
 * dx = dy k^T. The pieces' parts are added in their order.
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export async function linearBackwardInput(
  gpu: Gpu,
  { label, dy, pieces, dx }: LinearBackwardInputArguments,
): Promise<LinearLaunch> {
  const [N, O] = expectSides(label, dy, 2);
  const [, D] = expectSides(label, dx, 2);
  expectShape(label, dx, [N, D]);
  expectPieces(label, pieces, [D, O]);
  const dispatches = pieces.map((piece) => {
    const kernel: Kernel = {
      name: 'linear/backward_input',
      wgsl: backwardInput,
      constants: { D, O, ...pieceConstants(piece) },
    };
    const [columns, more] = workgroupsFor(gpu, D, tilingOf(kernel, 'BN'));
    const rows = Math.ceil(N / tilingOf(kernel, 'BM'));
    return prepare(gpu, label, kernel, [dy, piece.k, dx], [columns, more, rows]);
  });
  return { dispatches: await Promise.all(dispatches), scratch: [] };
}

export interface LinearBackwardKernelArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** What the layer read: (N,D), D a multiple of 4. */
  readonly x: Tensor;
  /** (N,O), O a multiple of 4. */
  readonly dy: Tensor;
  /** Pieces of the gradient dk (D,O), cut as the kernel is; overwritten. */
  readonly pieces: readonly LinearPiece[];
}

/**
 * dk = x^T dy.
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export async function linearBackwardKernel(
  gpu: Gpu,
  { label, x, dy, pieces }: LinearBackwardKernelArguments,
): Promise<LinearLaunch> {
  const [N, D] = expectSides(label, x, 2);
  const [, O] = expectSides(label, dy, 2);
  expectShape(label, dy, [N, O]);
  expectPieces(label, pieces, [D, O]);
  const dispatches = pieces.map((piece) => {
    const kernel: Kernel = {
      name: 'linear/backward_kernel',
      wgsl: backwardKernel,
      constants: { D, O, ...pieceConstants(piece) },
    };
    const columns = Math.ceil(piece.k.shape[1]! / tilingOf(kernel, 'BN'));
    const [rows, more] = workgroupsFor(gpu, D, tilingOf(kernel, 'BM'));
    return prepare(gpu, label, kernel, [x, dy, piece.k], [columns, rows, more]);
  });
  return { dispatches: await Promise.all(dispatches), scratch: [] };
}

export interface LinearBackwardBiasArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,O), O a multiple of 4. */
  readonly dy: Tensor;
  /** (O); overwritten. */
  readonly db: Tensor;
}

/**
 * db = sum_n dy.
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export async function linearBackwardBias(
  gpu: Gpu,
  { label, dy, db }: LinearBackwardBiasArguments,
): Promise<Dispatch[]> {
  const [, O] = expectSides(label, dy, 2);
  expectShape(label, db, [O]);
  const kernel: Kernel = { name: 'linear/backward_bias', wgsl: backwardBias, constants: { O } };
  const groups = workgroupsFor(gpu, O / 4, tilingOf(kernel, 'THREADS'));
  return [await prepare(gpu, label, kernel, [dy, db], groups)];
}
