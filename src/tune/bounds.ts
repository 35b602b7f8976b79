// How far from float64 a rung may be, as NMSE.

import { type Conv3x3Rung, isWinograd } from '../kernels/conv3x3/conv3x3.js';
import { WINOGRAD_RUNGS } from '../kernels/conv3x3/winograd.js';

/**
 * Sums of products in float32 are off by up to 3e-13 in VGG16's layers, in whatever order; what is wrong, by 1e-4 and more, even
 * if it is one number in some thousands.
 */
export const LINEAR_BOUND = 1e-11;

/**
 * Direct sums as above. Winograd's are of numbers that its transforms made larger, and that cancel again: 2x2 tiles, which
 * add less, leave 2e-13, tiles of 4x4 up to 3e-12.
 */
export function conv3x3Bound(rung: Conv3x3Rung): number {
  // It rounds x to 11 bits, each number by up to 2^-11 of it: some 1e-7.
  if (rung === '07_subgroup_matrix') return 1e-6;
  if (!isWinograd(rung)) return 1e-11;
  return WINOGRAD_RUNGS[rung].side === 2 ? 1e-11 : 1e-10;
}
