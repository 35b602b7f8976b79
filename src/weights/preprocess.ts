// How pixels are prepared for a network: a name for the usual ways, or a recipe in numbers; their arithmetic; and what a file's
// metadata say of it.
//
//   rgb / 255 - 0.5 / 0.25                      red, green and blue, divided, shifted, divided again: from left to right
//   bgr - 103.939,116.779,123.68                blue first; one number for each channel, in the order of the channels
//
// A recipe has one form only, so that two of the same arithmetic are the same text: (byte - mean) / deviation.

import { WeightsError } from '../errors.js';
import { type Rule, value } from '../options.js';
import type { NamedPreprocess, Preprocess } from './archive.js';
import type { WeightsSource } from './source.js';
import { quote } from './text.js';

/** (byte - mean) * scale for each channel, in the order of the network's input channels. */
export interface PixelArithmetic {
  /** True where the network's first channel is blue. */
  readonly reverse: boolean;
  readonly mean: readonly [number, number, number];
  readonly scale: readonly [number, number, number];
}

const MEAN = [0.485, 0.456, 0.406] as const;
const DEVIATION = [0.229, 0.224, 0.225] as const;

/** What each way makes of the bytes of a picture. The zeros around a picture are added afterwards, by the convolutions. */
export const NORMALISATIONS: Readonly<Record<NamedPreprocess, PixelArithmetic>> = {
  /** RGB, (p/255 - mean) / deviation. */
  torchvision: {
    reverse: false,
    mean: [255 * MEAN[0], 255 * MEAN[1], 255 * MEAN[2]],
    scale: [1 / (255 * DEVIATION[0]), 1 / (255 * DEVIATION[1]), 1 / (255 * DEVIATION[2])],
  },
  /** BGR, p - mean: as the network was trained in Caffe, and as Keras has it. */
  caffe: { reverse: true, mean: [103.939, 116.779, 123.68], scale: [1, 1, 1] },
  /** RGB, p/255: 0 to 1, as Keras' `rescale=1./255` and PyTorch's ToTensor alone give. */
  unit: { reverse: false, mean: [0, 0, 0], scale: [1 / 255, 1 / 255, 1 / 255] },
  /** RGB, p/127.5 - 1: -1 to 1, as PyTorch's Normalize(0.5, 0.5) and Keras' preprocess_input of other networks give. */
  signed: { reverse: false, mean: [127.5, 127.5, 127.5], scale: [1 / 127.5, 1 / 127.5, 1 / 127.5] },
  /** RGB, 0 to 255. */
  raw: { reverse: false, mean: [0, 0, 0], scale: [1, 1, 1] },
};

export const PREPROCESSES = Object.keys(NORMALISATIONS) as readonly NamedPreprocess[];

/** What stands for each way in the metadata; it begins with the word that is read. */
const TEXTS: Readonly<Record<NamedPreprocess, string>> = {
  torchvision: 'torchvision (RGB, / 255, minus 0.485 0.456 0.406, / 0.229 0.224 0.225)',
  caffe: 'caffe (BGR, minus 103.939 116.779 123.68)',
  unit: 'unit (RGB, / 255)',
  signed: 'signed (RGB, / 127.5, minus 1)',
  raw: 'raw (RGB, 0 to 255)',
};

/** For metadata, with what a name means. */
export function preprocessText(preprocess: Preprocess): string {
  return isNamed(preprocess) ? TEXTS[preprocess] : preprocess;
}

/** For messages. */
export const RECIPE_HINT = "or a recipe in numbers, as 'rgb / 255 - 0.5 / 0.25'";

function isNamed(preprocess: string): preprocess is NamedPreprocess {
  return Object.hasOwn(NORMALISATIONS, preprocess);
}

/** What a name or a recipe makes of bytes. @throws RangeError for what `parsePreprocess` does not know */
export function arithmeticOf(preprocess: Preprocess): PixelArithmetic {
  const arithmetic = isNamed(preprocess) ? NORMALISATIONS[preprocess] : recipe(preprocess);
  if (arithmetic) return arithmetic;
  throw new RangeError(`${preprocess} is no way to prepare pixels`);
}

/** The name, or the one form of the recipe, that a text means; undefined where it means none. */
export function parsePreprocess(text: string): Preprocess | undefined {
  const trimmed = text.trim();
  if (isNamed(trimmed)) return trimmed;
  const arithmetic = recipe(trimmed);
  return arithmetic && preprocessFor(arithmetic);
}

/** The most that two results may differ, as a share of all that a channel spans: 1/255 is not 1/256. */
const TOLERANCE = 1e-4;

/** The name of an arithmetic, or its recipe. */
export function preprocessFor(arithmetic: PixelArithmetic): Preprocess {
  return PREPROCESSES.find((name) => isSame(arithmetic, NORMALISATIONS[name])) ?? recipeText(arithmetic);
}

/** Whether two ways give the same numbers, but for rounding. */
export function isSameArithmetic(a: Preprocess, b: Preprocess): boolean {
  return isSame(arithmeticOf(a), arithmeticOf(b));
}

function isSame(a: PixelArithmetic, b: PixelArithmetic): boolean {
  if (a.reverse !== b.reverse) return false;
  return b.scale.every((scale, c) => {
    const at = (byte: number) =>
      Math.abs((byte - a.mean[c]!) * a.scale[c]! - (byte - b.mean[c]!) * scale) <= 255 * scale * TOLERANCE;
    return at(0) && at(255);
  });
}

function recipeText({ reverse, mean, scale }: PixelArithmetic): Preprocess {
  const shift = mean.every((one) => one === 0) ? '' : ` - ${listed(mean)}`;
  const deviation = scale.every((one) => one === 1) ? '' : ` / ${listed(scale.map((one) => 1 / one))}`;
  return `${reverse ? 'bgr' : 'rgb'}${shift}${deviation}`;
}

/** Nine digits tell singles apart. */
function listed(values: readonly number[]): string {
  const texts = values.map((one) => String(Number(one.toPrecision(9))));
  return texts.every((one) => one === texts[0]) ? texts[0]! : texts.join(',');
}

const NUMBER = String.raw`-?\d+(?:\.\d*)?(?:e[+-]?\d+)?`;
const STEP = new RegExp(String.raw`\s*([-+*/])\s*(${NUMBER}(?:\s*,\s*${NUMBER}){2}|${NUMBER})\s*`, 'iy');
const MOST_STEPS = 8;

function recipe(text: string): PixelArithmetic | undefined {
  const [, order] = /^(rgb|bgr)(?![a-z0-9])\s*/i.exec(text) ?? [];
  if (order === undefined) return undefined;
  const map = [1, 1, 1].map((scale) => ({ scale, offset: 0 }));
  let end = order.length;
  for (let steps = 0; end < text.length; steps++) {
    STEP.lastIndex = end;
    const [whole, operator, list] = STEP.exec(text) ?? [];
    if (whole === undefined || steps === MOST_STEPS) return undefined;
    end += whole.length;
    const numbers = list!.split(',').map(Number);
    for (const [c, channel] of map.entries()) {
      const number = numbers[c] ?? numbers[0]!;
      if (operator === '-') channel.offset -= number;
      if (operator === '+') channel.offset += number;
      if (operator !== '*' && operator !== '/') continue;
      const factor = operator === '*' ? number : 1 / number;
      channel.scale *= factor;
      channel.offset *= factor;
    }
  }
  const isUsable = map.every(
    ({ scale, offset }) => scale > 0 && Number.isFinite(scale) && Number.isFinite(offset),
  );
  if (!isUsable) return undefined;
  // Not -0, which is printed as another number.
  const mean = map.map(({ scale, offset }) => 0 - offset / scale);
  const scale = map.map((channel) => channel.scale);
  return { reverse: order.toLowerCase() === 'bgr', mean: triple(mean), scale: triple(scale) };
}

function triple([a = 0, b = 0, c = 0]: readonly number[]): [number, number, number] {
  return [a, b, c];
}

export const PREPROCESS: Rule<Preprocess> = value(
  `${PREPROCESSES.join(' or ')}, ${RECIPE_HINT}`,
  (said) => typeof said === 'string' && parsePreprocess(said) !== undefined,
);

/**
 * How pixels are prepared, as metadata say it; undefined where they are silent.
 *
 * @throws WeightsError for a text that is no known way
 */
export function saidPreprocess({
  path,
  metadata,
}: Pick<WeightsSource, 'path' | 'metadata'>): Preprocess | undefined {
  const said = metadata.preprocess;
  if (said === undefined) return undefined;
  const word = /^[a-z]+\b/.exec(said)?.[0] ?? '';
  const known = isNamed(word) ? word : parsePreprocess(said);
  if (known) return known;
  throw new WeightsError(
    `${path}: metadata preprocess is ${quote(said)}, expected one of ${PREPROCESSES.join(', ')} at its start, ` +
      `${RECIPE_HINT}; --preprocess (preprocess) says it instead`,
  );
}
