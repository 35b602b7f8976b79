// Launches the gradients of linear: by its input, its kernel and its bias. A ReLU's part in dy comes before them.

import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import backwardBias from './backward_bias.wgsl';
import backwardInput from './backward_input.wgsl';
import backwardKernel from './backward_kernel.wgsl';
import { expectPieces, type LinearPiece, pieceConstants } from './pieces.js';

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
export function linearBackwardInput(
  recorder: Recorder,
  { label, dy, pieces, dx }: LinearBackwardInputArguments,
): void {
  const [N, O] = expectSides(label, dy, 2);
  const [, D] = expectSides(label, dx, 2);
  expectShape(label, dx, [N, D]);
  expectPieces(label, pieces, [D, O]);
  for (const piece of pieces) {
    const kernel: Kernel = {
      name: 'linear/backward_input',
      wgsl: backwardInput,
      constants: { D, O, ...pieceConstants(piece) },
    };
    const [columns, more] = workgroupsFor(recorder.gpu, D, tilingOf(kernel, 'BN'));
    const rows = Math.ceil(N / tilingOf(kernel, 'BM'));
    recorder.dispatch(label, kernel, [dy, piece.k, dx], [columns, more, rows]);
  }
}

export interface LinearBackwardKernelArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** What the layer read: (N,D), D a multiple of 4. */
  readonly x: Tensor;
  /** (N,O), O a multiple of 4. */
  readonly dy: Tensor;
  /** Pieces of the gradient dk (D,O), cut as the kernel is. */
  readonly pieces: readonly LinearPiece[];
  /** Whether the gradient is added to what they hold; false overwrites it. */
  readonly accumulate?: boolean;
}

/**
 * dk = x^T dy.
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export function linearBackwardKernel(
  recorder: Recorder,
  { label, x, dy, pieces, accumulate = false }: LinearBackwardKernelArguments,
): void {
  const [N, D] = expectSides(label, x, 2);
  const [, O] = expectSides(label, dy, 2);
  expectShape(label, dy, [N, O]);
  expectPieces(label, pieces, [D, O]);
  for (const piece of pieces) {
    const kernel: Kernel = {
      name: 'linear/backward_kernel',
      wgsl: backwardKernel,
      constants: { D, O, ...pieceConstants(piece), ...(accumulate && { ACCUMULATE: 1 }) },
    };
    const columns = Math.ceil(piece.k.shape[1]! / tilingOf(kernel, 'BN'));
    const [rows, more] = workgroupsFor(recorder.gpu, D, tilingOf(kernel, 'BM'));
    recorder.dispatch(label, kernel, [x, dy, piece.k], [columns, rows, more]);
  }
}

export interface LinearBackwardBiasArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** (N,O), O a multiple of 4. */
  readonly dy: Tensor;
  /** (O) */
  readonly db: Tensor;
  /** Whether the gradient is added to what db holds; false overwrites it. */
  readonly accumulate?: boolean;
}

/**
 * db = sum_n dy.
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export function linearBackwardBias(
  recorder: Recorder,
  { label, dy, db, accumulate = false }: LinearBackwardBiasArguments,
): void {
  const [, O] = expectSides(label, dy, 2);
  expectShape(label, db, [O]);
  const constants = { O, ...(accumulate && { ACCUMULATE: 1 }) };
  const kernel: Kernel = { name: 'linear/backward_bias', wgsl: backwardBias, constants };
  const groups = workgroupsFor(recorder.gpu, O / 4, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [dy, db], groups);
}
