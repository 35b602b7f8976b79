// What a candidate is held against.

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/random.js';
import { conv3x3 } from '../../src/reference/conv3x3.js';
import { linear } from '../../src/reference/linear.js';
import { conv3x3At, linearAt } from '../../src/reference/single.js';
import { faultOf, placesFor, placesIn } from '../../src/tune/check.js';
import { Pattern } from '../../src/tune/pattern.js';
import { decodeFloats } from '../../src/weights/floats.js';
import { useGpu } from '../support/gpu.js';

const at = (values: Float32Array) => (index: number) => values[index]!;

describe('single numbers in float64', () => {
  const random = seededRandom(1);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());

  it.each([true, false])('are those of the whole, relu %s', (relu) => {
    const sizes = { N: 2, H: 3, W: 5, C: 4, O: 8 };
    const [x, k, b] = [normals(2 * 3 * 5 * 4), normals(9 * 4 * 8), normals(8)];
    const whole = conv3x3(x, k, b, sizes, relu);
    whole.forEach((expected, i) => {
      const place = [Math.floor(i / 120), Math.floor(i / 40) % 3, Math.floor(i / 8) % 5, i % 8] as const;
      expect(conv3x3At(at(x), at(k), at(b), sizes, relu, place)).toBeCloseTo(expected, 12);
    });
    const dense = { N: 3, D: 8, O: 4 };
    const rows = linear(x.subarray(0, 24), k.subarray(0, 32), b, dense, relu);
    rows.forEach((expected, i) => {
      const one = linearAt(at(x), at(k), at(b), dense, relu, [Math.floor(i / 4), i % 4]);
      expect(one).toBeCloseTo(expected, 12);
    });
  });
});

describe('placesIn', () => {
  it('has all corners, all pictures, and is the same every time', () => {
    const places = placesIn([3, 7, 9, 16], 500);
    expect(places).toHaveLength(500);
    for (const corner of [
      [0, 0, 0, 0],
      [2, 6, 8, 15],
      [0, 6, 0, 15],
      [2, 0, 8, 0],
    ])
      expect(places).toContainEqual(corner);
    expect(new Set(places.map(([n]) => n))).toEqual(new Set([0, 1, 2]));
    expect(new Set(places.map(([, h]) => h)).size).toBe(7);
    expect(places).toEqual(placesIn([3, 7, 9, 16], 500));
    for (const [n, h, w, o] of places)
      expect(n! < 3 && h! < 7 && w! < 9 && o! < 16 && Math.min(n!, h!, w!, o!) >= 0).toBe(true);
  });

  it('are fewer where each costs more', () => {
    expect(placesFor(36)).toBe(4096);
    expect(placesFor(9 * 512)).toBeLessThan(4096);
    expect(placesFor(25088)).toBeGreaterThan(255);
  });
});

describe('faultOf', () => {
  const expected = { places: [0, 2, 5], values: [1, -2, 3] };
  it('takes what is right, to the bound', () => {
    expect(faultOf(Float32Array.of(1, 9, -2, 9, 9, 3), expected, 1e-11)).toBeUndefined();
    expect(faultOf(Float32Array.of(1, 9, -2, 9, 9, 3.01), expected, 1e-11)).toBe(
      'NMSE 7.1e-6 against float64, at most 1e-11',
    );
  });
  it('finds a number that is missing wherever it is', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(faultOf(Float32Array.of(1, bad, -2, 9, 9, 3), expected, 1e-11)).toBe(
        '1 of 6 numbers are missing, or no numbers',
      );
  });
});

describe('Pattern', () => {
  const gpu = useGpu();
  it.each(['f32', 'f16'] as const)('fills a tensor of %s with what it says, over and over', async (dtype) => {
    using pattern = await Pattern.create(gpu(), 3, 1 / 4, dtype);
    using tensor = await pattern.filled(gpu(), 'x', [2, 600_000]);
    const bytes = new Uint8Array(await tensor.readBytes());
    const values = decodeFloats(bytes, dtype === 'f32' ? 'F32' : 'F16');
    const wrong = values.findIndex((value, i) => value !== pattern.at(i));
    expect(wrong).toBe(-1);
    expect(Math.max(...values.subarray(0, 1000))).toBeLessThanOrEqual(1 / 4);
    // The second row is not the first.
    expect(values.subarray(0, 8)).not.toEqual(values.subarray(600_000, 600_008));
  });
});
