// What the weights' makers did to pixels before the network saw them.

import type { Normalisation } from '../kernels/normalise/normalise.js';
import type { Preprocess } from '../weights/archive.js';

const MEAN = [0.485, 0.456, 0.406] as const;
const DEVIATION = [0.229, 0.224, 0.225] as const;

export const NORMALISATIONS: Readonly<Record<Preprocess, Normalisation>> = {
  /** RGB, (p/255 - mean) / deviation. */
  torchvision: {
    reverse: false,
    mean: [255 * MEAN[0], 255 * MEAN[1], 255 * MEAN[2]],
    scale: [1 / (255 * DEVIATION[0]), 1 / (255 * DEVIATION[1]), 1 / (255 * DEVIATION[2])],
  },
  /** BGR, p - mean: as the network was trained in Caffe, and as Keras has it. */
  caffe: { reverse: true, mean: [103.939, 116.779, 123.68], scale: [1, 1, 1] },
};
