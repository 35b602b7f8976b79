// What the texts on a command line mean; commander reports what they cannot mean.

import { InvalidArgumentError } from 'commander';

/** A whole number of at least 1. */
export function count(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('It must be a whole number of at least 1.');
}

/** A number, with a point or an exponent. Which ones make sense is for the option to say. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
}

const UNITS = { '': 1, k: 1e3, m: 1e6, g: 1e9, ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30 } as const;

/** An amount of memory: `2GB`, `512MiB`, or bytes. */
export function bytes(text: string): number {
  const [, value = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([kmg]i?)?b?$/i.exec(text.trim()) ?? [];
  if (value !== '') return Math.floor(Number(value) * UNITS[unit.toLowerCase() as keyof typeof UNITS]);
  throw new InvalidArgumentError('It must be an amount of memory, as 2GB or 512MiB.');
}

/** A whole number of at least 0. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('It must be a whole number of at least 0.');
}

/** `1,8`: whole numbers of at least 1. */
export function counts(text: string): number[] {
  return text.split(',').map(count);
}

/** A length in pixels. */
export function pixels(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= LONGEST) return value;
  throw new InvalidArgumentError(`It must be a whole number of pixels, 1 to ${LONGEST}.`);
}

/** Beyond this no picture is decoded, and a mistyped number would only run out of memory. */
const LONGEST = 0x3fff;

/** A length in pixels, or `none`. */
export function pixelsOrNone(text: string): number | 'none' {
  return text === 'none' ? text : pixels(text);
}

export type Sides = readonly [height: number, width: number];

/** `224` or, height first, `240x320`. */
export function sides(text: string): Sides {
  const parts = text.split('x');
  if (parts.length > 2) throw new InvalidArgumentError('It must be a length or HEIGHTxWIDTH, in pixels.');
  const [height, width = height] = parts.map(pixels) as [number, number?];
  return [height, width];
}

/** As `sides`, or `none`. */
export function sidesOrNone(text: string): Sides | 'none' {
  return text === 'none' ? text : sides(text);
}
