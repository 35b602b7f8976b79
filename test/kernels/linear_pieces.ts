// Kernels in pieces of columns, as linear takes them.

import type { Gpu } from '../../src/gpu/gpu.js';
import { Tensor } from '../../src/gpu/tensor.js';
import type { LinearPiece } from '../../src/kernels/linear/pieces.js';
import { poisoned, type RandomTensor, stored } from '../support/kernel.js';

/** Where to cut O columns: nowhere, and where there is room at two odd places. */
export function cutsOf(O: number): readonly (readonly number[])[] {
  return O > 12 ? [[], [8, O - 4]] : [[]];
}

/** The columns of k (D,O), cut at the given ones. */
export async function cut(gpu: Gpu, k: RandomTensor, cuts: readonly number[]): Promise<LinearPiece[]> {
  const [D, O] = k.tensor.shape as [number, number];
  return Promise.all(
    spans(O, cuts).map(async ([first, columns]) => {
      const values = Float32Array.from(
        { length: D * columns },
        (_, at) => k.values[Math.floor(at / columns) * O + first + (at % columns)]!,
      );
      const bits = stored(values, k.tensor.dtype);
      return { first, k: await Tensor.from(gpu, `k from ${first}`, [D, columns], bits) };
    }),
  );
}

/** Pieces of a gradient (D,O), to be written. */
export async function poisonedPieces(
  gpu: Gpu,
  [D, O]: readonly [number, number],
  cuts: readonly number[],
): Promise<LinearPiece[]> {
  return Promise.all(
    spans(O, cuts).map(async ([first, columns]) => ({
      first,
      k: await poisoned(gpu, `dk from ${first}`, [D, columns]),
    })),
  );
}

/** The whole (D,O) again. */
export async function joined(
  pieces: readonly LinearPiece[],
  [D, O]: readonly [number, number],
): Promise<Float32Array> {
  const whole = new Float32Array(D * O);
  for (const { first, k } of pieces) {
    const columns = k.shape[1]!;
    const values = await k.read();
    for (let d = 0; d < D; d++) whole.set(values.subarray(d * columns, (d + 1) * columns), d * O + first);
  }
  return whole;
}

function spans(O: number, cuts: readonly number[]): [first: number, columns: number][] {
  const edges = [0, ...cuts, O];
  return edges.slice(0, -1).map((first, i) => [first, edges[i + 1]! - first]);
}
