// Pictures in, a table of their features out: what the cache has is read, the rest computed and cached as it comes.

import type { VGG16 } from '../../model/vgg16.js';
import type { ExtractOptions, FeatureSpec, FeatureTable } from '../../train/features/spec.js';
import type { Sample } from '../../train/samples.js';
import { CachedFeatures } from './table.js';

/**
 * The features of pictures, each computed once: they are cached by the picture's bytes and by all that decides them, a
 * file each, so that an interrupted call goes on where it was. Memory does not grow with the number of pictures, but for
 * names and a few bytes each. Pictures that cannot be read are left out.
 *
 * A plain picture's row equals, bit for bit, what `model.features` gives with `framingForSize(size)`.
 *
 * @throws PictureError where so many of the pictures cannot be read that `BrokenCount` refuses; UsageError for a layer or size that the network
 *   does not have; GpuError; DeviceLostError; the signal's reason, once the GPU has finished what it has begun
 */
export async function extractFeatures(
  model: VGG16,
  samples: readonly Sample[],
  spec: FeatureSpec,
  options: ExtractOptions,
): Promise<FeatureTable> {
  options.signal?.throwIfAborted();
  const table = await CachedFeatures.create(model, samples, spec, options);
  try {
    await table.fill();
    return table;
  } catch (error) {
    await table.close();
    throw error;
  }
}
