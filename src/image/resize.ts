// Resize as Pillow's Image.resize(BILINEAR) does it, bit for bit, for any window of the result.
//
// torchvision's weights are evaluated on pictures that Pillow resized, and what other libraries call bilinear gives
// other pixels. The filter is separable: one pass along the rows, then one down the columns, with the values
// between them rounded to 8 bits. Only what the window needs is computed, so a crop out of a very wide picture
// costs no more than any other.
import { UsageError } from '../errors.js';
import { checkPicture, type Picture, sizeText } from './picture.js';
import { FRACTION_BITS, type Taps, triangleTaps } from './triangle.js';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A rectangle of pixels; `left` and `top` count from 0. */
export interface Window extends Size {
  readonly left: number;
  readonly top: number;
}

/**
 * Rounds to nearest when the fraction bits are shifted out. Nothing is clipped: the weights are positive and add up
 * to 1, but for roundings that average out, so that a weighted mean of bytes is a byte.
 */
const HALF = 2 ** (FRACTION_BITS - 1);

/**
 * The whole picture at `width` x `height` px, equal to Pillow's `image.resize((width, height), BILINEAR)`.
 * @throws UsageError for sizes that are no positive whole numbers, PictureError for an inconsistent picture.
 */
export function resize(picture: Picture, width: number, height: number): Picture {
  return resizeWindow(picture, { width, height }, { left: 0, top: 0, width, height });
}

/**
 * The part `window` of the picture resized to `size`: equal to resizing all of it and cropping, at the cost of
 * the window alone.
 * @throws UsageError for sizes that are no positive whole numbers or a window that does not lie inside `size`,
 *   PictureError for an inconsistent picture.
 */
export function resizeWindow(picture: Picture, size: Size, window: Window): Picture {
  checkPicture(picture);
  checkWindow(size, window);
  if (size.width === picture.width && size.height === picture.height) return crop(picture, window);
  const across = triangleTaps(picture.width, size.width, window.left, window.width);
  const down = triangleTaps(picture.height, size.height, window.top, window.height);
  const last = window.height - 1;
  const firstRow = down.first[0]!;
  const endRow = down.first[last]! + down.count[last]!;
  const strip = resizeRows(picture, firstRow, endRow, across, window.width);
  return resizeColumns(strip, firstRow, down, window.height);
}

function checkWindow(size: Size, window: Window): void {
  const { left, top, width, height } = window;
  const whole = [size.width, size.height, left, top, width, height].every(Number.isSafeInteger);
  const inside =
    left >= 0 &&
    top >= 0 &&
    width >= 1 &&
    height >= 1 &&
    left + width <= size.width &&
    top + height <= size.height;
  if (!whole || !inside) {
    throw new UsageError(
      `resize: a window of ${sizeText(window)} at (${left}, ${top}) is no part of ${sizeText(size)}; ` +
        'sizes are whole numbers from 1, and the window lies inside',
    );
  }
}

function crop(picture: Picture, { left, top, width, height }: Window): Picture {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * picture.width + left) * 3;
    data.set(picture.data.subarray(start, start + width * 3), y * width * 3);
  }
  return { width, height, data };
}

/** First pass: rows firstRow .. endRow - 1 of the picture, each resized along its length to `width` samples. */
function resizeRows(picture: Picture, firstRow: number, endRow: number, taps: Taps, width: number): Picture {
  const { first, count, weights, stride } = taps;
  const source = picture.data;
  const height = endRow - firstRow;
  const data = new Uint8Array(height * width * 3);
  let out = 0;
  for (let y = firstRow; y < endRow; y++) {
    const row = y * picture.width * 3;
    for (let x = 0; x < width; x++) {
      const end = x * stride + count[x]!;
      let p = row + first[x]! * 3;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let t = x * stride; t < end; t++, p += 3) {
        const weight = weights[t]!;
        red += source[p]! * weight;
        green += source[p + 1]! * weight;
        blue += source[p + 2]! * weight;
      }
      data[out++] = red >> FRACTION_BITS;
      data[out++] = green >> FRACTION_BITS;
      data[out++] = blue >> FRACTION_BITS;
    }
  }
  return { width, height, data };
}

/** Second pass: the strip, whose first row is the picture's row `firstRow`, resized downwards to `height` rows. */
function resizeColumns(strip: Picture, firstRow: number, taps: Taps, height: number): Picture {
  const { first, count, weights, stride } = taps;
  const source = strip.data;
  const rowLength = strip.width * 3;
  const data = new Uint8Array(height * rowLength);
  const sums = new Int32Array(rowLength);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    for (let t = 0; t < count[y]!; t++) {
      const weight = weights[y * stride + t]!;
      const row = (first[y]! + t - firstRow) * rowLength;
      for (let i = 0; i < rowLength; i++) sums[i] = sums[i]! + source[row + i]! * weight;
    }
    const out = y * rowLength;
    for (let i = 0; i < rowLength; i++) data[out + i] = sums[i]! >> FRACTION_BITS;
  }
  return { width: strip.width, height, data };
}
