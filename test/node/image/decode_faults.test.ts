// What decode says about what it cannot decode: one clear line that names the file.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PictureError } from '../../../src/errors.js';
import type { PictureInput } from '../../../src/image/picture.js';
import { decode } from '../../../src/node/image/decode.js';
import { patterned } from '../../image/golden.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-decode-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function fault(input: PictureInput, name?: string): Promise<string> {
  const error = await decode(input, name).then(
    () => new Error('it was decoded'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(PictureError);
  const { message } = error as PictureError;
  expect(message).not.toContain('\n');
  return message;
}

async function file(name: string, bytes: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

function encoded(format: 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'avif'): Promise<Buffer> {
  const { width, height, data } = patterned(64, 48);
  return sharp(data, { raw: { width, height, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>';

describe('decode refuses', () => {
  it('a missing file', async () => {
    const path = join(folder, 'nowhere.jpg');
    expect(await fault(path)).toBe(`${path} does not exist`);
    expect(await fault(pathToFileURL(path))).toBe(`${pathToFileURL(path)} does not exist`);
    expect(await fault(join(await file('plain', 'x'), 'a.jpg'))).toContain('does not exist');
    expect(await fault('')).toBe('the picture with an empty path does not exist');
  });

  it('a folder', async () => {
    const path = join(folder, 'photos.jpg');
    await mkdir(path);
    expect(await fault(path)).toBe(`${path} is a folder, not a picture file`);
  });

  it.skipIf(process.platform === 'win32')('what is no regular file, without waiting for it', async () => {
    const at = (name: string) => join(folder, name);
    execFileSync('mkfifo', [at('pipe.png')]);
    await symlink('/dev/zero', at('zeros.png'));
    await symlink(at('circle.png'), at('circle.png'));
    const server = createServer().listen(at('socket.png'));
    await once(server, 'listening');
    try {
      expect(await fault(at('pipe.png'))).toBe(`${at('pipe.png')} is a FIFO, not a picture file`);
      expect(await fault(at('zeros.png'))).toBe(`${at('zeros.png')} is a device, not a picture file`);
      expect(await fault('/dev/zero')).toBe('/dev/zero is a device, not a picture file');
      expect(await fault(at('socket.png'))).toBe(`${at('socket.png')} is a socket, not a picture file`);
      expect(await fault(at('circle.png'))).toMatch(
        /circle\.png cannot be read: its links lead in a circle$/,
      );
    } finally {
      server.close();
    }
  });

  it('a file that is too large, before it is read', async () => {
    const path = await file('huge.png', await encoded('png'));
    await truncate(path, 2 ** 29 + 2 ** 20);
    expect(await fault(path)).toBe(
      `${path} is too large: the file has 513 MiB, the limit is 512 MiB; scale it down`,
    );
    await rm(path);
  });

  it.each<[string, string]>([
    ['an SVG drawing', `${SVG}`],
    ['an SVG drawing', `<?xml version="1.0"?>\n<!-- made by hand -->\n${SVG}`],
    ['of an unknown kind', `RIFF<!--${SVG}`],
    ['text that begins "GIF8<!--', `GIF8<!-- ${' '.repeat(300)}-->${SVG}`],
    ['text that begins "<!-- WEBP', `<!--    WEBP ${'x'.repeat(300)}-->${SVG}`],
    ['a film', `<!--ftypavif ${'x'.repeat(300)}-->${SVG}`],
    ['a PDF document', '%PDF-1.4\n1 0 obj'],
    ['of an unknown kind', gzipSync(SVG).toString('latin1').replace('\x1f', '\x1e')],
    ['a gzip archive', gzipSync(SVG).toString('latin1')],
    ['text that begins "P6 100 100', 'P6 100 100 255\n'],
  ])('what libvips would read though it is none of the six formats: %s', async (what, text) => {
    const bytes = Buffer.from(text, 'latin1');
    for (const input of [bytes, await file('drawing.png', bytes)]) {
      expect(await fault(input)).toMatch(/is not a picture that can be decoded \(JPEG, .+\): it is /);
      if (!what.startsWith('of an')) expect(await fault(input)).toContain(`: it is ${what}`);
    }
  });

  it('a path that no file can have', async () => {
    expect(await fault('a\0b.jpg', 'odd.jpg')).toBe('odd.jpg cannot be read (ERR_INVALID_ARG_VALUE)');
  });

  it('a file URL of another machine', async () => {
    const url = new URL('file://elsewhere/a.jpg');
    expect(await fault(url)).toMatch(/^file:\/\/elsewhere\/a\.jpg cannot be read \(ERR_INVALID_FILE_URL_/);
  });

  it.each([null, 3, new ArrayBuffer(8)])('%o, which the types forbid', async (input) => {
    expect(await fault(input as unknown as PictureInput)).toBe(
      'the picture must be a path, a file URL, a Uint8Array or {width, height, data}',
    );
  });

  it('a web address', async () => {
    expect(await fault('https://example.org/a.jpg')).toMatch(
      /^https:\/\/example.org\/a.jpg is a web address; download/,
    );
    expect(await fault(new URL('https://example.org/a.jpg'))).toMatch(/is a web address/);
  });

  it('an empty file', async () => {
    const path = await file('empty.jpg', '');
    expect(await fault(path)).toBe(`${path} is empty (0 bytes)`);
    expect(await fault(new Uint8Array(0), 'upload')).toBe('upload is empty (0 bytes)');
  });

  it('text that is called a picture', async () => {
    const path = await file('notes.jpg', 'Dear diary,\ntoday I saw a bee and took no picture of it.\n');
    expect(await fault(path)).toBe(
      `${path} is not a picture that can be decoded (JPEG, PNG, WebP, GIF, TIFF and AVIF): ` +
        'it is text that begins "Dear diary, today I saw a bee ..."',
    );
  });

  it.each<[string, Uint8Array | string]>([
    ['a web page', '<!DOCTYPE html>\n<html><body>404 Not Found</body></html>'],
    ['a HEIC picture', '\0\0\0\x18ftypheic\0\0\0\0mif1heic'],
    ['a BMP picture', Uint8Array.of(0x42, 0x4d, 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0)],
    ['a PDF document', '%PDF-1.7\n'],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\n'],
    ['text that begins "süß"', 'süß\n'],
    ['of an unknown kind, its first bytes are 00 01 02 03', Uint8Array.of(0, 1, 2, 3)],
    ['of an unknown kind, its first bytes are fe fe', Uint8Array.of(0xfe, 0xfe)],
  ])('%s', async (what, bytes) => {
    expect(await fault(Buffer.from(bytes as string), 'a.jpg')).toContain(`): it is ${what}`);
  });

  it.each(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const)('a truncated %s', async (format) => {
    const bytes = await encoded(format);
    for (const share of [0.1, 0.5, 0.9, 0.98]) {
      const path = await file(`cut.${format}`, bytes.subarray(0, Math.floor(bytes.length * share)));
      const message = await fault(path);
      expect(message.toLowerCase()).toMatch(new RegExp(`this ${format} cannot be decoded \\(.+\\)$`));
      expect(message).toContain(`${path} is damaged or incomplete`);
    }
  });

  it('a JPEG that lacks its last byte or all but its first', async () => {
    const bytes = await encoded('jpeg');
    for (const length of [3, 20, bytes.length - 2, bytes.length - 1]) {
      expect(await fault(bytes.subarray(0, length), 'cut.jpg')).toMatch(
        /^cut\.jpg is damaged or incomplete: this JPEG cannot be decoded \(VipsJpeg: premature end of JPEG image\)$/,
      );
    }
  });

  it('more pixels than the limit', async () => {
    const jpeg = await encoded('jpeg');
    const sizes = jpeg.indexOf(Buffer.of(0xff, 0xc0)) + 5; // of the frame header, without a checksum
    expect([jpeg.readUInt16BE(sizes), jpeg.readUInt16BE(sizes + 2)]).toEqual([48, 64]);
    jpeg.writeUInt16BE(20_000, sizes);
    jpeg.writeUInt16BE(20_000, sizes + 2);
    expect(await fault(jpeg, 'big.jpg')).toBe(
      'big.jpg is too large: it has 20000 x 20000 px, the limit is 268402689 pixels; scale it down',
    );
  });

  it('pixels whose decoding would need too much memory, though there are fewer than the limit', async () => {
    const { width, height, data } = patterned(64, 48);
    const picture = () => sharp(data, { raw: { width, height, channels: 3 } });
    const progressive = await picture().jpeg({ progressive: true }).toBuffer();
    const frame = progressive.indexOf(Buffer.of(0xff, 0xc2)) + 5;
    progressive.writeUInt16BE(12_000, frame);
    progressive.writeUInt16BE(12_000, frame + 2);
    expect(await fault(progressive, 'a.jpg')).toBe(
      'a.jpg is too large: it has 12000 x 12000 px, the limit for this kind of JPEG is 113 million pixels, ' +
        'because of the memory that decoding needs; scale it down',
    );
    const avif = await encoded('avif');
    const sizes = avif.indexOf('ispe') + 8;
    avif.writeUInt32BE(9000, sizes);
    avif.writeUInt32BE(8000, sizes + 4);
    expect(await fault(avif, 'a.avif')).toContain('the limit for this kind of AVIF is 55 million pixels');
    const webp = await encoded('webp');
    const start = webp.indexOf(Buffer.of(0x9d, 0x01, 0x2a)) + 3;
    webp.writeUInt16LE(16_000, start);
    webp.writeUInt16LE(16_000, start + 2);
    expect(await fault(webp, 'a.webp')).toContain('the limit for this kind of WebP is 89 million pixels');
  });

  it('floating-point samples, whose white nobody knows', async () => {
    const { width, height, data } = patterned(8, 8);
    const tiff = await sharp(data, { raw: { width, height, channels: 3 } })
      .toColourspace('scrgb')
      .tiff({ compression: 'none' })
      .toBuffer();
    expect(await fault(tiff, 'a.tif')).toMatch(/^a\.tif holds numbers of type float .*convert it/);
  });

  it.each<[string, number, number, number, string]>([
    ['no width', 0, 2, 0, 'pixels: its width is 0'],
    ['half a row', 2, 1.5, 9, 'pixels: its height is 1.5'],
    ['a byte too few', 2, 2, 11, 'pixels: 2 x 2 px need 12 bytes of RGB, its data has 11'],
    ['an alpha channel', 2, 2, 16, 'it looks like RGBA'],
  ])('pixels with %s', async (_, width, height, length, message) => {
    expect(await fault({ width, height, data: new Uint8Array(length) }, 'pixels')).toContain(message);
  });
});

describe('a damaged picture', () => {
  it.each([
    ['a JPEG of which only the first bytes are left', Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
    [
      'a JPEG with noise behind its first bytes',
      Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.alloc(99, 7)]),
    ],
    [
      'a PNG with noise behind its signature',
      Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(99, 7)]),
    ],
  ])('is said to be so in words that help: %s', async (_, bytes) => {
    const error = await decode(bytes, 'x.jpg').then(
      () => expect.fail('it should have failed'),
      (thrown: Error) => thrown,
    );
    expect(error.message).toMatch(
      /^x\.jpg is damaged or incomplete: this (JPEG|PNG) cannot be decoded \(.{10,}\)$/,
    );
    expect(error.message).not.toMatch(/unknown error/i);
  });
});
