// Picture files in, upright 8-bit sRGB pixels out, through sharp (libvips).
import sharp, { type Metadata } from 'sharp';
import { PictureError } from '../../errors.js';
import {
  checkPicture,
  isPicture,
  MAX_PIXELS,
  nameOf,
  type Picture,
  type PictureInput,
  sizeText,
} from '../../image/picture.js';
import { decodableFormat, describeBytes } from '../../image/sniff.js';
import { isUint8Array, ownBytes } from '../../realm.js';
import { DECODING_MEMORY, decodingBytesPerPixel, MemoryGate } from './memory.js';
import { checkPath, withPictureFile } from './picture_file.js';

/**
 * Extensions of the files that a folder scan takes for pictures: lower case, without the dot; compare in lower
 * case. HEIC is missing because the sharp on npm cannot decode it, SVG because a drawing has no pixels of its own.
 */
export const PICTURE_EXTENSIONS: ReadonlySet<string> = new Set(
  'jpg jpeg jpe jfif png webp gif tif tiff avif'.split(' '),
);

const FORMATS = 'JPEG, PNG, WebP, GIF, TIFF and AVIF';

/** What sharp calls them. */
const SHARP_FORMATS: Readonly<Record<string, string>> = {
  JPEG: 'jpeg',
  PNG: 'png',
  WebP: 'webp',
  GIF: 'gif',
  TIFF: 'tiff',
  AVIF: 'heif',
};

/**
 * 'error' refuses truncated files. The stricter default, 'warning', would also refuse photos of some Samsung
 * phones that every viewer shows ("Invalid SOS parameters", lovell/sharp#1578).
 */
const FAIL_ON = 'error';

/** Pictures that are decoded at a time, by whomever, share this memory. */
const gate = new MemoryGate(DECODING_MEMORY);

/**
 * Decodes one picture: the EXIF orientation is applied, transparency is laid on white, an embedded colour
 * profile is converted to sRGB, grey, palette, CMYK and 16-bit pictures become 8-bit RGB, and of an animation
 * or a document the first page is taken. Decoded pixels are checked and returned as they are.
 * @param name what messages call the picture; its path or URL by default.
 * @throws PictureError when the picture is missing, is no picture, is damaged or incomplete, or is too large.
 */
export async function decode(input: PictureInput, name = nameOf(input)): Promise<Picture> {
  if (isPicture(input)) return checkPicture(input, name);
  if (isUint8Array(input)) return await decodeBytes(ownBytes(input), name);
  return await withPictureFile(checkPath(input, name), name, (bytes) => decodeBytes(bytes, name));
}

async function decodeBytes(bytes: Uint8Array, name: string): Promise<Picture> {
  if (bytes.length === 0) throw new PictureError(`${name} is empty (0 bytes)`);
  const format = decodableFormat(bytes);
  if (!format) {
    throw new PictureError(
      `${name} is not a picture that can be decoded (${FORMATS}): it is ${describeBytes(bytes)}`,
    );
  }
  try {
    const header = await sharp(bytes, { failOn: FAIL_ON, limitInputPixels: false }).metadata();
    return await gate.during(memoryFor(header, format, name), () => pixelsOf(bytes, name));
  } catch (error) {
    if (error instanceof PictureError) throw error;
    const message = `${name} is damaged or incomplete: this ${format} cannot be decoded (${reason(error)})`;
    throw new PictureError(message, { cause: error });
  }
}

async function pixelsOf(bytes: Uint8Array, name: string): Promise<Picture> {
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
}

/**
 * The bytes of memory that decoding needs.
 *
 * @throws PictureError for what sharp would decode to a wrong picture or with more memory than is reasonable
 */
function memoryFor(header: Metadata, format: string, name: string): number {
  if (header.format !== SHARP_FORMATS[format]) {
    throw new PictureError(
      `${name} begins as a ${format}, but libvips takes it for ${header.format}; save it anew`,
    );
  }
  const pixels = header.width * header.height;
  if (pixels > MAX_PIXELS) {
    throw new PictureError(
      `${name} is too large: it has ${sizeText(header)}, the limit is ${MAX_PIXELS} pixels; scale it down`,
    );
  }
  if (header.depth !== 'uchar' && header.depth !== 'ushort') {
    throw new PictureError(
      `${name} holds numbers of type ${header.depth} whose range is unknown; convert it to 8 or 16 bits`,
    );
  }
  const perPixel = decodingBytesPerPixel(header);
  if (perPixel * pixels > DECODING_MEMORY) {
    const most = Math.floor(DECODING_MEMORY / perPixel / 1e6);
    throw new PictureError(
      `${name} is too large: it has ${sizeText(header)}, the limit for this kind of ${format} is ${most} million pixels, ` +
        `because of the memory that decoding needs; scale it down`,
    );
  }
  return Math.ceil(perPixel * pixels);
}

/** The first line of libvips' report that says something; it repeats itself once for every attempt. */
function reason(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error))
    .replace('Input buffer has corrupt header: ', '')
    .split('\n');
  const said = lines.find((line) => line && !line.startsWith('source: bad seek'))?.trim();
  if (said && !/unknown error/i.test(said)) return said;
  return 'its beginning is cut off or overwritten; copy it anew from where it came from';
}
