// How pixels are prepared for a network: the ways that are known, their arithmetic, and what a file's metadata say of it.

import { WeightsError } from '../errors.js';
import { oneOf, type Rule } from '../options.js';
import type { Preprocess } from './archive.js';
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
export const NORMALISATIONS: Readonly<Record<Preprocess, PixelArithmetic>> = {
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
};

export const PREPROCESSES = Object.keys(NORMALISATIONS) as readonly Preprocess[];

/** What stands for each way in the metadata; it begins with the word that is read. */
export const PREPROCESS_TEXTS: Readonly<Record<Preprocess, string>> = {
  torchvision: 'torchvision (RGB, / 255, minus 0.485 0.456 0.406, / 0.229 0.224 0.225)',
  caffe: 'caffe (BGR, minus 103.939 116.779 123.68)',
  unit: 'unit (RGB, / 255)',
  signed: 'signed (RGB, / 127.5, minus 1)',
};

export const PREPROCESS: Rule<Preprocess> = oneOf(...PREPROCESSES);

/**
 * How pixels are prepared, as metadata say it; undefined where they are silent.
 *
 * @throws WeightsError for a text that names no known way
 */
export function saidPreprocess({
  path,
  metadata,
}: Pick<WeightsSource, 'path' | 'metadata'>): Preprocess | undefined {
  const said = metadata.preprocess;
  if (said === undefined) return undefined;
  const word = /^[a-z]+\b/.exec(said)?.[0];
  const known = PREPROCESSES.find((name) => name === word);
  if (known) return known;
  throw new WeightsError(
    `${path}: metadata preprocess is ${quote(said)}, expected one of ${PREPROCESSES.join(', ')} at its start; ` +
      '--preprocess (preprocess) says it instead',
  );
}
