// Opens one weights file by its content, whatever its format. A trained head is opened as it is, without its base.

import { stat } from 'node:fs/promises';
import type { Archive, FoundVgg16 } from '../../weights/archive.js';
import { canonicalSource } from '../../weights/canonical.js';
import { detectFormat, type Format } from '../../weights/detect.js';
import { asWeightsError } from '../../weights/file.js';
import type { OpenedWeights, ReadOptions } from '../../weights/opened.js';
import { settlePixels } from '../../weights/pixels.js';

/**
 * Opens the file in torchvision's names and layout.
 *
 * @param path  a file; not a folder that stands for one
 * @throws WeightsError for a file that is missing, damaged, of no known format, or without a VGG16
 */
export async function openWeightsFile(path: string, options: ReadOptions = {}): Promise<OpenedWeights> {
  try {
    return await OPENERS[await detectFormat(path)](path, options);
  } catch (error) {
    throw asWeightsError(path, error);
  }
}

/** Each loads the libraries that it needs, and no others. */
const OPENERS: Readonly<Record<Format, (path: string, options: ReadOptions) => Promise<OpenedWeights>>> = {
  safetensors: async (path, options) => {
    const { openAnySafetensors } = await import('../../weights/safetensors_archive.js');
    return await openAnySafetensors(path, options);
  },
  'pytorch-zip': async (path, options) => {
    const { openPytorchZip } = await import('../../weights/formats/pytorch_zip.js');
    const { findTorch } = await import('../../weights/dialects/torch.js');
    return translated(await openPytorchZip(path), (archive) => findTorch(archive), options);
  },
  'pytorch-legacy': async (path, options) => {
    const { openPytorchLegacy } = await import('../../weights/formats/pytorch_legacy.js');
    const { findTorch } = await import('../../weights/dialects/torch.js');
    return translated(await openPytorchLegacy(path), (archive) => findTorch(archive), options);
  },
  'keras-h5': async (path, options) => {
    const { openKerasH5 } = await import('../hdf5/keras_h5.js');
    const { findKeras } = await import('../../weights/dialects/keras.js');
    return translated(await openKerasH5(path), findKeras, options);
  },
  'keras-zip': async (path, options) => {
    const { openKerasZip } = await import('../hdf5/keras_zip.js');
    const { findKeras } = await import('../../weights/dialects/keras.js');
    return translated(await openKerasZip(path), findKeras, options);
  },
  tfjs: async (path, options) => {
    const { openTfjs } = await import('../../weights/formats/tfjs.js');
    const { findKeras } = await import('../../weights/dialects/keras.js');
    return translated(await openTfjs(path), findKeras, options, Number.POSITIVE_INFINITY);
  },
  npz: async (path, options) => {
    const { openNpz } = await import('../../weights/formats/npz.js');
    const { findNpz } = await import('../../weights/dialects/npz.js');
    return translated(await openNpz(path), findNpz, options);
  },
  onnx: async (path, options) => {
    const { openOnnx } = await import('../../weights/formats/onnx.js');
    const { findOnnx } = await import('../../weights/dialects/onnx.js');
    return translated(await openOnnx(path), findOnnx, options);
  },
};

/**
 * An archive's VGG16; pixels are prepared, and probabilities made, as the options say, else as the file says. Takes the
 * archive over: it is closed with the result, or at once where this fails.
 *
 * @param fileSize  bytes of all its files; of the one file by default
 */
async function translated<A extends Archive>(
  archive: A,
  find: (archive: A, options: ReadOptions) => FoundVgg16 | Promise<FoundVgg16>,
  options: ReadOptions,
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
