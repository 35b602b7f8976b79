// What a layer makes of a picture.

import { GpuError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import { findNonFinite } from '../weights/floats.js';

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
  for (let at = 0; at < data.length; at += C) {
    for (let c = 0; c < C; c++) sums[c]! += data[at + c]!;
  }
  return { data: Float32Array.from(sums, (sum) => sum / (H * W)), shape: [C] };
}

/** @throws GpuError for numbers that are no answer, however they came about. */
export function checkFinite({ info }: Pick<Gpu, 'info'>, layer: string, data: Float32Array): void {
  // The null backend leaves in memory whatever was there.
  if (info.source === 'null') return;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (findNonFinite(bytes, 'F32') < 0) return;
  throw new GpuError(
    `${layer}: the result holds NaN or infinity: these weights' activations overflow, or the adapter computes wrongly; ` +
      'see `vgg16 doctor`',
  );
}
