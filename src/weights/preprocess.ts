// How pixels are prepared for a network: what a file's metadata say of it.

import { WeightsError } from '../errors.js';
import type { Preprocess } from './archive.js';
import type { WeightsSource } from './source.js';
import { quote } from './text.js';

/** What stands for each kind of input in the metadata; it begins with the word that is read. */
export const PREPROCESS_TEXTS: Readonly<Record<Preprocess, string>> = {
  torchvision: 'torchvision (RGB, / 255, minus 0.485 0.456 0.406, / 0.229 0.224 0.225)',
  caffe: 'caffe (BGR, minus 103.939 116.779 123.68)',
};

/** @throws WeightsError for a text that names no known preprocessing */
export function saidPreprocess({ path, metadata }: Pick<WeightsSource, 'path' | 'metadata'>): Preprocess {
  const said = metadata.preprocess;
  if (said === undefined) return 'torchvision'; // whose names these are
  const known = /^(torchvision|caffe)\b/.exec(said)?.[1];
  if (known) return known as Preprocess;
  throw new WeightsError(
    `${path}: metadata preprocess is ${quote(said)}, expected "torchvision" or "caffe" at its start`,
  );
}
