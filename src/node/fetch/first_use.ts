// The weights with ImageNet's 1000 classes, where nobody named any: what is in the cache, else torchvision's.

import { WeightsError } from '../../errors.js';
import { type FetchedWeights, type FetchOptions, fetchWeights } from './fetch.js';
import { knownSource, type SourceName } from './manifest.js';
import { placesOf } from './places.js';
import { usableFile } from './verify.js';

/** In this order; the first is the one that is downloaded. */
const PREFERRED: readonly [SourceName, ...SourceName[]] = ['torchvision', 'timm', 'keras'];

/**
 * Finds or fetches weights with a classifier; files of the cache that are not what they should be are noted and passed
 * over. `preprocess` and `format` of the file: `knownSource(result.name)`.
 *
 * @throws as `fetchWeights`
 */
export async function findWeights(options: FetchOptions = {}): Promise<FetchedWeights> {
  const { folder, signal, onNote = () => {} } = options;
  const faults = new Map<SourceName, WeightsError>();
  for (const name of PREFERRED) {
    const source = knownSource(name);
    const usable = await usableFile(source, placesOf(source, folder), signal).catch((error: unknown) => {
      if (!(error instanceof WeightsError)) throw error;
      faults.set(name, error);
      return undefined;
    });
    if (!usable) continue;
    for (const { message } of faults.values()) onNote(message);
    return { ...usable, fetched: false };
  }
  // What is in its place keeps it from being fetched.
  const inTheWay = faults.get(PREFERRED[0]);
  if (inTheWay) throw inTheWay;
  for (const { message } of faults.values()) onNote(message);
  return fetchWeights(PREFERRED[0], options);
}
