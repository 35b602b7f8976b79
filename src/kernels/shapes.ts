// What every launcher checks before it launches.

import { GpuError } from '../errors.js';
import type { Shape, Tensor, TensorDtype } from '../gpu/tensor.js';

/** Channels are padded to quads, so that four of them are one vec4. */
export function padToQuad(channels: number): number {
  return Math.ceil(channels / 4) * 4;
}

/** What a kernel of weights may be stored as; all else is f32. */
export const WEIGHT_DTYPES: readonly TensorDtype[] = ['f32', 'f16'];

/** @throws GpuError when the tensor has another shape, or is stored as none of `dtypes`. */
export function expectShape(
  label: string,
  tensor: Tensor,
  shape: Shape,
  dtypes: readonly TensorDtype[] = ['f32'],
): void {
  expectDtype(label, tensor, dtypes);
  if (tensor.shape.length !== shape.length || tensor.shape.some((side, i) => side !== shape[i])) {
    throw new GpuError(
      `${label}: ${tensor.label} is (${tensor.shape.join(',')}), expected (${shape.join(',')})`,
    );
  }
}

/** Other bytes than the kernel reads would be wrong numbers, not an error. */
function expectDtype(label: string, tensor: Tensor, dtypes: readonly TensorDtype[]): void {
  if (!dtypes.includes(tensor.dtype)) {
    throw new GpuError(
      `${label}: ${tensor.label} is stored as ${tensor.dtype}, expected ${dtypes.join(' or ')}`,
    );
  }
}

type Sides<Rank extends 2 | 4> = Rank extends 2 ? [number, number] : [number, number, number, number];

/**
 * The sides of a tensor of this rank whose last side is a multiple of 4.
 *
 * @throws GpuError when it is not, or the tensor is stored as none of `dtypes`.
 */
export function expectSides<Rank extends 2 | 4>(
  label: string,
  tensor: Tensor,
  rank: Rank,
  dtypes: readonly TensorDtype[] = ['f32'],
): Sides<Rank> {
  expectDtype(label, tensor, dtypes);
  const { shape } = tensor;
  const inQuads = shape[shape.length - 1]! % 4 === 0;
  if (shape.length !== rank || !inQuads || shape.some((side) => !Number.isInteger(side) || side < 1)) {
    throw new GpuError(
      `${label}: ${tensor.label} is (${shape.join(',')}), expected ${rank} sides of which the last is a multiple of 4`,
    );
  }
  return [...shape] as Sides<Rank>;
}
