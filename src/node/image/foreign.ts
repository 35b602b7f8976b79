// Pictures whose names say that they cannot be decoded, as photos of phones (HEIC) and cameras (raw): a folder may be full of
// them, and leaving them out without a word would look as if they had been used.

import { extname } from 'node:path';

/** Lower case, without the dot. */
const FOREIGN_EXTENSIONS: ReadonlySet<string> = new Set([
  ...['heic', 'heif', 'hif', 'bmp', 'jxl', 'jp2', 'psd'],
  ...['arw', 'cr2', 'cr3', 'dng', 'nef', 'orf', 'raf', 'rw2'],
]);

/** So many are named. */
const NAMED = 3;

/** Those of the files whose names are of pictures that cannot be decoded. */
export function foreignPictures(files: readonly string[]): string[] {
  return files.filter((file) => FOREIGN_EXTENSIONS.has(extname(file).slice(1).toLowerCase()));
}

/** What to know about such pictures, of which there is at least one: how many, the first few, and what helps. */
export function foreignText(files: readonly string[]): string {
  const isOne = files.length === 1;
  const rest = files.length - NAMED;
  const names = `${files.slice(0, NAMED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  const what = isOne
    ? '1 picture in a format that cannot be read'
    : `${files.length} pictures in formats that cannot be read`;
  return `${what} (${names}); convert ${isOne ? 'it' : 'them'} to JPEG`;
}
