// Opens a weights file, whatever its format; a head alone together with its base.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Activation } from '../architecture.js';
import { UsageError, WeightsError } from '../errors.js';
import { checkOptions, type OptionRules, path } from '../options.js';
import { isUrl } from '../realm.js';
import { ACTIVATION } from './activation.js';
import type { Archive, FoundVgg16, Preprocess } from './archive.js';
import { canonicalSource } from './canonical.js';
import { detectFormat, type Format } from './detect.js';
import { asWeightsError } from './file.js';
import { foreignFolder, foreignPrefix } from './foreign.js';
import { saysHead } from './head_metadata.js';
import type { OpenedWeights } from './opened.js';
import { settlePixels } from './pixels.js';
import { PREPROCESS } from './preprocess.js';

export type { HeadsBase, OpenedWeights, Origin } from './opened.js';

export interface OpenOptions {
  /** How pixels are to be prepared, where the file does not say it or is wrong. */
  readonly preprocess?: Preprocess | undefined;
  /** What makes probabilities of the outputs, where the file does not say it or is wrong. */
  readonly activation?: Activation | undefined;
  /** For a head: the file of its base, instead of the one that it says. */
  readonly base?: string | URL | undefined;
}

const OPEN_OPTIONS: OptionRules<OpenOptions> = {
  preprocess: PREPROCESS,
  activation: ACTIVATION,
  base: path,
};

/**
 * Opens weights in torchvision's names and layout; `describeVgg16` tells their layers. A trained head is opened together
 * with the base that it was trained on, and is a whole VGG16 with it.
 *
 * @param file  a path or a `file:` URL of a safetensors, PyTorch, Keras, NumPy, ONNX or TensorFlow.js file, which is
 *   known by its content; TensorFlow.js' may be the folder of model.json, a trained head's that of its run
 * @throws WeightsError for a file that is missing, damaged, of no known format, or without a VGG16; for a head whose base
 *   is missing or another; UsageError for a base with what is no head, and for an unknown preprocess or activation
 */
export async function openWeights(file: string | URL, options: OpenOptions = {}): Promise<OpenedWeights> {
  checkOptions('openWeights()', options, OPEN_OPTIONS);
  const source = await openAsItIs(isUrl(file) ? fileURLToPath(file) : file, options);
  if (saysHead(source)) {
    const { withBase } = await import('./compose.js');
    return await withBase(source, options);
  }
  if (options.base === undefined) return source;
  await source.close();
  throw new UsageError(
    `${source.path} is no head: it has convolutions of its own, and --base (base) is for heads`,
  );
}

/** As `openWeights`, but a head without its base. */
export async function openAsItIs(
  file: string,
  options: Pick<OpenOptions, 'preprocess' | 'activation'> = {},
): Promise<OpenedWeights> {
  const path = await fileOf(file);
  try {
    return await OPENERS[await detectFormat(path)](path, options);
  } catch (error) {
    throw asWeightsError(path, error);
  }
}

/** The files that stand for their folder. */
const FILES_OF_FOLDERS = {
  'model.json': 'a TensorFlow.js model',
  'best.safetensors': 'a run',
  'model.safetensors': 'a model of the Hugging Face hub',
} as const;

/** The file that a folder stands for; any other path as it is. @throws WeightsError for a folder that has none */
async function fileOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    const foreign = await foreignPrefix(path);
    if (foreign !== undefined) throw new WeightsError(`${path}: ${foreign}`);
  }
  if (!found?.isDirectory()) return path;
  for (const name of Object.keys(FILES_OF_FOLDERS)) {
    const within = join(path, name);
    if (await isFile(within)) return within;
  }
  const foreign = await foreignFolder(path);
  if (foreign !== undefined) throw new WeightsError(`${path}: ${foreign}`);
  const wanted = Object.entries(FILES_OF_FOLDERS).map(([name, what]) => `${name} (${what})`);
  throw new WeightsError(`${path}: a folder without ${wanted.join(', ').replace(/, (?!.*, )/, ' or ')}`);
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Each loads the libraries that it needs, and no others. */
const OPENERS: Readonly<Record<Format, (path: string, options: OpenOptions) => Promise<OpenedWeights>>> = {
  safetensors: async (path, options) => {
    const { openAnySafetensors } = await import('./safetensors_archive.js');
    return await openAnySafetensors(path, options);
  },
  'pytorch-zip': async (path, options) => {
    const { openPytorchZip } = await import('./formats/pytorch_zip.js');
    const { findTorch } = await import('./dialects/torch.js');
    return translated(await openPytorchZip(path), (archive) => findTorch(archive), options);
  },
  'pytorch-legacy': async (path, options) => {
    const { openPytorchLegacy } = await import('./formats/pytorch_legacy.js');
    const { findTorch } = await import('./dialects/torch.js');
    return translated(await openPytorchLegacy(path), (archive) => findTorch(archive), options);
  },
  'keras-h5': async (path, options) => {
    const { openKerasH5 } = await import('../node/hdf5/keras_h5.js');
    const { findKeras } = await import('./dialects/keras.js');
    return translated(await openKerasH5(path), findKeras, options);
  },
  'keras-zip': async (path, options) => {
    const { openKerasZip } = await import('../node/hdf5/keras_zip.js');
    const { findKeras } = await import('./dialects/keras.js');
    return translated(await openKerasZip(path), findKeras, options);
  },
  tfjs: async (path, options) => {
    const { openTfjs } = await import('./formats/tfjs.js');
    const { findKeras } = await import('./dialects/keras.js');
    return translated(await openTfjs(path), findKeras, options, Number.POSITIVE_INFINITY);
  },
  npz: async (path, options) => {
    const { openNpz } = await import('./formats/npz.js');
    const { findNpz } = await import('./dialects/npz.js');
    return translated(await openNpz(path), findNpz, options);
  },
  onnx: async (path, options) => {
    const { openOnnx } = await import('./formats/onnx.js');
    const { findOnnx } = await import('./dialects/onnx.js');
    return translated(await openOnnx(path), findOnnx, options);
  },
};

/**
 * An archive's VGG16; pixels are prepared, and probabilities made, as is asked for, else as it says itself. Takes the archive over: it is
 * closed with the result, or at once where this fails.
 *
 * @param fileSize  bytes of all its files; of the one file by default
 */
async function translated<A extends Archive>(
  archive: A,
  find: (archive: A, options: OpenOptions) => FoundVgg16 | Promise<FoundVgg16>,
  options: OpenOptions,
  fileSize?: number,
): Promise<OpenedWeights> {
  try {
    const { preprocess, activation } = options;
    const said = await settlePixels(await find(archive, options), preprocess);
    const found = activation === undefined ? said : { ...said, activation };
    return canonicalSource(archive, found, fileSize ?? (await stat(archive.path)).size);
  } catch (error) {
    await archive.close();
    throw asWeightsError(archive.path, error);
  }
}
