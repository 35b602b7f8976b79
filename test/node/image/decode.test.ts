// What decode makes of good pictures. What it says about bad ones: decode_faults.test.ts.
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Picture } from '../../../src/image/picture.js';
import { decode, PICTURE_EXTENSIONS } from '../../../src/node/image/decode.js';
import {
  type Cases,
  goldenJson,
  goldenPicture,
  goldenUrl,
  largestDifference,
  patterned,
} from '../../image/golden.js';

type Colour = readonly [number, number, number];

function image({ width, height, data }: Picture): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** Samples as given: `channels` per pixel, 8 or 16 bit, in one row. */
function row(samples: Uint8Array | Uint16Array, channels: 1 | 2 | 3 | 4): Sharp {
  return sharp(samples, { raw: { width: samples.length / channels, height: 1, channels } });
}

const BLOCK = 16; // px; larger than a JPEG block, so that the middle of one keeps its colour

function blocks(rows: readonly (readonly Colour[])[]): Picture {
  const width = rows[0]!.length * BLOCK;
  const height = rows.length * BLOCK;
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % width;
    const y = Math.floor(i / 3 / width);
    return rows[Math.floor(y / BLOCK)]![Math.floor(x / BLOCK)]![i % 3]!;
  });
  return { width, height, data };
}

/** The colours in the middle of the blocks. */
function blockColours({ width, height, data }: Picture): number[][][] {
  return Array.from({ length: height / BLOCK }, (_, y) =>
    Array.from({ length: width / BLOCK }, (_, x) => {
      const start = ((y * BLOCK + BLOCK / 2) * width + x * BLOCK + BLOCK / 2) * 3;
      return Array.from(data.subarray(start, start + 3));
    }),
  );
}

const COLOURS: Readonly<Record<string, Colour>> = {
  A: [255, 0, 0],
  B: [0, 255, 0],
  C: [0, 0, 255],
  D: [255, 255, 0],
  E: [0, 255, 255],
  F: [255, 0, 255],
};

describe('decode', () => {
  it('reads a path, a URL and bytes alike', async () => {
    const url = goldenUrl('noise_29x24.png');
    const expected = await goldenPicture('noise_29x24.png');
    for (const input of [url, url.pathname, await image(expected).png().toBuffer()]) {
      const picture = await decode(input);
      expect(picture).toEqual(expected);
      expect(picture.data.constructor).toBe(Uint8Array);
    }
  });

  it('returns decoded pixels as they are', async () => {
    const picture = patterned(3, 2);
    expect(await decode(picture)).toBe(picture);
  });

  it('decodes a single pixel', async () => {
    expect(await decode(goldenUrl('pixel_1x1.png'))).toEqual({
      width: 1,
      height: 1,
      data: Uint8Array.of(200, 100, 7),
    });
  });

  // EXIF 2.3, tag 0x0112: what the stored rows ABC, DEF look like upright.
  it.each([
    [1, 'ABC DEF'],
    [2, 'CBA FED'],
    [3, 'FED CBA'],
    [4, 'DEF ABC'],
    [5, 'AD BE CF'],
    [6, 'DA EB FC'],
    [7, 'FC EB DA'],
    [8, 'CF BE AD'],
  ])('applies EXIF orientation %i', async (orientation, upright) => {
    const stored = image(blocks(['ABC', 'DEF'].map((letters) => [...letters].map((l) => COLOURS[l]!))));
    const jpeg = stored.jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).withMetadata({ orientation });
    const nearest = blockColours(await decode(await jpeg.toBuffer())).map((colours) =>
      colours.map((c) =>
        Object.keys(COLOURS).find((l) => COLOURS[l]!.every((v, i) => Math.abs(v - c[i]!) < 8)),
      ),
    );
    expect(nearest.map((letters) => letters.join('')).join(' ')).toBe(upright);
  });

  it.each(['png', 'jpeg', 'webp', 'gif', 'tiff', 'avif'] as const)('decodes %s', async (format) => {
    const expected = blocks([
      [COLOURS.A!, [255, 255, 255]],
      [[0, 0, 0], COLOURS.C!],
    ]);
    const picture = await decode(await image(expected).toFormat(format, { quality: 100 }).toBuffer());
    expect([picture.width, picture.height]).toEqual([32, 32]);
    const difference = blockColours(picture)
      .flat(2)
      .map((v, i) => Math.abs(v - blockColours(expected).flat(2)[i]!));
    expect(Math.max(...difference)).toBeLessThanOrEqual(8); // lossy formats
  });

  it('spreads grey over three channels', async () => {
    const grey = row(Uint8Array.of(0, 77, 255), 1).toColourspace('b-w');
    const expected = Uint8Array.of(0, 0, 0, 77, 77, 77, 255, 255, 255);
    expect((await decode(await grey.clone().png().toBuffer())).data).toEqual(expected);
    const lossless = await grey.clone().webp({ lossless: true }).toBuffer();
    expect((await decode(lossless)).data).toEqual(expected);
    expect((await decode(await grey.clone().jpeg().toBuffer())).data.length).toBe(9);
  });

  it('lays transparency on white', async () => {
    const rgba = Uint8Array.of(255, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 51);
    const { data } = await decode(await row(rgba, 4).png().toBuffer());
    expect(Array.from(data)).toEqual([255, 0, 0, 255, 255, 255, 204, 204, 204]); // 51 / 255 = 1/5 black
    const greyAlpha = await decode(
      await row(Uint8Array.of(100, 255, 100, 0), 2)
        .png()
        .toBuffer(),
    );
    expect(Array.from(greyAlpha.data)).toEqual([100, 100, 100, 255, 255, 255]);
    const gif = await sharp(rgba.subarray(0, 8), { raw: { width: 2, height: 1, channels: 4 } })
      .gif()
      .toBuffer();
    expect(Array.from((await decode(gif)).data)).toEqual([255, 0, 0, 255, 255, 255]);
  });

  it('looks colours up in a palette', async () => {
    const expected = blocks([[COLOURS.A!, COLOURS.E!, [10, 20, 30]]]);
    const png = await image(expected).png({ palette: true }).toBuffer();
    expect((await sharp(png).metadata()).isPalette).toBe(true);
    expect(await decode(png)).toEqual(expected);
  });

  it('keeps the upper 8 of 16 bits', async () => {
    const rgb = Uint16Array.of(0, 0x8080, 0xffff, 0x00ff, 0x0100, 0x7fff);
    const png = await row(rgb, 3).toColourspace('rgb16').png().toBuffer();
    expect((await sharp(png).metadata()).depth).toBe('ushort');
    expect(Array.from((await decode(png)).data)).toEqual([0, 128, 255, 0, 1, 127]);
    const grey = await row(Uint16Array.of(0x1234, 0xffff), 1).toColourspace('grey16').png().toBuffer();
    expect((await sharp(grey).metadata()).depth).toBe('ushort');
    expect(Array.from((await decode(grey)).data)).toEqual([18, 18, 18, 255, 255, 255]);
    const clear = Uint16Array.of(0xffff, 0, 0, 0xffff, 0, 0, 0, 0);
    const rgba = await row(clear, 4).toColourspace('rgb16').png().toBuffer();
    expect(Array.from((await decode(rgba)).data)).toEqual([255, 0, 0, 255, 255, 255]);
  });

  // Pillow wrote the inks; without a profile in the file what they look like is libvips' choice, within these bounds.
  it('turns CMYK into the colours of its inks', async () => {
    const [colours] = blockColours(await decode(goldenUrl('cmyk.jpg')));
    const [paper, black, halfBlack, red, cyan] = colours!;
    expect(paper).toEqual([255, 255, 255]);
    expect(Math.max(...black!)).toBeLessThan(40);
    expect(Math.min(...halfBlack!)).toBeGreaterThan(100);
    expect(Math.max(...halfBlack!)).toBeLessThan(180);
    expect(red![0]).toBeGreaterThan(Math.max(red![1]!, red![2]!) + 150);
    expect(cyan![2]).toBeGreaterThan(cyan![0]! + 150);
    expect(cyan![1]).toBeGreaterThan(cyan![0]! + 80);
  });

  // littlecms, as Pillow's ImageCms calls it, and libvips round differently by at most one level
  it.each(goldenJson<Cases>('cases.json').profile)('converts $input to sRGB', async ({ input, output }) => {
    const converted = await decode(goldenUrl(input));
    expect(largestDifference(converted, await goldenPicture(output))).toBeLessThanOrEqual(1);
    const unconverted = await sharp(goldenUrl(input).pathname, { ignoreIcc: true }).raw().toBuffer();
    const plain = { ...converted, data: new Uint8Array(unconverted) };
    expect(largestDifference(plain, await goldenPicture(output))).toBeGreaterThan(30);
  });

  it('takes the first page of an animation', async () => {
    const pages = blocks([[COLOURS.A!], [COLOURS.B!], [COLOURS.C!]]);
    for (const format of ['gif', 'webp'] as const) {
      const options = { raw: { ...pages, channels: 3 as const, pageHeight: BLOCK } };
      const bytes = await sharp(pages.data, options).toFormat(format, { lossless: true }).toBuffer();
      expect((await sharp(bytes).metadata()).pages).toBe(3);
      expect(await decode(bytes)).toEqual(blocks([[COLOURS.A!]]));
    }
  });
});

describe('PICTURE_EXTENSIONS', () => {
  it('are all decoded by the installed sharp', () => {
    const { jpeg, png, webp, gif, tiff, heif } = sharp.format;
    const decoded = [jpeg, png, webp, gif, tiff, heif].flatMap(({ input }) =>
      input.buffer ? input.fileSuffix : [],
    );
    for (const extension of PICTURE_EXTENSIONS) expect(decoded).toContain(`.${extension}`);
  });
});
