// Drawings as pixels: rendered once, then read from the user's cache folder.
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { writeAtomically } from '../src/atomic_file.js';
import { cacheFolder } from '../src/cache.js';
import type { Picture } from '../src/image/picture.js';
import type { Drawing } from './drawings.js';

/** A drawing at the size that the network sees. */
export interface Rendered {
  readonly picture: Picture;
  /** The same pixels, as a PNG file's bytes. */
  readonly png: Buffer;
}

/** Where renderings are kept, below the user's cache folder. */
export function renderingsFolder(): string {
  return join(cacheFolder(), 'emoji');
}

/**
 * The drawing on white, `size` x `size` px, from `folder` if it is there and whole. A damaged or foreign file of that
 * name is replaced. Where the folder cannot be written, `onUncached` is told and the rendering is returned all the same.
 */
export async function rendered(
  drawing: Drawing,
  size: number,
  folder: string,
  onUncached: (reason: Error) => void,
): Promise<Rendered> {
  // The hash renews the file when a newer icon package draws the thing differently.
  const version = createHash('sha256').update(drawing.svg).digest('hex').slice(0, 12);
  const path = join(folder, `${drawing.artist}-${drawing.name}-${size}px-${version}.png`);
  const cached = await readCached(path, size);
  if (cached) return cached;
  const png = await render(drawing, size);
  try {
    await mkdir(folder, { recursive: true });
    await writeAtomically(path, (append) => append(png));
  } catch (error) {
    onUncached(error as Error);
  }
  return { png, picture: await pixels(png) };
}

/** The drawing on white as a PNG file, `size` x `size` px; one that is not square is centred. */
export async function render(drawing: Drawing, size: number): Promise<Buffer> {
  // Width and height make librsvg draw at this very size, so that nothing is resampled.
  const sized = drawing.svg.replace('<svg ', `<svg width="${size}" height="${size}" `);
  return sharp(Buffer.from(sized)).flatten({ background: '#ffffff' }).png().toBuffer();
}

async function readCached(path: string, size: number): Promise<Rendered | undefined> {
  try {
    const png = await readFile(path);
    const picture = await pixels(png);
    return picture.width === size && picture.height === size ? { png, picture } : undefined;
  } catch {
    return undefined;
  }
}

async function pixels(png: Buffer): Promise<Picture> {
  const { data, info } = await sharp(png)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}
