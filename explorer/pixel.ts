// Where a number of a map comes from: the terms of its sum, and the part of the image that it depends on.

import { BASE_LAYERS, type LayerName } from '../src/architecture.js';
import type { LayerMap } from './layer_map.js';

/** A convolution's weights: kernel (O,C,3,3), bias (O). */
export interface ConvNumbers {
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

export interface Term {
  /** From the pixel itself: -1 above and left, 1 below and right. */
  readonly row: number;
  readonly column: number;
  readonly channel: number;
  readonly x: number;
  readonly weight: number;
  readonly product: number;
}

export interface PixelSum {
  /** The largest by magnitude first; those that read the border's zeros are left out. */
  readonly terms: readonly Term[];
  readonly bias: number;
  /** Of all products and the bias, before ReLU. */
  readonly sum: number;
}

/** The sum that a convolution computes for channel o at (h,w), in double precision. */
export function pixelSum(
  { data, shape }: LayerMap,
  { kernel, bias }: ConvNumbers,
  { h, w, o }: { readonly h: number; readonly w: number; readonly o: number },
): PixelSum {
  const [H, W, C] = shape as [number, number, number];
  const terms: Term[] = [];
  let sum = bias[o]!;
  for (const row of [-1, 0, 1]) {
    for (const column of [-1, 0, 1]) {
      if (h + row < 0 || h + row >= H || w + column < 0 || w + column >= W) continue;
      for (let channel = 0; channel < C; channel++) {
        const x = data[((h + row) * W + w + column) * C + channel]!;
        const weight = kernel[(o * C + channel) * 9 + (row + 1) * 3 + column + 1]!;
        sum += x * weight;
        terms.push({ row, column, channel, x, weight, product: x * weight });
      }
    }
  }
  terms.sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
  return { terms, bias: bias[o]!, sum };
}

/** A square of the image, in pixels of the network's input; it may reach over the border. */
export interface Field {
  readonly top: number;
  readonly left: number;
  readonly side: number;
}

/** The part of the image that a pixel of a layer's map depends on. */
export function receptiveField(layer: LayerName, h: number, w: number): Field {
  let [side, jump, start] = [1, 1, 0];
  for (const { name, operation } of BASE_LAYERS) {
    if (operation === 'conv3x3') {
      side += 2 * jump;
      start -= jump;
    } else {
      side += jump;
      jump *= 2;
    }
    if (name === layer) break;
  }
  return { top: start + h * jump, left: start + w * jump, side };
}
