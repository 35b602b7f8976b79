// Drawings as picture files: rendered once, then read from the user's cache folder.
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { framingForSize } from '../src/image/framing.js';
import { writeAtomically } from '../src/node/atomic_file.js';
import { cacheFolder } from '../src/node/cache.js';
import type { Drawing } from './drawings.js';

/** Where renderings are kept, below the user's cache folder. */
export function renderingsFolder(): string {
  return join(cacheFolder(), 'emoji');
}

/**
 * The drawing as a PNG file's bytes, from `folder` if it is there and whole. A damaged or foreign file of that name is replaced.
 * Where the folder cannot be written, `onUncached` is told and the rendering is returned all the same.
 *
 * @param size side in px of what the network sees of the picture
 */
export async function rendered(
  drawing: Drawing,
  size: number,
  folder: string,
  onUncached: (reason: Error) => void,
): Promise<Buffer> {
  // The hash renews the file when a newer icon package draws the thing differently.
  const version = createHash('sha256').update(drawing.svg).digest('hex').slice(0, 12);
  const path = join(folder, `${drawing.artist}-${drawing.name}-${size}px-${version}.png`);
  const cached = await readCached(path, sideOf(size));
  if (cached) return cached;
  const png = await render(drawing, size);
  try {
    await mkdir(folder, { recursive: true });
    await writeAtomically(path, (append) => append(png));
  } catch (error) {
    onUncached(error as Error);
  }
  return png;
}

/** Side in px of a picture of which the network sees `size` x `size` px: training cuts the margin off photos, as ImageNet did. */
function sideOf(size: number): number {
  const { resize } = framingForSize(size);
  return resize as number;
}

/** The drawing on white as a PNG file, with a margin as wide as what is cut off; one that is not square is centred. */
export async function render(drawing: Drawing, size: number): Promise<Buffer> {
  const side = sideOf(size);
  // Width and height make librsvg draw at this very size, so that nothing is resampled.
  const margin = (side - size) / 2;
  const sized = drawing.svg.replace(
    '<svg ',
    `<svg x="${margin}" y="${margin}" width="${size}" height="${size}" `,
  );
  const canvas = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}">${sized}</svg>`;
  return sharp(Buffer.from(canvas)).flatten({ background: '#ffffff' }).png().toBuffer();
}

async function readCached(path: string, side: number): Promise<Buffer | undefined> {
  try {
    const png = await readFile(path);
    const { info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    return info.width === side && info.height === side ? png : undefined;
  } catch {
    return undefined;
  }
}
