// Whether a file that no publisher's hash vouches for is at least the network that its name promises.

import { WeightsError } from '../../errors.js';
import { openWeights } from '../../weights/open.js';
import { describeVgg16 } from '../../weights/vgg16.js';
import type { KnownSource } from './manifest.js';

/** ImageNet's. */
const CLASSES = 1000;

/**
 * What is wrong with the file, in words without its path; undefined for a VGG16 with ImageNet's classes, or, where the
 * source has none, without a classifier. Opens the file and reads no tensor.
 */
export async function misfit(path: string, { top }: KnownSource): Promise<string | undefined> {
  try {
    const source = await openWeights(path);
    try {
      const outputs = describeVgg16(source).dense.at(-1)?.outputs ?? 0;
      if (outputs === (top ? CLASSES : 0)) return undefined;
      return `classifier should ${top ? `have ${CLASSES} outputs` : 'be absent'}, but has ${outputs} outputs`;
    } finally {
      await source.close();
    }
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    return `content is no VGG16: ${error.message.replaceAll(`${path}: `, '')}`;
  }
}
