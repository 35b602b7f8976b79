// Safetensors as one of the formats that weights come in: plain, or with names that are to be understood first.

import type { Archive, Preprocess, StridedTensor } from './archive.js';
import { canonicalSource } from './canonical.js';
import { findTorch, prefixesOf } from './dialects/torch.js';
import { hasNamedDense, preprocessNoteOf } from './dialects/torch_names.js';
import { storedNumbers } from './formats/numbers.js';
import type { OpenedWeights } from './opened.js';
import { openSafetensors } from './safetensors.js';
import type { WeightsSource } from './source.js';
import { sizeOf, wholeTensor } from './strided.js';

const FORMAT = 'safetensors';

/**
 * A file whose names are torchvision's or timm's is taken as it is, whatever it holds; one whose names have a prefix,
 * as `model.features.0.weight`, or whose dense layers have names instead of numbers, as PyTorch's files are.
 *
 * @param preprocess  how pixels are to be prepared, whatever the metadata say
 * @throws WeightsError for a file that is damaged; unless it is taken as it is, for one that holds no VGG16
 */
export async function openAnySafetensors(path: string, preprocess?: Preprocess): Promise<OpenedWeights> {
  const source = await openSafetensors(path);
  const metadata = { ...source.metadata, ...(preprocess && { preprocess }) };
  const prefixes = prefixesOf(source.tensors.keys());
  const isPlain = prefixes.includes('') && !hasNamedDense(source.tensors);
  if (prefixes.length === 0 || isPlain) return asItIs(source, metadata);
  try {
    const archive = asArchive(source);
    const fileSize = [...source.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    return canonicalSource(archive, findTorch(archive, { metadata, keepsOrder: false }), fileSize);
  } catch (error) {
    await source.close();
    throw error;
  }
}

function asItIs(source: WeightsSource, metadata: WeightsSource['metadata']): OpenedWeights {
  const { path, tensors } = source;
  const note = prefixesOf(tensors.keys()).length > 0 ? preprocessNoteOf(tensors, metadata) : undefined;
  return {
    path,
    format: FORMAT,
    tensors,
    metadata,
    ownMetadata: source.metadata,
    notes: note === undefined ? [] : [note],
    preprocessNote: note,
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
  const { path, metadata } = source;
  return { path, format: FORMAT, tensors: new Map(tensors), metadata, close: () => source.close() };
}
