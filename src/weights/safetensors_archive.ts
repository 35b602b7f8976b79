// Safetensors as one of the formats that weights come in: plain, or with names that are to be understood first.

import { assumedSoftmaxNote } from './activation.js';
import type { Archive, Preprocess } from './archive.js';
import { canonicalSource } from './canonical.js';
import { assumedReluNote, findTorch, isWrapped, prefixesOf } from './dialects/torch.js';
import { hasBareDense, hasNorms } from './dialects/torch_layers.js';
import { evidenceOf, hasNamedDense } from './dialects/torch_names.js';
import { asWeightsError, type RandomAccessFile } from './file.js';
import { areOurs, heeded } from './foreign_metadata.js';
import { storedNumbers } from './formats/numbers.js';
import { classifierOutputs, headNamingOf } from './head.js';
import { hubMetadata } from './hub_config.js';
import type { OpenedWeights, ReadOptions } from './opened.js';
import { settlePixels } from './pixels.js';
import { readAllSafetensors } from './safetensors_shards.js';
import type { StridedTensor, WeightsSource } from './source.js';
import { sizeOf, wholeTensor } from './strided.js';

const FORMAT = 'safetensors';

/**
 * A file whose names are torchvision's or timm's is taken as it is, whatever it holds; one whose names have a prefix,
 * as `model.features.0.weight`, whose dense layers have names instead of numbers, among whose layers there is batch
 * normalisation, or whose single output has to become two, as PyTorch's files are.
 *
 * @param options  what is known better than by the metadata
 * @throws WeightsError for a file that is damaged; unless it is taken as it is, for one that holds no VGG16
 */
export async function openAnySafetensors(
  file: RandomAccessFile,
  { preprocess, activation }: ReadOptions = {},
): Promise<OpenedWeights> {
  const source = await readAllSafetensors(file);
  const isOurs = areOurs(source.metadata);
  const hub = isOurs ? {} : await besideIt(file, source);
  const metadata = {
    ...source.metadata,
    ...hub,
    ...(preprocess && { preprocess }),
    ...(activation && { activation }),
  };
  try {
    const names = [...source.tensors.keys()];
    const prefixes = prefixesOf(names);
    if (prefixes.length === 0) return asItIs(source, { metadata, notes: [] });
    const outputs = classifierOutputs(source);
    const isPlain =
      !(
        isWrapped(names) ||
        hasNamedDense(source.tensors) ||
        hasNorms(names) ||
        hasBareDense(source.tensors)
      ) && outputs !== 1;
    if (prefixes.includes('') && isPlain) {
      const said = heeded(sourceWith(source, metadata), isOurs);
      // Of our own files nothing is assumed: before they could say otherwise, softmax was meant.
      const assumed = isOurs ? [] : assumedNotes(source, said.metadata);
      const plain = await plainly(source, { ...said, notes: [...said.notes, ...assumed] }, preprocess);
      if (plain) return plain;
    }
    const archive = asArchive(source);
    const fileSize = [...source.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    const found = await findTorch(archive, { metadata, isOurs, keepsOrder: false });
    return canonicalSource(archive, await settlePixels(found, preprocess), fileSize);
  } catch (error) {
    await source.close();
    throw asWeightsError(source.path, error);
  }
}

/** What a file beside it says; nothing where it holds no network. */
async function besideIt(file: RandomAccessFile, source: WeightsSource): Promise<WeightsSource['metadata']> {
  try {
    return await hubMetadata(file, classifierOutputs(source));
  } catch (error) {
    await source.close();
    throw asWeightsError(source.path, error);
  }
}

/** What is taken for granted of a head. @param metadata  those that are heeded */
function assumedNotes(source: WeightsSource, { activation }: WeightsSource['metadata']): string[] {
  const layers = headNamingOf(source)?.layers ?? [];
  const outputs = classifierOutputs(source);
  const softmax = activation === undefined && outputs !== undefined && assumedSoftmaxNote(outputs);
  return [assumedReluNote(layers), softmax].filter((note) => typeof note === 'string');
}

/** What is to be said of a file besides its tensors. */
type Said = Pick<OpenedWeights, 'metadata' | 'notes' | 'preprocessNote'>;

/** The file as it is, once it is known how pixels are prepared; undefined where its kernels have to be rearranged. */
async function plainly(
  source: WeightsSource,
  { metadata, notes }: Said,
  asked: Preprocess | undefined,
): Promise<OpenedWeights | undefined> {
  const evidence = evidenceOf(source.tensors, metadata);
  const { tensors } = asArchive(source);
  const [kernel, bias] = [tensors.get('features.0.weight'), tensors.get('features.0.bias')];
  const isSaid = asked === undefined && evidence.guessedBy === undefined;
  if (isSaid || !kernel || !bias) return asItIs(source, { metadata, notes });
  const first = { kernel, bias };
  const guess = { preprocess: asked ?? 'torchvision', ...evidence } as const;
  const found = { convs: [first], dense: [], pool: 'flatten', notes, ...guess } as const;
  const { convs, preprocess, preprocessNote, notes: more } = await settlePixels(found, asked);
  if (convs[0] !== first) return undefined;
  return asItIs(source, {
    metadata: { ...metadata, preprocess },
    notes: preprocessNote === undefined ? more : [...more, preprocessNote],
    preprocessNote,
  });
}

function asItIs(source: WeightsSource, said: Said): OpenedWeights {
  const { tensors } = source;
  return {
    ...sourceWith(source, said.metadata),
    ...said,
    format: FORMAT,
    ownMetadata: source.metadata,
    origins: new Map([...tensors].map(([name, { shape, dtype }]) => [name, { name, shape, stored: dtype }])),
  };
}

function sourceWith(source: WeightsSource, metadata: WeightsSource['metadata']): WeightsSource {
  const { path, tensors } = source;
  return {
    ...{ path, tensors, metadata },
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
