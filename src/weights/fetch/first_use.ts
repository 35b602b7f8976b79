// The weights with ImageNet's 1000 classes, where nobody named any: what is in the cache, else torchvision's.

import { type FetchedWeights, type FetchOptions, fetchWeights } from './fetch.js';
import { knownSource, type SourceName } from './manifest.js';
import { placesOf } from './places.js';
import { usableFile } from './verify.js';

/** In this order; the first is the one that is downloaded. */
const PREFERRED: readonly [SourceName, ...SourceName[]] = ['torchvision', 'timm', 'keras'];

/**
 * Finds or fetches weights with a classifier. `preprocess` and `format` of the file: `knownSource(result.name)`.
 *
 * @throws as `fetchWeights`
 */
export async function findWeights(options: FetchOptions = {}): Promise<FetchedWeights> {
  const { folder, signal } = options;
  for (const name of PREFERRED) {
    const source = knownSource(name);
    const usable = await usableFile(source, placesOf(source, folder), signal);
    if (usable) return { ...usable, fetched: false };
  }
  return fetchWeights(PREFERRED[0], options);
}
