// Picture files in, upright 8-bit sRGB pixels out, through sharp (libvips).
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { PictureError } from '../errors.js';
import { checkPicture, MAX_PIXELS, type Picture, type PictureInput, sizeText } from './picture.js';
import { decodableFormat, describeBytes } from './sniff.js';

/**
 * Extensions of the files that a folder scan takes for pictures: lower case, without the dot; compare in lower
 * case. HEIC is missing because the sharp on npm cannot decode it, SVG because a drawing has no pixels of its own.
 */
export const PICTURE_EXTENSIONS: ReadonlySet<string> = new Set(
  'jpg jpeg jpe jfif png webp gif tif tiff avif'.split(' '),
);

const FORMATS = 'JPEG, PNG, WebP, GIF, TIFF and AVIF';

/**
 * 'error' refuses truncated files. The stricter default, 'warning', would also refuse photos of some Samsung
 * phones that every viewer shows ("Invalid SOS parameters", lovell/sharp#1578).
 */
const FAIL_ON = 'error';

/** What went wrong, for the errors of the file system that users meet. */
const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EISDIR: 'is a folder, not a picture file',
  EACCES: 'may not be read: permission denied',
  EPERM: 'may not be read: permission denied',
};

/**
 * Decodes one picture: the EXIF orientation is applied, transparency is laid on white, an embedded colour
 * profile is converted to sRGB, grey, palette, CMYK and 16-bit pictures become 8-bit RGB, and of an animation
 * or a document the first page is taken. Decoded pixels are checked and returned as they are.
 * @param name what messages call the picture; its path or URL by default.
 * @throws PictureError when the picture is missing, is no picture, is damaged or incomplete, or is too large.
 */
export async function decode(input: PictureInput, name = nameOf(input)): Promise<Picture> {
  if (isPicture(input)) return checkPicture(input, name);
  const bytes = input instanceof Uint8Array ? input : await read(input, name);
  if (bytes.length === 0) throw new PictureError(`${name} is empty (0 bytes)`);
  try {
    await checkHeader(bytes, name);
    const { data, info } = await sharp(bytes, {
      failOn: FAIL_ON,
      limitInputPixels: MAX_PIXELS,
      autoOrient: true,
    })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const pixels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return checkPicture({ width: info.width, height: info.height, data: pixels }, name);
  } catch (error) {
    throw error instanceof PictureError ? error : undecodable(bytes, name, error);
  }
}

function isPicture(input: PictureInput): input is Picture {
  return typeof input === 'object' && input !== null && 'data' in input;
}

/** What messages call a picture that nobody named. */
export function nameOf(input: PictureInput): string {
  if (typeof input === 'string') return input || 'the picture with an empty path';
  return input instanceof URL ? input.href : 'the picture';
}

async function read(input: string | URL, name: string): Promise<Uint8Array> {
  if (typeof input !== 'string' && !(input instanceof URL)) {
    throw new PictureError(`${name} must be a path, a file URL, a Uint8Array or {width, height, data}`);
  }
  const protocol = input instanceof URL ? input.protocol : (/^[a-z]+:(?=\/\/)/i.exec(input)?.[0] ?? 'file:');
  if (protocol !== 'file:') {
    throw new PictureError(`${name} is a web address; download the picture and give its path`);
  }
  try {
    return await readFile(input);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const fault = (code && READ_FAULTS[code]) || `cannot be read (${code})`;
    throw new PictureError(`${name} ${fault}`, { cause: error });
  }
}

/** Refuses what sharp would decode to a wrong picture or to more memory than is reasonable. */
async function checkHeader(bytes: Uint8Array, name: string): Promise<void> {
  const header = await sharp(bytes, { failOn: FAIL_ON, limitInputPixels: false }).metadata();
  if (header.width * header.height > MAX_PIXELS) {
    throw new PictureError(
      `${name} is too large: it has ${sizeText(header)}, the limit is ${MAX_PIXELS} pixels; scale it down`,
    );
  }
  if (header.depth !== 'uchar' && header.depth !== 'ushort') {
    throw new PictureError(
      `${name} holds numbers of type ${header.depth} whose range is unknown; convert it to 8 or 16 bits`,
    );
  }
}

function undecodable(bytes: Uint8Array, name: string, error: unknown): PictureError {
  const format = decodableFormat(bytes);
  const message = format
    ? `${name} is damaged or incomplete: this ${format} cannot be decoded (${reason(error)})`
    : `${name} is not a picture that can be decoded (${FORMATS}): it is ${describeBytes(bytes)}`;
  return new PictureError(message, { cause: error });
}

/** The first line of libvips' report that says something; it repeats itself once for every attempt. */
function reason(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error))
    .replace('Input buffer has corrupt header: ', '')
    .split('\n');
  return (lines.find((line) => line && !line.startsWith('source: bad seek')) ?? 'no reason given').trim();
}
