// What a model itself does to a picture's bytes before its first convolution: a linear map for each channel, and whether it
// is one of the ways to prepare pixels that are known.

import type { Preprocess } from '../archive.js';
import { PREPROCESSES, preprocessFor } from '../preprocess.js';

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
 * The way to prepare pixels that the map is; undefined for one that mixes the colours, or turns one over.
 *
 * @param inputScale  what bytes are multiplied with before the map sees them: 1, or 1/255 for inputs from 0 to 1
 */
function preprocessOf({ order, scale, offset }: PixelMap, inputScale = 1): Preprocess | undefined {
  const reverse = order.join() === '2,1,0';
  if (!reverse && order.join() !== '0,1,2') return undefined;
  const factors = scale.map((value) => value * inputScale);
  if (!factors.every((factor, c) => factor > 0 && Number.isFinite(factor) && Number.isFinite(offset[c])))
    return undefined;
  const mean = factors.map((factor, c) => 0 - offset[c]! / factor);
  return preprocessFor({ reverse, mean: triple(mean), scale: triple(factors) });
}

/** Bytes that are multiplied with more than this are meant to go from 0 to 1. */
const LARGEST_FACTOR_OF_BYTES = 1.5;

/**
 * How the map prepares a picture's bytes, or bytes / 255 where its numbers are made for those; undefined for one that mixes
 * the colours, or turns one over.
 *
 * @param by  what has the map, for the note: `the graph`
 */
export function preparedAs(
  map: PixelMap,
  by: string,
): { readonly preprocess: Preprocess; readonly notes: readonly string[] } | undefined {
  const [ofBytes, ofUnit] = [preprocessOf(map), preprocessOf(map, 1 / 255)];
  if (!ofBytes || !ofUnit) return undefined;
  const isNamed = (way: Preprocess) => PREPROCESSES.some((name) => name === way);
  const isOfUnit = isNamed(ofUnit) || map.scale.some((factor) => factor > LARGEST_FACTOR_OF_BYTES);
  if (isNamed(ofBytes) || !isOfUnit) return { preprocess: ofBytes, notes: [] };
  const note = `${by} prepares pixels that go from 0 to 1, and is given bytes / 255: together, ${ofUnit}`;
  return { preprocess: ofUnit, notes: [note] };
}

function triple([a = 0, b = 0, c = 0]: readonly number[]): [number, number, number] {
  return [a, b, c];
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
