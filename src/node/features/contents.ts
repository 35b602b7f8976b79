// What a sample's picture is, byte for byte: its hash, and its pixels once they are needed.

import { createHash } from 'node:crypto';
import { frame, framingForSize } from '../../image/framing.js';
import { checkPicture, type Picture, type PictureInput } from '../../image/picture.js';
import { isUint8Array, ownBytes } from '../../realm.js';
import type { Sample } from '../../train/dataset.js';
import { decode } from '../image/decode.js';
import { checkPath, withPictureFile } from '../image/picture_file.js';

/** Bytes of SHA-256 that are kept: half of them tell any two pictures apart, and a table of 100,000 holds 1.6 MB of them. */
export const HASH_BYTES = 16;

export interface Contents {
  /** The first HASH_BYTES of the SHA-256 of the file's bytes; of pixels, of their size and bytes. */
  readonly hash: Buffer;
  /** @throws PictureError for what cannot be decoded */
  decode(): Promise<Picture>;
}

/**
 * Gives `use` a sample's contents. A file is read once, and its bytes are held only as long as `use` works.
 *
 * @throws PictureError for what cannot be read; errors of `use`
 */
export async function withContents<Result>(
  { picture, name }: Sample,
  use: (contents: Contents) => Promise<Result>,
): Promise<Result> {
  if (isPixels(picture)) {
    const pixels = checkPicture(picture, name);
    const { width, height, data } = pixels;
    return await use({ hash: hashOf(`${width} x ${height} pixels:`, data), decode: async () => pixels });
  }
  const ofBytes = (bytes: Uint8Array) => use({ hash: hashOf('', bytes), decode: () => decode(bytes, name) });
  if (isUint8Array(picture)) return await ofBytes(ownBytes(picture));
  return await withPictureFile(checkPath(picture, name), name, ofBytes);
}

function isPixels(input: PictureInput): input is Picture {
  return typeof input === 'object' && 'data' in input;
}

function hashOf(prefix: string, bytes: Uint8Array): Buffer {
  return createHash('sha256').update(prefix).update(bytes).digest().subarray(0, HASH_BYTES);
}

/** The longest side of a source, in short sides: a panorama's ends are left out, or it would need memory without limit. */
const LONGEST_SIDE = 2;

/** Bytes of the largest source for results of `size` px. */
export function largestSource(size: number): number {
  return 3 * LONGEST_SIDE * shortSide(size) ** 2;
}

/**
 * What varied views of `size` px are sampled from: the picture with its short side resized as it is for evaluation, so
 * that sampling at about 1:1 needs no antialiasing of its own.
 */
export function sourceOf(picture: Picture, size: number, name: string): Picture {
  const short = shortSide(size);
  const long = LONGEST_SIDE * short;
  const { width, height } = picture;
  const crop =
    width >= LONGEST_SIDE * height
      ? ([short, long] as const)
      : height >= LONGEST_SIDE * width
        ? ([long, short] as const)
        : 'none';
  return frame(picture, { resize: short, crop }, name);
}

function shortSide(size: number): number {
  return framingForSize(size).resize as number;
}
