// What a sample's picture is, byte for byte: its hash, and its pixels once they are needed.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { decode } from '../../image/decode.js';
import { frame, framingForSize } from '../../image/framing.js';
import { checkPicture, type Picture, type PictureInput } from '../../image/picture.js';
import type { Sample } from '../samples.js';

/** Bytes of SHA-256 that are kept: half of them tell any two pictures apart, and a table of 100,000 holds 1.6 MB of them. */
export const HASH_BYTES = 16;

export interface Contents {
  /** The first HASH_BYTES of the SHA-256 of the file's bytes; of pixels, of their size and bytes. */
  readonly hash: Buffer;
  /** @throws PictureError for what cannot be decoded */
  decode(): Promise<Picture>;
}

/** Reads the file, if it is one, once. @throws PictureError for what cannot be read */
export async function contentsOf({ picture, name }: Sample): Promise<Contents> {
  if (isPixels(picture)) {
    const { width, height, data } = checkPicture(picture, name);
    return { hash: hashOf(`${width} x ${height} pixels:`, data), decode: async () => picture };
  }
  const bytes = picture instanceof Uint8Array ? picture : await bytesOf(picture, name);
  return { hash: hashOf('', bytes), decode: () => decode(bytes, name) };
}

function isPixels(input: PictureInput): input is Picture {
  return typeof input === 'object' && 'data' in input;
}

async function bytesOf(path: string | URL, name: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    // Fails as well, and says in words why.
    await decode(path, name);
    throw error;
  }
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
