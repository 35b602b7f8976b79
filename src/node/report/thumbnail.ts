// Small pictures that a page carries with it.

import sharp from 'sharp';
import { PictureError } from '../../errors.js';
import type { PictureInput } from '../../image/picture.js';
import { decode } from '../image/decode.js';

/**
 * The longer side in px, at first twice what the page gives it, for displays with small pixels; and the quality. The
 * first that makes a picture small enough is taken: only noise needs the last.
 */
const ATTEMPTS = [
  { side: 288, quality: 76 },
  { side: 288, quality: 50 },
  { side: 144, quality: 50 },
] as const;
const ENOUGH_BYTES = 20_000;

/** A WebP picture as a data URI, of the whole picture; undefined where it cannot be read. */
export async function thumbnail(
  load: () => PictureInput | Promise<PictureInput>,
): Promise<string | undefined> {
  try {
    const { data, width, height } = await decode(await load());
    let webp = Buffer.alloc(0);
    for (const { side, quality } of ATTEMPTS) {
      webp = await sharp(data, { raw: { width, height, channels: 3 } })
        .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
        .webp({ quality })
        .toBuffer();
      if (webp.length <= ENOUGH_BYTES) break;
    }
    return `data:image/webp;base64,${webp.toString('base64')}`;
  } catch (error) {
    if (error instanceof PictureError) return undefined;
    throw error;
  }
}
