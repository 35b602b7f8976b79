// How a view of a picture is varied: drawn numbers into one affine map of places and one of colours.

import { mat3d, mat4d } from 'wgpu-matrix';
import type { Size } from '../../image/resize.js';
import type { WarpView } from '../../kernels/warp/warp.js';
import type { Random } from '../../random.js';
import type { AugmentationName } from '../options.js';

/** Part of what names a cached view: another number wherever the same draw gives another picture. */
export const DRAW_VERSION = 1;

/**
 * Shares of the area of the square of the short side. Evaluation sees (224/256)^2 = 0.77 of it, so that things look about
 * as large in training as they will then (Touvron et al., "Fixing the train-test resolution discrepancy", 2019).
 */
const CROP_AREA = [0.5, 1] as const;
/** Width over height, as in torchvision's RandomResizedCrop (Szegedy et al., "Going deeper with convolutions", 2014). */
const CROP_ASPECT = [3 / 4, 4 / 3] as const;
const ROTATION_DEGREES = 15;
/** Brightness, contrast and saturation are each multiplied by 1 - this to 1 + this. */
const COLOUR_CHANGE = 0.2;
/** What contrast leaves as it is: the middle of all bytes, where torchvision takes the picture's own mean. */
const MID_GREY = 127.5;
/** The share of red, green and blue in brightness: ITU-R BT.601, as in PIL's conversion to grey. */
const LUMA = [0.299, 0.587, 0.114] as const;

export type ViewMaps = Pick<WarpView, 'map' | 'colour'>;

/**
 * Draws a view: `size` x `size` px out of a source whose short side framing has resized, so that 1:1 is what evaluation
 * sees. Without any augmentation it is the centre crop, exactly. All is drawn whatever is used, so that a view's crop is
 * the same with and without colour.
 */
export function drawView(
  stream: Random,
  augment: readonly AugmentationName[],
  source: Size,
  size: number,
): ViewMaps {
  const uses = (name: AugmentationName) => augment.includes(name);
  const between = (low: number, high: number) => low + (high - low) * stream.uniform();
  const mirrored = stream.uniform() < 0.5;
  const crop = drawCrop(between, source);
  const angle = (between(-ROTATION_DEGREES, ROTATION_DEGREES) * Math.PI) / 180;
  const change = () => between(1 - COLOUR_CHANGE, 1 + COLOUR_CHANGE);
  const colour = { brightness: change(), contrast: change(), saturation: change() };
  const shifted = drawShift(between, source, size);
  const box = uses('crop') ? crop : uses('shift') ? shifted : centreCrop(source, size);
  return {
    map: placesOf(box, size, uses('rotate') ? angle : 0, uses('flip') && mirrored),
    colour: uses('color') ? coloursOf(colour) : mat4d.identity(),
  };
}

interface Box extends Size {
  /** The centre, in px from the upper left corner. */
  readonly x: number;
  readonly y: number;
}

function drawCrop(between: (low: number, high: number) => number, { width: W, height: H }: Size): Box {
  const area = between(...CROP_AREA) * Math.min(W, H) ** 2;
  const aspect = Math.exp(between(Math.log(CROP_ASPECT[0]), Math.log(CROP_ASPECT[1])));
  const width = Math.min(W, Math.sqrt(area * aspect));
  const height = Math.min(H, Math.sqrt(area / aspect));
  return {
    width,
    height,
    x: between(width / 2, W - width / 2),
    y: between(height / 2, H - height / 2),
  };
}

/** Of the size that evaluation sees, anywhere in the picture. */
function drawShift(between: (low: number, high: number) => number, source: Size, size: number): Box {
  const half = size / 2;
  const place = (side: number) => half + Math.floor(between(0, side - size + 1));
  return { width: size, height: size, x: place(source.width), y: place(source.height) };
}

function centreCrop({ width, height }: Size, size: number): Box {
  return {
    width: size,
    height: size,
    x: middle(width - size) + size / 2,
    y: middle(height - size) + size / 2,
  };
}

/** Half the gap, .5 to the even neighbour, as framing's centre crop has it. */
function middle(gap: number): number {
  return gap % 2 === 0 ? gap / 2 : 2 * Math.round(gap / 4);
}

/** From the result's places to the source's: centred, brought to the box's size, mirrored, turned, moved to the box. */
function placesOf(
  { width, height, x, y }: Box,
  size: number,
  angle: number,
  mirrored: boolean,
): Float64Array {
  const map = mat3d.translation([x, y]);
  mat3d.rotate(map, angle, map);
  mat3d.scale(map, [((mirrored ? -1 : 1) * width) / size, height / size], map);
  return mat3d.translate(map, [-size / 2, -size / 2], map);
}

/** Saturation first, then contrast, then brightness; all three are affine, and so is what they make together. */
function coloursOf({
  brightness,
  contrast,
  saturation,
}: Record<'brightness' | 'contrast' | 'saturation', number>) {
  const [r, g, b] = LUMA.map((share) => (1 - saturation) * share) as [number, number, number];
  const s = saturation;
  // A mat4 is written column by column: what red gives to all three, then green, then blue.
  const saturated = mat4d.create(r + s, r, r, 0, g, g + s, g, 0, b, b, b + s, 0, 0, 0, 0, 1);
  const rest = (1 - contrast) * MID_GREY;
  const contrasted = mat4d.scale(mat4d.translation([rest, rest, rest]), [contrast, contrast, contrast]);
  return mat4d.multiply(mat4d.multiply(mat4d.uniformScaling(brightness), contrasted), saturated);
}
