// The shapes on which kernels are tested: small, odd, and on both sides of every tile's edge. And how weights are stored.

import type { TensorDtype } from '../../src/gpu/tensor.js';

/** Where an adapter has no shader-f16, the second is the third. */
export const STORAGES = [
  { weights: 'f32', dtype: 'f32', without: [] },
  { weights: 'f16', dtype: 'f16', without: [] },
  { weights: 'packed-f16', dtype: 'f16', without: ['shader-f16'] },
] as const;

/** Each rung with each storage. */
export function withStorages<Rung>(rungs: readonly Rung[]) {
  return rungs.flatMap((rung) => STORAGES.map((storage) => ({ rung, ...storage })));
}

/** How weights are read does not depend on the picture: for f16 those cases do that have more than a few columns of them. */
export function casesFor<Case extends { readonly O: number }>(
  cases: readonly Case[],
  dtype: TensorDtype,
): readonly Case[] {
  return dtype === 'f32' ? cases : cases.filter(({ O }) => O > 16);
}

export const CONV3X3_CASES = [
  { N: 1, H: 1, W: 1, C: 4, O: 4, relu: true, why: 'one pixel: only the middle tap is inside' },
  { N: 1, H: 2, W: 3, C: 4, O: 4, relu: false, why: 'smaller than any tile' },
  { N: 2, H: 5, W: 7, C: 4, O: 12, relu: true, why: 'odd sides, more than one picture, O less than a tile' },
  { N: 1, H: 8, W: 8, C: 16, O: 64, relu: false, why: 'exactly one 64x64 tile' },
  { N: 1, H: 9, W: 8, C: 20, O: 68, relu: true, why: 'just over the tile in M, K and O' },
  { N: 3, H: 6, W: 11, C: 36, O: 20, relu: false, why: 'tiles that span pictures' },
  { N: 1, H: 1, W: 70, C: 8, O: 8, relu: true, why: 'one row' },
  { N: 1, H: 70, W: 1, C: 8, O: 8, relu: false, why: 'one column' },
] as const;

/** Rows up to which `03_gemv` is worth compiling: its sums are written out, row by row. */
export const GEMV_MAX_CASE = 17;

export const LINEAR_CASES = [
  { N: 1, D: 4, O: 4, relu: true, why: 'one quad' },
  { N: 1, D: 260, O: 300, relu: false, why: 'more than one column group, depth no multiple of a slice' },
  { N: 3, D: 68, O: 20, relu: true, why: 'a few rows' },
  { N: 8, D: 132, O: 12, relu: false, why: 'the largest batch of gemv' },
  { N: 17, D: 36, O: 40, relu: true, why: 'just over the 16x16 tile in every side' },
  { N: 33, D: 132, O: 140, relu: false, why: 'just over the 32x128 tile in every side, three slices' },
] as const;

/** What the gradients of linear are tested on. */
export const LINEAR_BACKWARD_CASES = [
  { N: 1, D: 4, O: 4, why: 'one quad' },
  { N: 2, D: 36, O: 20, why: 'a few rows, fewer columns than lanes read at once' },
  { N: 31, D: 68, O: 76, why: 'one row less than a tile, just over it in depth and columns' },
  { N: 32, D: 64, O: 64, why: 'whole tiles only' },
  { N: 33, D: 28, O: 132, why: 'one row more than a tile, columns for all lanes several times' },
] as const;

export const AVGPOOL_CASES = [
  { N: 1, H: 1, W: 1, C: 4, why: 'one position, one quad' },
  { N: 2, H: 3, W: 5, C: 12, why: 'odd sides, fewer positions than lanes, quads less than a workgroup' },
  { N: 3, H: 7, W: 7, C: 20, why: 'more quads than a workgroup, and not twice as many' },
  { N: 2, H: 8, W: 8, C: 16, why: 'exactly the lanes and the quads of one workgroup' },
  { N: 1, H: 13, W: 5, C: 32, why: 'one position more than lanes' },
  { N: 2, H: 1, W: 200, C: 8, why: 'one row' },
  { N: 1, H: 224, W: 224, C: 8, why: 'a block1 feature map' },
] as const;

/** Of windows that do not overlap. */
export const WINDOW_CASES = [
  { N: 1, H: 7, W: 7, C: 4, window: 4, why: 'one window, and a border that fills none' },
  { N: 2, H: 6, W: 9, C: 20, window: 3, why: 'whole windows, quads more than a workgroup' },
  { N: 3, H: 5, W: 4, C: 8, window: 2, why: 'windows of fewer pixels than lanes' },
  { N: 1, H: 21, W: 10, C: 8, window: 9, why: 'windows of more pixels than lanes' },
] as const;

export const MAXPOOL2X2_CASES = [
  { N: 1, H: 2, W: 2, C: 4, why: 'one window' },
  { N: 2, H: 5, W: 7, C: 12, why: 'odd sides: last row and column left out' },
  { N: 3, H: 3, W: 2, C: 20, why: 'one window a picture' },
] as const;

/** For what treats a batch of rows quad by quad. */
export const ROWS_CASES = [
  { N: 1, O: 4, why: 'one quad' },
  { N: 3, O: 20, why: 'fewer quads than a workgroup' },
  { N: 5, O: 52, why: 'one quad more than a workgroup' },
] as const;

export const SOFTMAX_CROSS_ENTROPY_CASES = [
  { N: 1, classes: 2, smoothing: 0, weighted: false, ignored: 0, why: 'one row, two classes' },
  { N: 1, classes: 1, smoothing: 0.1, weighted: false, ignored: 0, why: 'one class: no loss, no gradient' },
  { N: 5, classes: 10, smoothing: 0.1, weighted: true, ignored: 2, why: 'rows without a picture, padding' },
  { N: 70, classes: 7, smoothing: 0, weighted: true, ignored: 1, why: 'more rows than threads' },
  { N: 3, classes: 65, smoothing: 0.3, weighted: false, ignored: 0, why: 'one class more than threads' },
  { N: 2, classes: 3001, smoothing: 0.1, weighted: true, ignored: 0, why: 'thousands of classes' },
] as const;

/** Values of the gradients of a head, tensor by tensor. */
export const GRADIENT_NORM_CASES = [
  { sizes: [4], why: 'one quad' },
  { sizes: [64, 4, 4100], why: 'several tensors, of one slice and of several' },
  { sizes: [300_004], why: 'more quads than all slices have threads' },
] as const;
