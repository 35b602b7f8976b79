// VGG16 in a browser: weights are Blobs, bytes or URLs, pictures are pixels, and the GPU is the browser's.

import { PictureError, UsageError } from '../errors.js';
import { checkPicture, type Decoder, type Picture } from '../image/picture.js';
import { MODEL_OPTIONS, type ModelOptions } from '../model/options.js';
import { VGG16 as CoreVgg16 } from '../model/vgg16.js';
import { callback, checkOptions, type OptionRules, value } from '../options.js';
import { checkBase, withBase } from '../weights/compose.js';
import { headFileOf } from '../weights/head_file.js';
import { saysHead } from '../weights/head_metadata.js';
import { openWeightsFile } from '../weights/open.js';
import type { OpenedWeights, ReadOptions } from '../weights/opened.js';
import { describeVgg16 } from '../weights/vgg16.js';
import { type DownloadOptions, openInput, type WeightsInput } from './files.js';
import { Gpu } from './gpu.js';

/** Pixels as a canvas gives them, an ImageData for instance: row-major H x W x 4 (red, green, blue, alpha). */
export interface RgbaPixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** RGB bytes, or RGBA pixels, whose transparency is laid on white. */
export type PictureInput = Picture | RgbaPixels;

export interface Vgg16Options extends ModelOptions, Pick<DownloadOptions, 'onDownload'> {
  /** A VGG16 in any format but HDF5: a File or another Blob, bytes, or a URL. A TensorFlow.js model of several files is not read. */
  readonly weights: WeightsInput;
  /** For a trained head: the file of its base. */
  readonly base?: WeightsInput | undefined;
}

const INPUT = value<WeightsInput>('a File or another Blob, a Uint8Array, or a URL', (input) => {
  return typeof input === 'string' || (typeof input === 'object' && input !== null);
});

const OPTIONS: OptionRules<Vgg16Options> = {
  weights: INPUT,
  base: INPUT,
  ...MODEL_OPTIONS,
  onDownload: callback(),
};

/** VGG16 on a GPU. Dispose of it to free the GPU's memory. */
export class VGG16 extends CoreVgg16<PictureInput> {
  /**
   * Loads weights and brings them to the GPU.
   *
   * @throws WeightsError for a file that cannot be downloaded, is damaged or no VGG16, or too large in its numbers for f16 where that
   *                      is asked for; UsageError for what makes no sense; NoAdapterError; GpuError; the signal's reason
   */
  static async load(options: Vgg16Options): Promise<VGG16> {
    checkOptions('VGG16.load()', options, OPTIONS);
    if (options.weights === undefined) throw new UsageError('VGG16.load(): weights are missing');
    const opened = await openWeights(options);
    try {
      return await VGG16.from(opened, options, { decode, openGpu: () => Gpu.open() });
    } finally {
      await opened.close();
    }
  }
}

/** Weights as `VGG16.load` reads them: a head together with its base. @throws as `VGG16.load` */
export async function openWeights(options: Vgg16Options): Promise<OpenedWeights> {
  const { weights, base, activation } = options;
  const open = async (input: WeightsInput, read: ReadOptions) =>
    openWeightsFile(await openInput(input, options), read);
  const source = await open(weights, options);
  try {
    if (!saysHead(source)) {
      if (base === undefined) return source;
      throw new UsageError(`${source.path} is a complete network, not a trained head; base does not apply`);
    }
    const head = headFileOf(source);
    if (base === undefined) {
      throw new UsageError(
        `${source.path} is a trained head; name the file of its base (${head.base.ref}) as base`,
      );
    }
    const opened = await open(base, { preprocess: head.preprocess, activation });
    try {
      const known = { source: opened, weights: describeVgg16(opened) };
      await checkBase(head, known);
      return withBase(source, head, known);
    } catch (error) {
      await opened.close();
      throw error;
    }
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Pixels need no decoding; those of a canvas lose their alpha. */
const decode: Decoder<PictureInput> = async (input, name) => {
  if (typeof input !== 'object' || input === null || !('data' in input)) {
    throw new PictureError(`${name}: expected { width, height, data } with RGB bytes, or an ImageData`);
  }
  const { width, height, data } = input;
  if (!isClamped(data)) return checkPicture({ width, height, data }, name);
  if (data.length !== 4 * width * height) {
    throw new PictureError(`${name}: ${data.length} bytes are not ${width} x ${height} RGBA pixels`);
  }
  const rgb = new Uint8Array(3 * width * height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = data[4 * pixel + 3]! / 255;
    for (let channel = 0; channel < 3; channel++) {
      rgb[3 * pixel + channel] = Math.round(255 - alpha * (255 - data[4 * pixel + channel]!));
    }
  }
  return checkPicture({ width, height, data: rgb }, name);
};

function isClamped(data: Uint8Array | Uint8ClampedArray): data is Uint8ClampedArray {
  return Object.prototype.toString.call(data) === '[object Uint8ClampedArray]';
}
