import { describe, expect, it } from 'vitest';
import { PictureError, UsageError } from '../../src/errors.js';
import { resize, resizeWindow } from '../../src/image/resize.js';
import { FRACTION_BITS, triangleTaps } from '../../src/image/triangle.js';
import { type Cases, goldenJson, goldenPicture, largestDifference, patterned } from './golden.js';

describe('resize', () => {
  // Not merely within 1/255: the fixed-point arithmetic is Pillow's, so the bytes are.
  it.each(goldenJson<Cases>('cases.json').resize)(
    'equals Pillow on $input to $width x $height',
    async ({ input, width, height, output }) => {
      const actual = resize(await goldenPicture(input), width, height);
      expect(largestDifference(actual, await goldenPicture(output))).toBe(0);
    },
  );

  it('leaves the input alone and returns pixels of its own', () => {
    const picture = patterned(12, 9);
    const before = picture.data.slice();
    const same = resize(picture, 12, 9);
    expect(same.data).toEqual(before);
    same.data.fill(0);
    resize(picture, 5, 20).data.fill(0);
    expect(picture.data).toEqual(before);
  });

  it.each([
    [0, 10],
    [10, -1],
    [2.5, 10],
    [Number.NaN, 10],
  ])('refuses the size %s x %s', (width, height) => {
    expect(() => resize(patterned(4, 4), width, height)).toThrow(UsageError);
  });

  it('refuses a picture whose data does not fit its size', () => {
    const picture = { width: 4, height: 4, data: new Uint8Array(4 * 4 * 4) };
    expect(() => resize(picture, 2, 2)).toThrow(PictureError);
    expect(() => resize(picture, 2, 2)).toThrow(/4 x 4 px need 48 bytes.*64.*RGBA/);
  });
});

describe('resizeWindow', () => {
  const sizes = [
    { width: 37, height: 23 }, // the picture's own
    { width: 90, height: 11 },
    { width: 13, height: 70 },
    { width: 5, height: 4 },
  ];

  it.each(sizes)('is a part of the whole at $width x $height', (size) => {
    const picture = patterned(37, 23);
    const whole = resize(picture, size.width, size.height);
    const [w, h] = [size.width, size.height];
    const windows = [
      { left: 0, top: 0, width: 1, height: 1 },
      { left: w - 1, top: h - 1, width: 1, height: 1 },
      { left: 1, top: 2, width: w - 2, height: h - 3 },
      { left: w >> 1, top: 0, width: w - (w >> 1), height: h },
    ];
    for (const window of windows) {
      const part = resizeWindow(picture, size, window);
      const cut = new Uint8Array(part.data.length);
      for (let y = 0; y < window.height; y++) {
        const start = ((window.top + y) * w + window.left) * 3;
        cut.set(whole.data.subarray(start, start + window.width * 3), y * window.width * 3);
      }
      expect(largestDifference(part, { ...window, data: cut })).toBe(0);
    }
  });

  it.each([
    { left: -1, top: 0, width: 2, height: 2 },
    { left: 0, top: 0, width: 0, height: 2 },
    { left: 0, top: 7, width: 2, height: 2 },
    { left: 0.5, top: 0, width: 2, height: 2 },
  ])('refuses the window $left $top $width $height of 8 x 8', (window) => {
    expect(() => resizeWindow(patterned(4, 4), { width: 8, height: 8 }, window)).toThrow(UsageError);
  });
});

describe('triangleTaps', () => {
  it('interpolates linearly between two samples when the picture doubles', () => {
    const taps = triangleTaps(4, 8, 0, 8);
    const one = 2 ** FRACTION_BITS;
    const rows = Array.from({ length: 8 }, (_, i) => {
      const weights = taps.weights.subarray(i * taps.stride, i * taps.stride + taps.count[i]!);
      return [taps.first[i], ...Array.from(weights, (w) => w / one).filter((w) => w > 0)];
    });
    expect(rows.slice(0, 4)).toEqual([
      [0, 1],
      [0, 0.75, 0.25],
      [0, 0.25, 0.75],
      [1, 0.75, 0.25],
    ]);
  });

  it('covers every input sample when the picture shrinks, with weights that add up to 1', () => {
    const taps = triangleTaps(1000, 7, 0, 7);
    const seen = new Set<number>();
    for (let i = 0; i < 7; i++) {
      let sum = 0;
      for (let t = 0; t < taps.count[i]!; t++) {
        const weight = taps.weights[i * taps.stride + t]!;
        if (weight > 0) seen.add(taps.first[i]! + t);
        sum += weight;
      }
      // each of the count weights is rounded by at most half a unit
      expect(Math.abs(sum - 2 ** FRACTION_BITS)).toBeLessThanOrEqual(taps.count[i]! / 2);
    }
    expect(seen.size).toBe(1000);
  });
});
