// Opens a weights file, whatever its format.

import { fileURLToPath } from 'node:url';
import { openSafetensors } from './safetensors.js';
import type { WeightsSource } from './source.js';

/**
 * @param file  a path or a `file:` URL; safetensors is the one format so far
 * @throws WeightsError for a file that is missing or damaged
 */
export function openWeights(file: string | URL): Promise<WeightsSource> {
  return openSafetensors(file instanceof URL ? fileURLToPath(file) : file);
}
