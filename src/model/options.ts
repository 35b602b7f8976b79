// What VGG16's calls can be told.

import type { PictureError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import type { Framing } from '../image/framing.js';
import type { Preprocess } from '../weights/archive.js';
import type { ChoicesRecord } from './choices_file.js';
import type { Rungs } from './launches.js';
import type { LoadOptions } from './network.js';

export interface Vgg16Options extends LoadOptions {
  /** A VGG16 in any format that `openWeights` reads, or a trained head or its run's folder. Without it, the embedded ImageNet base, which has no top. */
  readonly weights?: string | URL | undefined;
  /** For a trained head: the file of its base, instead of the one that it says. */
  readonly base?: string | URL | undefined;
  /**
   * How pixels are prepared, where the file does not say it or says it wrongly: `torchvision`, `caffe`, `unit` (RGB / 255) or
   * `signed` (RGB / 127.5 - 1). By default as the file says, else as its numbers or its format suggest, with a note.
   */
  readonly preprocess?: Preprocess | undefined;
  /** A device to share; it stays its owner's. Without it, one is opened and disposed of with the model. */
  readonly gpu?: Gpu | undefined;
  /** Which adapter to open, where none is shared: see `AdapterOptions`. */
  readonly adapter?: string | undefined;
  /** Which rungs of the kernels' ladders to use, whatever was chosen. */
  readonly rungs?: Rungs | undefined;
  /**
   * Whether to use the kernels that `vgg16 tune` chose for this adapter, where it has; by default, unless the environment has
   * VGG16_TUNED=0. Or kernels that were chosen before, as far as they are for this adapter, driver, version and dtype.
   */
  readonly tuned?: boolean | ChoicesRecord | undefined;
}

export interface RunOptions {
  /** Pictures in a forward pass, at most; fewer where the adapter cannot hold so many. 8 by default. */
  readonly batch?: number | undefined;
  /** How pictures are brought to size; short side 256, centre crop 224 by default. */
  readonly framing?: Framing | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ClassifyOptions extends RunOptions {
  /** How many predictions, the best first. 5 by default. */
  readonly topK?: number | undefined;
}

export interface FeaturesOptions extends RunOptions {
  /** `avg` averages over height and width, so that the result is (C) whatever the picture's size. */
  readonly pool?: 'avg' | undefined;
}

/** For the calls that answer picture by picture. */
export interface EachOptions {
  /** Told of each picture that cannot be used, which is then left out. Without it, the first such picture ends it all. */
  readonly onError?: ((error: PictureError, index: number) => void) | undefined;
}
