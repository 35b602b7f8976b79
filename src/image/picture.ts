// A decoded picture, and everything that can become one.
import { PictureError } from '../errors.js';
import { isUint8Array, isUrl, ownBytes } from '../realm.js';

/** 8-bit sRGB pixels: row-major H x W x 3 (red, green, blue), no padding. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A file's path, its `file:` URL, the bytes of an encoded picture, or decoded pixels. */
export type PictureInput = string | URL | Uint8Array | Picture;

/**
 * How a platform makes a picture of what it takes for one: upright 8-bit sRGB pixels, transparency laid on white.
 *
 * @param name  what messages call the picture
 * @throws PictureError for what is missing, is no picture, is damaged, or is too large
 */
export type Decoder<Input = PictureInput> = (input: Input, name: string) => Promise<Picture>;

/** What messages call a picture that nobody named: its path, its address, its file's name. */
export function nameOf(input: unknown): string {
  if (typeof input === 'string') return input || 'the picture with an empty path';
  if (isUrl(input)) return input.href;
  const { name } = (input ?? {}) as { readonly name?: unknown };
  return typeof name === 'string' && name !== '' ? name : 'the picture';
}

export function isPicture(input: unknown): input is Picture {
  return typeof input === 'object' && input !== null && 'data' in input;
}

/** The most pixels that a picture may have: sharp's own default, 16383 x 16383. */
export const MAX_PIXELS = 0x3fff ** 2;

/** Width and height as messages write them. */
export function sizeText(size: { readonly width: number; readonly height: number }): string {
  return `${size.width} x ${size.height} px`;
}

/**
 * Returns `picture`, checked: positive whole sizes and exactly width * height * 3 bytes.
 * @throws PictureError that names the picture as `name` and says what does not fit.
 */
export function checkPicture(picture: Picture, name = 'the picture'): Picture {
  const { width, height, data } = picture;
  for (const [side, value] of Object.entries({ width, height })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new PictureError(`${name}: its ${side} is ${value}; it must be a whole number of at least 1`);
    }
  }
  if (!isUint8Array(data)) {
    throw new PictureError(`${name}: its data must be a Uint8Array of red, green and blue bytes`);
  }
  const expected = width * height * 3;
  if (data.length !== expected) {
    const rgba = data.length === width * height * 4 ? ' (it looks like RGBA: leave the alpha out)' : '';
    throw new PictureError(
      `${name}: ${sizeText(picture)} need ${expected} bytes of RGB, its data has ${data.length}${rgba}`,
    );
  }
  const own = ownBytes(data);
  return own === data ? picture : { width, height, data: own };
}
