// VGG16 on Node: weights are files, pictures are decoded by sharp, and the GPU is Dawn's.

import { UsageError } from '../errors.js';
import type { Gpu as CoreGpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import type { PictureInput } from '../image/picture.js';
import { MODEL_OPTIONS, type ModelOptions } from '../model/options.js';
import { VGG16 as CoreVgg16 } from '../model/vgg16.js';
import type { ChoicesRecord } from '../network/choices.js';
import { checkOptions, either, type OptionRules, path, text, value } from '../options.js';
import type { OpenedWeights } from '../weights/opened.js';
import { choicesFor } from './choices_file.js';
import { EMBEDDED } from './embedded.js';
import { Gpu } from './gpu.js';
import { decode } from './image/decode.js';
import { openWeights } from './weights/open.js';

export interface Vgg16Options extends ModelOptions {
  /**
   * A VGG16 in any format that `openWeights` reads, a trained head or its run's folder; or a name: `embedded`, or one of
   * `fetchWeights`, whose file is downloaded on first use. Or what `openWeights` has opened, which stays open. Without it, the
   * embedded ImageNet base, which has no top.
   */
  readonly weights?: string | URL | OpenedWeights | undefined;
  /** For a trained head: the file of its base, instead of the one that it says. */
  readonly base?: string | URL | undefined;
  /** Which adapter to open, where none is shared: see `AdapterOptions`. */
  readonly adapter?: string | undefined;
  /**
   * Whether to use the kernels that `vgg16 tune` chose for this adapter, where it has; by default, unless the environment has
   * VGG16_TUNED=0. Or kernels that were chosen before, as far as they are for this adapter, driver, version and dtype.
   */
  readonly tuned?: boolean | ChoicesRecord | undefined;
}

const OPTIONS: OptionRules<Vgg16Options> = {
  weights: either(path, value<OpenedWeights>('what openWeights gives', isOpened)),
  base: path,
  ...MODEL_OPTIONS,
  adapter: text,
  tuned: value('true, false, or choices as a run keeps them', (tuned) =>
    /^(boolean|object)$/.test(typeof tuned),
  ),
};

/** VGG16 on a GPU. Dispose of it, or the process does not end. */
export class VGG16 extends CoreVgg16<PictureInput> {
  /**
   * @throws WeightsError for a file that is missing, damaged or no VGG16, or too large in its numbers for f16 where that
   *                      is asked for; UsageError for an unknown dtype, preprocess or activation; NoAdapterError; GpuError; the
   *                      signal's reason
   */
  static async load(options: Vgg16Options = {}): Promise<VGG16> {
    checkOptions('VGG16.load()', options, OPTIONS);
    const { weights = EMBEDDED, base, preprocess, activation, adapter, tuned } = options;
    const platform = {
      decode,
      openGpu: () => Gpu.open({ adapter }),
      choicesFor: (gpu: CoreGpu, dtype: TensorDtype) => choicesFor(gpu, dtype, tuned),
    };
    if (isOpened(weights)) {
      const late = Object.entries({ base, preprocess, activation }).find(([, given]) => given !== undefined);
      if (late)
        throw new UsageError(`${late[0]} is an option of openWeights() where weights are open already`);
      return VGG16.from(weights, options, platform);
    }
    const opened = await openWeights(weights, { base, preprocess, activation });
    try {
      return await VGG16.from(opened, options, platform);
    } finally {
      await opened.close();
    }
  }
}

function isOpened(weights: unknown): weights is OpenedWeights {
  return typeof weights === 'object' && weights !== null && 'tensors' in weights && 'origins' in weights;
}
