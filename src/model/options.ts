// What VGG16's calls can be told.

import type { Activation, LayerName } from '../architecture.js';
import type { PictureError } from '../errors.js';
import { Gpu } from '../gpu/gpu.js';
import { BYTES_PER_VALUE, type TensorDtype } from '../gpu/tensor.js';
import { FRAMING, type Framing } from '../image/framing.js';
import { CONV3X3_RUNGS } from '../kernels/conv3x3/rungs.js';
import { LINEAR_RUNGS, type LinearRung } from '../kernels/linear/linear.js';
import type { Rungs } from '../network/build.js';
import {
  CHECKED_IN_USE,
  callback,
  flag,
  group,
  type OptionRules,
  oneOf,
  type Rule,
  signal,
  value,
  whole,
} from '../options.js';
import { ACTIVATION } from '../weights/activation.js';
import type { Preprocess } from '../weights/archive.js';
import { PREPROCESS } from '../weights/preprocess.js';
import type { LoadOptions } from './network.js';

/** How a model is loaded, wherever it runs. */
export interface ModelOptions extends LoadOptions {
  /**
   * What makes probabilities of the classifier's outputs, where the file does not say it or is wrong: `softmax` for classes
   * that exclude each other, `sigmoid` for those of pictures that show several at once.
   */
  readonly activation?: Activation | undefined;
  /**
   * How pixels are prepared, where the file does not say it or says it wrongly: `torchvision`, `caffe`, `unit` (RGB / 255),
   * `signed` (RGB / 127.5 - 1), `raw` (RGB), or a recipe: `rgb / 255 - 0.5 / 0.25`. By default as the file says, else as its numbers or its format suggest, with a note.
   */
  readonly preprocess?: Preprocess | undefined;
  /** A device to share; it stays its owner's. Without it, one is opened and disposed of with the model. */
  readonly gpu?: Gpu | undefined;
  /** Which rungs of the kernels' ladders to use, whatever was chosen. */
  readonly rungs?: Rungs | undefined;
}

export interface RunOptions {
  /** Pictures in a forward pass, at most; fewer where the adapter cannot hold so many. 8 by default. */
  readonly batch?: number | undefined;
  /** Side in px of the square that the network sees: short for `framing: framingForSize(size)`. The model's own by default. */
  readonly size?: number | undefined;
  /** How pictures are brought to size, where `size` does not say it; short side 256, centre crop 224 by default. */
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

export interface ForwardOptions {
  /** The batch whose tuned kernels are taken: the last batch of many may be short, and must round as the others. */
  readonly choicesFor?: number | undefined;
}

export interface RowsOptions {
  /** How many rows there are. */
  readonly count: number;
  /** Rows in a pass, at most: kernels are chosen for so many. */
  readonly batch: number;
  /** Side in px of the square that the base saw. */
  readonly size: number;
}

export interface ProfileOptions {
  /** Passes that are timed; 3 by default. */
  readonly passes?: number | undefined;
  /** False where the same pass has been run before: then the first counts, too. */
  readonly warmUp?: boolean | undefined;
}

/** What is differentiated. */
export type GradientOf =
  /** The sum, over pictures and pixels, of a channel of a layer's result: of `fc3`, a class's score before the softmax. */
  | { readonly layer: LayerName; readonly channel: number }
  /** The mean cross-entropy of the classifier on pictures of these classes, by their numbers. */
  | { readonly labels: readonly number[] };

/** By what: `input` is what the first layer reads (pixels as the weights' makers prepared them); a layer's name means its result. */
export type GradientBy = 'input' | 'parameters' | LayerName;

export interface GradientsOptions {
  readonly of: GradientOf;
  readonly by: GradientBy | readonly GradientBy[];
}

/** For the calls that answer picture by picture. */
export interface EachOptions {
  /** Told of each picture that cannot be used, which is then left out. Without it, the first such picture ends it all. */
  readonly onError?: ((error: PictureError, index: number) => void) | undefined;
  /** Told in a line of each picture of which hardly anything is seen: it is very small or very long. */
  readonly onOdd?: ((note: string, index: number) => void) | undefined;
}

const DTYPES = Object.keys(BYTES_PER_VALUE) as TensorDtype[];

export const GPU: Rule<Gpu> = value('a Gpu, as Gpu.open() gives it', (gpu) => gpu instanceof Gpu);

/** For `checkOptions`. */
export const MODEL_OPTIONS: OptionRules<ModelOptions> = {
  preprocess: PREPROCESS,
  activation: ACTIVATION,
  gpu: GPU,
  dtype: oneOf(...DTYPES),
  rungs: group<Rungs>({
    conv3x3: oneOf(...CONV3X3_RUNGS),
    linear: oneOf(...(Object.keys(LINEAR_RUNGS) as LinearRung[])),
  }),
  onProgress: callback(),
  signal,
};

export const RUN_OPTIONS: OptionRules<RunOptions> = {
  batch: whole(1),
  size: whole(1),
  framing: FRAMING,
  onProgress: callback(),
  signal,
};

const EACH: OptionRules<EachOptions> = { onError: callback(), onOdd: callback() };
const CLASSIFY: OptionRules<ClassifyOptions> = { ...RUN_OPTIONS, topK: whole(1) };
const FEATURES: OptionRules<FeaturesOptions> = { ...RUN_OPTIONS, pool: oneOf('avg') };
const FORWARD: OptionRules<ForwardOptions> = { choicesFor: whole(1) };
const ROWS: OptionRules<RowsOptions> = { count: whole(1), batch: whole(1), size: whole(1) };
const PROFILE: OptionRules<ProfileOptions> = { passes: whole(1), warmUp: flag };

/** What each of VGG16's calls may be told, for `checkOptions`. */
export const CALLS = {
  classify: CLASSIFY,
  classifyEach: { ...CLASSIFY, ...EACH },
  features: FEATURES,
  featuresEach: { ...FEATURES, ...EACH },
  forward: FORWARD,
  classifyRows: ROWS,
  profile: PROFILE,
  gradients: { of: CHECKED_IN_USE, by: CHECKED_IN_USE } satisfies OptionRules<GradientsOptions>,
};
