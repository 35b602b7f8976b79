// Whether what is asked for can be had, found out before anything is decoded or computed.

import { type LayerName, MIN_INPUT_SIDE } from '../architecture.js';
import { PictureError, UsageError } from '../errors.js';
import { type BufferLimits, bindable } from '../gpu/limits.js';
import { mebibytes } from '../gpu/messages.js';
import { checkFraming, type Framing, framingForSize, IMAGENET_FRAMING } from '../image/framing.js';
import { checkPicture, type Picture, sizeText } from '../image/picture.js';
import type { Size } from '../image/resize.js';
import { inputSideOf, planLayers, type Widths } from '../network/layers.js';
import { largestActivation } from './batches.js';
import type { RowsOptions, RunOptions } from './options.js';

/** The part of a picture that ImageNet's evaluation sees, at the classifier's own size, or at 224 px if it has none. */
export function defaultFraming(widths: Widths): Framing {
  const side = widths.size ?? inputSideOf(widths);
  return side === undefined ? IMAGENET_FRAMING : framingForSize(side);
}

/** How pictures are brought to size. @throws UsageError for a size beside a framing, which says the same */
export function framingOf({ size, framing }: RunOptions, widths: Widths): Framing {
  if (size === undefined) return framing ?? defaultFraming(widths);
  if (framing !== undefined) throw new UsageError('size is short for a framing: leave one of the two out');
  return framingForSize(size);
}

/** @throws UsageError when these weights have no such layer, or it cannot be computed for pictures framed like this */
export function checkRequest(widths: Widths, until: LayerName, framing: Framing): void {
  checkFraming(framing);
  const { crop } = framing;
  const side = crop === 'none' ? (inputSideOf(widths) ?? MIN_INPUT_SIDE) : crop;
  const [height, width] = typeof side === 'number' ? [side, side] : side;
  planLayers(widths, height, width, until);
}

/** @throws UsageError for weights without a classifier */
export function checkClassifier({ dense }: Widths): void {
  if (dense.size > 0) return;
  throw new UsageError(
    'these weights have no classifier, only the thirteen convolutions; load a VGG16 with its top (weights: ' +
      '"vgg16.safetensors"), or take features()',
  );
}

/** @throws UsageError for rows that are not `count` of what `from` makes of pictures of `size` px */
export function checkRows(
  widths: Widths,
  from: LayerName,
  rows: Float32Array,
  { count, size }: RowsOptions,
): void {
  const { shape } = planLayers(widths, size, size, from).at(-1)!;
  const width = shape.reduce((product, side) => product * side);
  if (rows.length !== count * width)
    throw new UsageError(`${rows.length} numbers are not ${count} rows of ${width}`);
}

/** For pictures that no crop brought to size. @throws PictureError, with `name`, when the layer cannot be had of it */
export function checkSize(
  widths: Widths,
  until: LayerName,
  limits: BufferLimits,
  { height, width }: Picture,
  name: string,
): void {
  let needed: number;
  try {
    needed = largestActivation(planLayers(widths, height, width, until), height, width);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new PictureError(`${name}: ${error.message}`, { cause: error });
  }
  if (needed > bindable(limits)) {
    throw new PictureError(
      `${name}: at ${sizeText({ height, width })} a layer needs ${mebibytes(needed)}, the adapter allows ` +
        `${mebibytes(bindable(limits))} at once; use a crop or a smaller resize`,
    );
  }
}

/** The size that all of these pictures have. @throws UsageError where they differ; PictureError for what is no picture */
export function commonSize(pictures: readonly Picture[]): Size {
  const { height, width } = pictures[0]!;
  for (const picture of pictures) {
    checkPicture(picture);
    if (picture.height !== height || picture.width !== width) {
      throw new UsageError('forward() takes pictures of one size');
    }
  }
  return { height, width };
}
