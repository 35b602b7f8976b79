// What lies over the image: what speaks for a class, and what a pixel of a map depends on.

import type { Picture } from '../src/image/picture.js';
import type { Heat } from './answers.js';
import { byId } from './dom.js';
import { colourOf } from './maps.js';
import type { Field } from './pixel.js';

/** Paints what there is of both, and nothing else. */
export function drawOverlay(picture: Picture, heat: Heat | undefined, field: Field | undefined): void {
  const canvas = byId<HTMLCanvasElement>('overlay');
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext('2d')!;
  if (heat) paintHeat(context, heat, picture);
  if (field) paintField(context, field, picture);
}

function paintHeat(
  context: CanvasRenderingContext2D,
  { rows, columns, shares }: Heat,
  { width, height }: Picture,
): void {
  const small = new OffscreenCanvas(columns, rows);
  const image = new ImageData(columns, rows);
  for (const [p, share] of shares.entries())
    image.data.set([...colourOf(share), Math.round(190 * share)], 4 * p);
  small.getContext('2d')!.putImageData(image, 0, 0);
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, width, height);
}

/** Dark around light, to be seen on any image. */
function paintField(context: CanvasRenderingContext2D, { top, left, side }: Field, { width }: Picture): void {
  context.lineWidth = Math.max(1, width / 112);
  for (const [colour, grow] of [
    ['#000', context.lineWidth],
    ['#fff', 0],
  ] as const) {
    context.strokeStyle = colour;
    context.strokeRect(left - grow, top - grow, side + 2 * grow, side + 2 * grow);
  }
}
