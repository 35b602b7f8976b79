// What is said where a file keeps silent on how the pixels of its pictures were prepared.

import type { Preprocess } from '../archive.js';

const WAYS: Readonly<Record<Preprocess, string>> = {
  torchvision: 'torchvision does (RGB, scaled by mean and deviation)',
  caffe: 'caffe does (BGR, minus the mean)',
};

/** @param evidence  what the preprocessing was told by: `its names` */
export function preprocessNote(preprocess: Preprocess, evidence: string): string {
  return (
    `going by ${evidence}, pixels are taken to be prepared as ${WAYS[preprocess]}, which the file does not say; ` +
    '`vgg16 weights convert --preprocess` corrects it'
  );
}
