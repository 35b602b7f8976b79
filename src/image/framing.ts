// From a picture of any size to the square that a network reads: short side resized, centre cropped.
import { PictureError, UsageError } from '../errors.js';
import { CHECKED_IN_USE, checkOptions, group, type OptionRules, type Rule } from '../options.js';
import { MAX_PIXELS, type Picture, sizeText } from './picture.js';
import { resizeWindow, type Size } from './resize.js';

/** How a picture is brought to a network's input size. */
export interface Framing {
  /** The length that the short side is resized to in px, the other side in proportion; 'none' keeps the size. */
  readonly resize: number | 'none';
  /** The side of the square cut out of the centre in px, or its [height, width]; 'none' keeps everything. */
  readonly crop: number | readonly [height: number, width: number] | 'none';
}

const FRAMING_OPTIONS: OptionRules<Framing> = { resize: CHECKED_IN_USE, crop: CHECKED_IN_USE };
const REQUIRED = ['resize', 'crop'] as const;

export const FRAMING: Rule<Framing> = group(FRAMING_OPTIONS, REQUIRED);

/** What torchvision evaluates VGG16 with: short side 256, centre crop 224. */
export const IMAGENET_FRAMING: Framing = { resize: 256, crop: 224 };

/**
 * ImageNet's framing scaled to an input of `size` x `size` px: the same part of the picture is seen.
 * @throws UsageError when `size` is no positive whole number.
 */
export function framingForSize(size: number): Framing {
  checkLength(size, 'size');
  return { resize: Math.round((size * 256) / 224), crop: size };
}

/**
 * The picture framed, equal bit for bit to torchvision's `Resize(resize)` and `CenterCrop(crop)` on a PIL image,
 * except that a crop which does not fit is refused where torchvision pads with black. Only the crop is computed.
 * @param name what messages call the picture, its file name as a rule.
 * @throws UsageError when the framing fits no picture, PictureError when it does not fit this one.
 */
export function frame(picture: Picture, framing: Framing, name = 'the picture'): Picture {
  checkFraming(framing);
  const { crop } = framing;
  const size = framing.resize === 'none' ? picture : shortSideTo(picture, framing.resize);
  if (crop === 'none') {
    if (size.width === picture.width && size.height === picture.height) return picture;
    if (size.width * size.height > MAX_PIXELS) {
      throw new PictureError(
        `${name}: ${sizeText(picture)} would become ${sizeText(size)}, more than ${MAX_PIXELS} pixels; use a crop`,
      );
    }
    return resizeWindow(picture, size, { left: 0, top: 0, width: size.width, height: size.height });
  }
  const [height, width] = typeof crop === 'number' ? [crop, crop] : crop;
  if (height > size.height || width > size.width) {
    const resized = framing.resize === 'none' ? '' : ` resized from ${sizeText(picture)}`;
    throw new PictureError(
      `${name}: a crop of ${sizeText({ width, height })} does not fit into ${sizeText(size)}${resized}; ` +
        'use a smaller crop or a larger resize',
    );
  }
  const left = centred(size.width - width);
  const top = centred(size.height - height);
  return resizeWindow(picture, size, { left, top, width, height });
}

/** The long side is cut down to a whole number, not rounded, as torchvision's Resize does. */
function shortSideTo({ width, height }: Size, length: number): Size {
  if (width <= height) return { width: length, height: Math.trunc((length * height) / width) };
  return { width: Math.trunc((length * width) / height), height: length };
}

/** Half the gap around a centre crop, with .5 rounded to the even neighbour: Python's round(gap / 2), which CenterCrop uses. */
export function centred(gap: number): number {
  const down = Math.floor(gap / 2);
  return gap % 2 === 1 && down % 2 === 1 ? down + 1 : down;
}

/** @throws UsageError when the framing fits no picture. */
export function checkFraming(framing: Framing): void {
  checkOptions('a framing', framing, FRAMING_OPTIONS, REQUIRED);
  const { resize, crop } = framing;
  if (resize !== 'none') checkLength(resize, 'resize');
  if (crop === 'none') return;
  const sides = typeof crop === 'number' ? [crop] : crop;
  for (const side of sides) checkLength(side, 'crop');
  const needed = Math.min(...sides);
  if (resize !== 'none' && needed > resize) {
    throw new UsageError(
      `crop ${sides.join(' x ')} is larger than the short side, which resize makes ${resize}`,
    );
  }
}

function checkLength(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new UsageError(`${what} ${value} makes no sense; it must be a whole number of pixels, at least 1`);
  }
}
