// Reads the golden files that test/golden/image/make_golden.py wrote with Pillow and torchvision.
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { expect } from 'vitest';
import type { Framing } from '../../src/image/framing.js';
import type { Picture } from '../../src/image/picture.js';

const FOLDER = new URL('../golden/image/', import.meta.url);

interface Case {
  readonly input: string;
  readonly output: string;
}

export interface Cases {
  readonly resize: readonly (Case & { readonly width: number; readonly height: number })[];
  readonly frame: readonly (Case & Framing)[];
  readonly profile: readonly Case[];
}

export function goldenUrl(file: string): URL {
  return new URL(file, FOLDER);
}

export function goldenJson<T>(file: string): T {
  return JSON.parse(readFileSync(goldenUrl(file), 'utf8')) as T;
}

/** The pixels of a golden PNG, read without the code under test. */
export async function goldenPicture(file: string): Promise<Picture> {
  const { data, info } = await sharp(readFileSync(goldenUrl(file)))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect(info.channels).toBe(3);
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}

/** The largest difference of two bytes at the same place, after checking that the sizes are equal. */
export function largestDifference(actual: Picture, expected: Picture): number {
  expect([actual.width, actual.height]).toEqual([expected.width, expected.height]);
  expect(actual.data.length).toBe(expected.data.length);
  return actual.data.reduce((most, byte, i) => Math.max(most, Math.abs(byte - expected.data[i]!)), 0);
}

/** A picture of bytes that repeat nowhere near, so that a shifted or skipped sample shows. */
export function patterned(width: number, height: number): Picture {
  const data = new Uint8Array(width * height * 3).map((_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255);
  return { width, height, data };
}
