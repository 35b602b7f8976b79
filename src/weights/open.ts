// Opens one weights file by its content, whatever its format. A trained head is opened as it is, without its base.

import type { Archive, FoundVgg16 } from './archive.js';
import { canonicalSource } from './canonical.js';
import { detectFormat, type Format } from './detect.js';
import { asWeightsError, FileFault, type RandomAccessFile } from './file.js';
import type { InflateRaw } from './formats/inflate.js';
import type { KerasArchive } from './formats/keras_layers.js';
import type { OpenedWeights, ReadOptions } from './opened.js';
import { settlePixels } from './pixels.js';

/** What a platform adds, all of it optional. */
export interface FormatPlatform {
  /** Instead of `inflateByStream`. */
  readonly inflateRaw?: InflateRaw;
  /** Open Keras' HDF5 files, and its zip archives of one. Both take the file over. */
  readonly openKerasH5?: (file: RandomAccessFile) => Promise<KerasArchive>;
  readonly openKerasZip?: (file: RandomAccessFile) => Promise<KerasArchive>;
}

/**
 * Opens the file in torchvision's names and layout. Takes the file over: it is closed with the weights, or at once where
 * this fails.
 *
 * @throws WeightsError for a file that is damaged, of no format that is read here, or without a VGG16
 */
export async function openWeightsFile(
  file: RandomAccessFile,
  options: ReadOptions = {},
  platform: FormatPlatform = {},
): Promise<OpenedWeights> {
  try {
    const format = await detectFormat(file).catch(async (error) => {
      await file.close();
      throw error;
    });
    return await OPENERS[format](file, options, platform);
  } catch (error) {
    throw asWeightsError(file.path, error);
  }
}

type Opener = (
  file: RandomAccessFile,
  options: ReadOptions,
  platform: FormatPlatform,
) => Promise<OpenedWeights>;

/** Each loads the code that it needs, and no other. */
const OPENERS: Readonly<Record<Format, Opener>> = {
  safetensors: async (file, options) => {
    const { openAnySafetensors } = await import('./safetensors_archive.js');
    return await openAnySafetensors(file, options);
  },
  'pytorch-zip': async (file, options, { inflateRaw }) => {
    const { openPytorchZip } = await import('./formats/pytorch_zip.js');
    const { findTorch } = await import('./dialects/torch.js');
    const archive = await openPytorchZip(file, inflateRaw);
    return translated(archive, (torch) => findTorch(torch), options, file.size);
  },
  'pytorch-legacy': async (file, options) => {
    const { openPytorchLegacy } = await import('./formats/pytorch_legacy.js');
    const { findTorch } = await import('./dialects/torch.js');
    return translated(await openPytorchLegacy(file), (torch) => findTorch(torch), options, file.size);
  },
  'keras-h5': async (file, options, { openKerasH5 = notRead }) => {
    const { findKeras } = await import('./dialects/keras.js');
    return translated(await openKerasH5(file), findKeras, options, file.size);
  },
  'keras-zip': async (file, options, { openKerasZip = notRead }) => {
    const { findKeras } = await import('./dialects/keras.js');
    return translated(await openKerasZip(file), findKeras, options, file.size);
  },
  tfjs: async (file, options) => {
    const { openTfjs } = await import('./formats/tfjs.js');
    const { findKeras } = await import('./dialects/keras.js');
    return translated(await openTfjs(file), findKeras, options, Number.POSITIVE_INFINITY);
  },
  npz: async (file, options, { inflateRaw }) => {
    const { openNpz } = await import('./formats/npz.js');
    const { findNpz } = await import('./dialects/npz.js');
    return translated(await openNpz(file, inflateRaw), findNpz, options, file.size);
  },
  caffe: async (file, options) => {
    const { openCaffe } = await import('./formats/caffe.js');
    const { findCaffe } = await import('./dialects/caffe.js');
    return translated(await openCaffe(file), findCaffe, options, file.size);
  },
  onnx: async (file, options) => {
    const { openOnnx } = await import('./formats/onnx.js');
    const { findOnnx } = await import('./dialects/onnx.js');
    return translated(await openOnnx(file), findOnnx, options, file.size);
  },
};

async function notRead(file: RandomAccessFile): Promise<never> {
  await file.close();
  throw new FileFault(
    'HDF5, which is not read here: convert it with the command line, `vgg16 weights convert`, and give the result',
  );
}

/**
 * An archive's VGG16; pixels are prepared, and probabilities made, as the options say, else as the file says. Takes the
 * archive over: it is closed with the result, or at once where this fails.
 *
 * @param fileSize  bytes of all its files
 */
async function translated<A extends Archive>(
  archive: A,
  find: (archive: A, options: ReadOptions) => FoundVgg16 | Promise<FoundVgg16>,
  options: ReadOptions,
  fileSize: number,
): Promise<OpenedWeights> {
  try {
    const { preprocess, activation } = options;
    const said = await settlePixels(await find(archive, options), preprocess);
    const found = activation === undefined ? said : { ...said, activation };
    return canonicalSource(archive, found, fileSize);
  } catch (error) {
    await archive.close();
    throw asWeightsError(archive.path, error);
  }
}
