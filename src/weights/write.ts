// Writes a VGG16 as safetensors in torchvision's names, piece by piece, whatever it was opened from.

import { chunkOptions, type WorkOptions } from './chunks.js';
import { readFinite } from './finite.js';
import { writeSafetensors } from './safetensors.js';
import type { Dtype } from './source.js';
import { torchvisionTensors } from './torchvision.js';
import type { Vgg16Weights } from './vgg16.js';

export interface WriteOptions extends WorkOptions {
  readonly dtype: Dtype;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes the tensors from the first layer to the last. Equal input gives equal bytes; the file appears only when it is
 * complete.
 *
 * @throws WeightsError as `readFinite`
 * @throws OutputError  where the file cannot be written
 * @throws the signal's reason
 */
export async function writeVgg16(path: string, weights: Vgg16Weights, options: WriteOptions): Promise<void> {
  const { dtype, metadata } = options;
  const tensors = torchvisionTensors(weights);
  const reading = chunkOptions(
    tensors.map(({ entry }) => entry),
    options,
  );
  const toWrite = tensors.map(({ name, shape, entry }) => {
    return { name, dtype, shape, data: readFinite(weights.source, entry, dtype, reading) };
  });
  await writeSafetensors(path, toWrite, metadata);
}
