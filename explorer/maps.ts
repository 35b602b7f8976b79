// Maps painted: a channel's numbers as colours.

import type { LayerMap } from './layer_map.js';

/** Colours from nothing to the most: dark, red, yellow, pale; told apart in grey as well. */
const STOPS: readonly (readonly [number, number, number])[] = [
  [12, 8, 38],
  [101, 21, 110],
  [212, 72, 66],
  [251, 176, 60],
  [252, 255, 190],
];

/** Colour of a share from 0 to 1. */
export function colourOf(share: number): [number, number, number] {
  const place = Math.min(1, Math.max(0, share)) * (STOPS.length - 1);
  const from = Math.min(STOPS.length - 2, Math.floor(place));
  const part = place - from;
  const [a, b] = [STOPS[from]!, STOPS[from + 1]!];
  return [0, 1, 2].map((i) => Math.round(a[i]! + (b[i]! - a[i]!) * part)) as [number, number, number];
}

/**
 * Paints a channel of a map (H,W,C), its largest number brightest.
 *
 * @param most  pixels per side at most: of a larger map every nth is taken
 */
export function paintChannel(
  canvas: HTMLCanvasElement,
  { data, shape }: LayerMap,
  channel: number,
  most = Number.POSITIVE_INFINITY,
): void {
  const [H, W, C] = shape as [number, number, number];
  const step = Math.max(1, Math.ceil(Math.max(H, W) / most));
  const [rows, columns] = [Math.ceil(H / step), Math.ceil(W / step)];
  let largest = 0;
  for (let i = channel; i < data.length; i += C) largest = Math.max(largest, data[i]!);
  canvas.width = columns;
  canvas.height = rows;
  const image = new ImageData(columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = data[(row * step * W + column * step) * C + channel]!;
      const at = 4 * (row * columns + column);
      image.data.set(colourOf(largest > 0 ? value / largest : 0), at);
      image.data[at + 3] = 255;
    }
  }
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}
