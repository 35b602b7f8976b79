// How views are varied: what is drawn, and what the maps do with it.

import { describe, expect, it } from 'vitest';
import { vec2d } from 'wgpu-matrix';
import { frame, framingForSize } from '../../../src/image/framing.js';
import type { Random } from '../../../src/random.js';
import { warp } from '../../../src/reference/warp.js';
import { drawView } from '../../../src/train/features/draw.js';
import { sourceOf } from '../../../src/train/features/warper.js';
import { AUGMENTATIONS } from '../../../src/train/options.js';
import { randomStream } from '../../../src/train/random.js';
import { noise } from '../../support/expected.js';

const SIZE = 28; // its short side is 32
const stream = (view: number) => randomStream(5, 'augment', 'a picture', view);
const VIEWS = Array.from({ length: 200 }, (_, view) => view);

/** Where the map takes a place of the result. */
function placeOf(map: ArrayLike<number>, x: number, y: number): [number, number] {
  const [u, v] = vec2d.transformMat3([x, y], Float64Array.from(map));
  return [u!, v!];
}

/** A stream whose every number is the same share of its range. */
function constant(share: number): Random {
  return { ...randomStream(1, 'augment'), uniform: () => share };
}

describe('drawView', () => {
  it.each([
    [60, 41],
    [41, 60],
    [33, 33],
    [500, 375],
    [7, 9],
    [300, 31],
  ])('without augmentation, or one that happens to do nothing, is the centre crop of %i x %i px', (w, h) => {
    const picture = noise(w, h, 1);
    const source = sourceOf(picture, SIZE, 'picture');
    const expected = frame(picture, framingForSize(SIZE)).data;
    // Half of each range: no turn, no change of colour, not mirrored.
    for (const augment of [[], ['flip', 'rotate', 'color']] as const) {
      const { width, height, data } = source;
      const maps = drawView(constant(0.5), augment, source, SIZE);
      const plain = warp(data, [{ firstByte: 0, width, height, ...maps }], { size: SIZE });
      const bytes = plain.map(Math.round);
      if (Math.max(w, h) < 2 * Math.min(w, h)) expect([...bytes]).toEqual([...expected]);
      else expect(Math.max(width, height)).toBe(64);
    }
  });

  it('draws the same for the same stream, another for another, and each part whatever the others are', () => {
    const source = { width: 45, height: 32 };
    const all = drawView(stream(1), AUGMENTATIONS, source, SIZE);
    expect(drawView(stream(1), AUGMENTATIONS, source, SIZE)).toEqual(all);
    expect(drawView(stream(2), AUGMENTATIONS, source, SIZE)).not.toEqual(all);
    expect(drawView(stream(1), ['crop', 'flip', 'rotate'], source, SIZE).map).toEqual(all.map);
    expect(drawView(stream(1), ['color'], source, SIZE).colour).toEqual(all.colour);
  });

  it('crops half to all of the square of the short side, within the picture, of all shapes in between', () => {
    for (const source of [
      { width: 45, height: 32 },
      { width: 32, height: 32 },
      { width: 32, height: 64 },
    ]) {
      const areas = VIEWS.map((view) => {
        const { map } = drawView(stream(view), ['crop'], source, SIZE);
        const [left, top] = placeOf(map, 0, 0);
        const [right, bottom] = placeOf(map, SIZE, SIZE);
        expect(Math.min(left, top)).toBeGreaterThanOrEqual(-1e-9);
        expect(right).toBeLessThanOrEqual(source.width + 1e-9);
        expect(bottom).toBeLessThanOrEqual(source.height + 1e-9);
        const aspect = (right - left) / (bottom - top);
        expect(aspect).toBeGreaterThan(0.749);
        expect(aspect).toBeLessThan(1.334);
        return ((right - left) * (bottom - top)) / 32 ** 2;
      });
      expect(Math.min(...areas)).toBeGreaterThanOrEqual(0.4999);
      expect(Math.min(...areas)).toBeLessThan(0.55);
      expect(Math.max(...areas)).toBeLessThanOrEqual(1.0001);
      expect(Math.max(...areas)).toBeGreaterThan(0.9);
    }
  });

  it('mirrors half of all views about the middle, and turns about it by at most 15 degrees', () => {
    const source = { width: 46, height: 32 };
    let mirrored = 0;
    const degrees = VIEWS.map((view) => {
      const { map } = drawView(stream(view), ['flip', 'rotate'], source, SIZE);
      const [x, y] = placeOf(map, SIZE / 2, SIZE / 2);
      expect([x, y].map((v) => v.toFixed(6))).toEqual(['23.000000', '16.000000']);
      const down = [map[4]!, map[5]!] as const;
      expect(Math.hypot(...down)).toBeCloseTo(1, 9);
      mirrored += Number(map[0]! * map[5]! - map[1]! * map[4]! < 0);
      return (Math.atan2(-down[0], down[1]) * 180) / Math.PI;
    });
    expect(mirrored).toBeGreaterThan(80);
    expect(mirrored).toBeLessThan(120);
    expect(Math.max(...degrees.map(Math.abs))).toBeLessThanOrEqual(15);
    expect(Math.max(...degrees)).toBeGreaterThan(12);
    expect(Math.min(...degrees)).toBeLessThan(-12);
  });

  it('changes brightness, contrast and saturation by at most a fifth each', () => {
    const { colour } = drawView(constant(0), ['color'], { width: 32, height: 32 }, SIZE);
    const through = (rgb: readonly number[]) =>
      [0, 1, 2].map((c) => [...rgb, 1].reduce((sum, value, i) => sum + colour[4 * i + c]! * value, 0));
    // 0.8 of everything. A grey keeps its colour: (100 * 0.8 + 127.5 * 0.2) * 0.8.
    for (const value of through([100, 100, 100])) expect(value).toBeCloseTo(84.4, 9);
    // Red as itself and as grey, 0.299 * 255, and then as above.
    const grey = 0.2 * 0.299 * 255;
    const red = [grey + 0.8 * 255, grey, grey].map((value) => (value * 0.8 + 25.5) * 0.8);
    through([255, 0, 0]).forEach((value, i) => {
      expect(value).toBeCloseTo(red[i]!, 9);
    });
  });
});
