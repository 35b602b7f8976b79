// What a sample's picture is, byte for byte: its hash, and its pixels once they are needed.

import { createHash } from 'node:crypto';
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
