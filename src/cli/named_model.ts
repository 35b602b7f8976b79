// The model that --weights and --base mean.

import type { VGG16 } from '../model/vgg16.js';
import { type ModelFlags, openModel } from './model_options.js';
import type { Terminal } from './terminal.js';
import { baseFile, weightsFile } from './weights_file.js';

/** Opens it, after fetching what has to be fetched. Whoever opened it disposes of it. @throws as `fetchWeights` and `VGG16.load` */
export async function openNamedModel(flags: ModelFlags, terminal: Terminal): Promise<VGG16> {
  const { path: weights } = await weightsFile(flags.weights, flags, terminal);
  const base = await baseFile(flags, terminal);
  return openModel({ ...flags, weights, base }, terminal);
}
