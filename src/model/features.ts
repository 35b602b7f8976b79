// What a layer makes of a picture.

import { GpuError } from '../errors.js';

export interface Features {
  /** Row-major. */
  readonly data: Float32Array;
  /** (H,W,C), or (D) from fc1 on, or (C) averaged. */
  readonly shape: readonly number[];
}

/** Averages (H,W,C) over height and width, into (C). What has no height and width stays as it is. */
export function averageOverSpace({ data, shape }: Features): Features {
  if (shape.length < 3) return { data, shape };
  const [H, W, C] = shape as [number, number, number];
  const sums = new Float64Array(C);
  for (let i = 0; i < data.length; i++) sums[i % C]! += data[i]!;
  return { data: Float32Array.from(sums, (sum) => sum / (H * W)), shape: [C] };
}

/** @throws GpuError for numbers that are no answer, however they came about. */
export function checkFinite(layer: string, data: Float32Array): void {
  if (data.every(Number.isFinite)) return;
  throw new GpuError(
    `${layer}: the result holds NaN or infinity: these weights' activations overflow, or the adapter computes wrongly; ` +
      'see `vgg16 doctor`',
  );
}
