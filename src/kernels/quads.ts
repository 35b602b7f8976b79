// What kernels ask of tensors of any shape, which they read as one row of quads.

import { GpuError } from '../errors.js';
import type { Tensor } from '../gpu/tensor.js';
import { expectShape } from './shapes.js';

/**
 * How many quads a tensor of f32 has.
 *
 * @throws GpuError when its values fill no whole number of them, or are not f32.
 */
export function quadsOf(label: string, tensor: Tensor): number {
  expectShape(label, tensor, tensor.shape);
  if (tensor.size === 0 || tensor.size % 4 !== 0) {
    throw new GpuError(
      `${label}: ${tensor.label} is (${tensor.shape.join(',')}), expected a number of values that 4 divides`,
    );
  }
  return tensor.size / 4;
}
