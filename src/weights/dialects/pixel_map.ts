// What a model itself does to a picture's bytes before its first convolution: a linear map for each channel, and whether it
// is one of the ways to prepare pixels that are known.

import type { Preprocess } from '../archive.js';
import { NORMALISATIONS, PREPROCESSES } from '../preprocess.js';

/** Channel c of the result is scale[c] * x[order[c]] + offset[c], where x is the picture's red, green and blue. */
export interface PixelMap {
  readonly order: readonly number[];
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

/** The picture as it is. */
export const UNCHANGED: PixelMap = { order: [0, 1, 2], scale: [1, 1, 1], offset: [0, 0, 0] };

/** The most that two results may differ, as a share of all that a channel spans: 1/255 is not 1/256. */
const TOLERANCE = 1e-4;

/** @param factors  one for each channel, or one for all */
export function scaled(map: PixelMap, factors: readonly number[]): PixelMap {
  const by = (values: readonly number[]) => values.map((value, c) => value * (factors[c] ?? factors[0]!));
  return { ...map, scale: by(map.scale), offset: by(map.offset) };
}

/** @param terms  one for each channel, or one for all */
export function shifted(map: PixelMap, terms: readonly number[]): PixelMap {
  return { ...map, offset: map.offset.map((value, c) => value + (terms[c] ?? terms[0]!)) };
}

/** @param channels  for each channel of the result, which of the map's it is */
export function reordered({ order, scale, offset }: PixelMap, channels: readonly number[]): PixelMap {
  const pick = (values: readonly number[]) => channels.map((channel) => values[channel]!);
  return { order: pick(order), scale: pick(scale), offset: pick(offset) };
}

/** Whether pixels are left as they are. */
export function isUnchanged(map: PixelMap): boolean {
  return isSame(map, UNCHANGED);
}

/**
 * The way to prepare pixels that the map is; undefined for one that is none of them.
 *
 * @param inputScale  what bytes are multiplied with before the map sees them: 1, or 1/255 for inputs from 0 to 1
 */
export function preprocessOf(map: PixelMap, inputScale = 1): Preprocess | undefined {
  const ofBytes = { ...map, scale: map.scale.map((value) => value * inputScale) };
  return PREPROCESSES.find((name) => {
    const { reverse, mean, scale } = NORMALISATIONS[name];
    const offset = mean.map((value, c) => -value * scale[c]!);
    return isSame(ofBytes, { order: reverse ? [2, 1, 0] : [0, 1, 2], scale, offset });
  });
}

function isSame(a: PixelMap, b: PixelMap): boolean {
  if (a.order.join() !== b.order.join()) return false;
  return b.scale.every((scale, c) => {
    const most = Math.abs(255 * scale) * TOLERANCE;
    const black = Math.abs(a.offset[c]! - b.offset[c]!);
    const white = Math.abs(255 * (a.scale[c]! - scale) + a.offset[c]! - b.offset[c]!);
    return black <= most && white <= most;
  });
}

/** For messages: `0.0039 * R - 0.5, ...`. */
export function mapText({ order, scale, offset }: PixelMap): string {
  const texts = order.map((channel, c) => {
    const term = offset[c] === 0 ? '' : ` ${offset[c]! < 0 ? '-' : '+'} ${short(Math.abs(offset[c]!))}`;
    return `${short(scale[c]!)} * ${'RGB'.charAt(channel)}${term}`;
  });
  return texts.join(', ');
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
