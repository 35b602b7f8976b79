import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PictureError, UsageError } from '../../src/errors.js';
import { type Framing, frame, framingForSize, IMAGENET_FRAMING } from '../../src/image/framing.js';
import { decode } from '../../src/node/image/decode.js';
import { type Cases, goldenJson, goldenPicture, goldenUrl, largestDifference, patterned } from './golden.js';

describe('frame', () => {
  it.each(goldenJson<Cases>('cases.json').frame)(
    'equals torchvision on $input, resize $resize, crop $crop',
    async ({ input, output, ...framing }) => {
      const actual = frame(await goldenPicture(input), framing);
      expect(largestDifference(actual, await goldenPicture(output))).toBe(0);
    },
  );

  const photos = join(process.env.VGG16_TEST_DATA ?? '../shared/data', 'hymenoptera_data');
  const missing = !existsSync(photos);
  if (missing) console.warn(`SKIPPED: photos against Pillow, no ${photos}; set VGG16_TEST_DATA`);
  it.skipIf(missing).each(Object.entries(goldenJson<Record<string, string>>('photos.json')))(
    'equals Pillow and torchvision on the photo %s, decoding included',
    async (file, expected) => {
      const { data } = frame(await decode(join(photos, file)), IMAGENET_FRAMING);
      expect(createHash('sha256').update(data).digest('hex')).toBe(expected);
    },
  );

  it('takes the crop out of an extreme picture without making the resized one', () => {
    // resized as a whole it would be 256 x 25,600,000 px: 20 GB
    const line = { width: 1, height: 100_000, data: new Uint8Array(300_000).fill(90) };
    const { width, height, data } = frame(line, IMAGENET_FRAMING);
    expect([width, height]).toEqual([224, 224]);
    expect(data.every((byte) => byte === 90)).toBe(true);
  });

  it('decodes and frames a PNG of 20,000 x 40 px', async () => {
    const picture = await decode(goldenUrl('scene_20000x40.png'));
    expect([picture.width, picture.height]).toEqual([20000, 40]);
    expect(frame(picture, IMAGENET_FRAMING).data.length).toBe(224 * 224 * 3);
  });

  it('returns the picture itself when nothing is to be done', () => {
    const picture = patterned(20, 30);
    expect(frame(picture, { resize: 'none', crop: 'none' })).toBe(picture);
    expect(frame(picture, { resize: 20, crop: 'none' })).toBe(picture);
  });

  it('refuses a crop that this picture is too small for, naming it', () => {
    const small = patterned(100, 50);
    expect(() => frame(small, { resize: 'none', crop: 64 }, 'a.jpg')).toThrow(PictureError);
    expect(() => frame(small, { resize: 'none', crop: 64 }, 'a.jpg')).toThrow(
      /^a\.jpg: a crop of 64 x 64 px does not fit into 100 x 50 px;/,
    );
    expect(() => frame(small, { resize: 25, crop: [20, 60] }, 'a.jpg')).toThrow(
      /60 x 20 px does not fit into 50 x 25 px resized from 100 x 50 px;/,
    );
  });

  it('refuses to make a picture too large to hold', () => {
    const line = { width: 1, height: 100_000, data: new Uint8Array(300_000) };
    expect(() => frame(line, { resize: 256, crop: 'none' }, 'a.jpg')).toThrow(PictureError);
    expect(() => frame(line, { resize: 256, crop: 'none' }, 'a.jpg')).toThrow(/a\.jpg.*256 x 25600000 px/);
  });

  it.each<[Framing, RegExp]>([
    [{ resize: 0, crop: 8 }, /resize 0/],
    [{ resize: 8.5, crop: 8 }, /resize 8.5/],
    [{ resize: 8, crop: -1 }, /crop -1/],
    [{ resize: 8, crop: [8, 0] }, /crop 0/],
    [{ resize: 200, crop: 224 }, /crop 224 is larger than the short side, which resize makes 200/],
    [{ resize: 200, crop: [224, 300] }, /crop 224 x 300 is larger/],
  ])('refuses the framing %o', (framing, message) => {
    expect(() => frame(patterned(300, 300), framing)).toThrow(UsageError);
    expect(() => frame(patterned(300, 300), framing)).toThrow(message);
  });
});

describe('framingForSize', () => {
  it.each([
    [224, 256],
    [64, 73],
    [32, 37],
    [299, 342],
  ])('for %i px resizes to %i', (size, resize) => {
    expect(framingForSize(size)).toEqual({ resize, crop: size });
  });

  it('gives a framing that fits, for every size', () => {
    for (let size = 1; size <= 1024; size++) {
      expect(framingForSize(size).resize).toBeGreaterThanOrEqual(size);
    }
  });

  it('refuses sizes that are no positive whole numbers', () => {
    for (const size of [0, -32, 1.5, Number.NaN]) expect(() => framingForSize(size)).toThrow(UsageError);
  });
});
