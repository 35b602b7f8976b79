// Safetensors as one of the formats that weights come in: plain, or with names that begin with something else.

import type { Archive, StridedTensor } from './archive.js';
import { canonicalSource } from './canonical.js';
import { findTorch, prefixesOf } from './dialects/torch.js';
import { storedNumbers } from './formats/numbers.js';
import type { OpenedWeights } from './opened.js';
import { openSafetensors } from './safetensors.js';
import type { WeightsSource } from './source.js';
import { sizeOf, wholeTensor } from './strided.js';

const FORMAT = 'safetensors';

/**
 * A file whose names are torchvision's or timm's is taken as it is, whatever it holds; one whose names have a prefix,
 * as `model.features.0.weight`, as PyTorch's files are.
 *
 * @throws WeightsError for a file that is damaged; with a prefix, for one that holds no VGG16
 */
export async function openAnySafetensors(path: string): Promise<OpenedWeights> {
  const source = await openSafetensors(path);
  const prefixes = prefixesOf(source.tensors.keys());
  if (prefixes.length === 0 || prefixes.includes('')) return asItIs(source);
  try {
    const archive = asArchive(source);
    const fileSize = [...source.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    return canonicalSource(archive, findTorch(archive, source.metadata), fileSize);
  } catch (error) {
    await source.close();
    throw error;
  }
}

function asItIs(source: WeightsSource): OpenedWeights {
  const { path, tensors, metadata } = source;
  return {
    path,
    format: FORMAT,
    tensors,
    metadata,
    notes: [],
    origins: new Map([...tensors].map(([name, { shape, dtype }]) => [name, { name, shape, stored: dtype }])),
    read: (name, start, target) => source.read(name, start, target),
    close: () => source.close(),
  };
}

function asArchive(source: WeightsSource): Archive {
  const tensors = [...source.tensors.values()].map(({ name, dtype, shape }): [string, StridedTensor] => {
    const bytes = { read: (start: number, target: Uint8Array) => source.read(name, start, target) };
    return [name, wholeTensor(name, shape, storedNumbers(bytes, dtype, sizeOf(shape)))];
  });
  return { path: source.path, format: FORMAT, tensors: new Map(tensors), close: () => source.close() };
}
