// VGG16 as its users see it: load it, show it pictures, get labels or features.

import type { Activation, LayerName } from '../architecture.js';
import { UsageError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import type { Decoder, Picture, PictureInput } from '../image/picture.js';
import { kernelsText, type Rungs } from '../network/build.js';
import { Choices, type FoundChoices } from '../network/choices.js';
import type { Network } from '../network/forward.js';
import {
  classifierLayerOf,
  inputSideOf,
  layerNamed,
  type PlannedLayer,
  planLayers,
  type Widths,
} from '../network/layers.js';
import type { Parameters } from '../network/parameters.js';
import { checkOptions } from '../options.js';
import type { Preprocess } from '../weights/archive.js';
import type { OpenedWeights } from '../weights/opened.js';
import { arithmeticOf } from '../weights/preprocess.js';
import { describeVgg16, type Vgg16Weights } from '../weights/vgg16.js';
import { checkCount, concatenated } from './batches.js';
import { type Answer, eachResult, many } from './each.js';
import { averageOverSpace, checkFinite, type Features } from './features.js';
import { type Gradients, gradientsOf } from './gradients.js';
import { type Label, labelsFor } from './labels.js';
import { loadNetwork } from './network.js';
import {
  CALLS,
  type ClassifyOptions,
  type EachOptions,
  type FeaturesOptions,
  type ForwardOptions,
  type GradientsOptions,
  type ModelOptions,
  type ProfileOptions,
  type RowsOptions,
  type RunOptions,
} from './options.js';
import { type Prediction, probabilitiesOf, topPredictions } from './predictions.js';
import { type LayerTiming, profile } from './profile.js';
import { checkClassifier, checkRows, commonSize } from './requests.js';
import { Runner } from './runner.js';

const NO_CHOICES: FoundChoices = { choices: Choices.NONE, fault: undefined };

/** What a platform brings along. `Input` is what it takes for a picture. */
export interface Platform<Input> {
  readonly decode: Decoder<Input>;
  /** Opens the device of a model that shares none. */
  openGpu(): Promise<Gpu>;
  /** The kernels that were chosen by measuring; none by default. */
  choicesFor?(gpu: Gpu, dtype: TensorDtype): Promise<FoundChoices>;
}

/** What a model is made of. */
export interface Vgg16Parts<Input> {
  /** @internal */
  readonly gpu: Gpu;
  /** @internal */
  readonly network: Network;
  /** @internal */
  readonly opened: OpenedWeights;
  /** @internal */
  readonly weights: Vgg16Weights;
  /** @internal */
  readonly options: ModelOptions;
  /** @internal */
  readonly found: FoundChoices;
  /** @internal */
  readonly decode: Decoder<Input>;
}

/** VGG16 on a GPU. Dispose of it to free the GPU's memory. */
export class VGG16<Input = PictureInput> {
  readonly gpu: Gpu;
  /** The weights' file. */
  readonly path: string;
  /** That of its convolutions: another one where `path` is a trained head. */
  readonly basePath: string;
  /** How kernels are kept on the GPU. */
  readonly dtype: TensorDtype;
  /** What the weights' makers did to pixels. */
  readonly preprocess: Preprocess;
  /** What makes probabilities of the classifier's outputs. With `sigmoid` there is no layer `softmax`. */
  readonly activation: Activation;
  /** One for each class; empty without a classifier. */
  readonly labels: readonly Label[];
  /** What was taken for granted of a weights file that does not say it, and choices that are left aside: a line each. */
  readonly notes: readonly string[];
  /** How wide each layer is. */
  readonly widths: Widths;
  /** The rungs that were asked for. */
  readonly rungs: Rungs;
  /** What was chosen by measuring; it counts where no rung was asked for. */
  readonly choices: Choices;
  /** On the GPU. @internal */
  readonly parameters: Parameters;
  /** Whether `path` holds layers of its own instead of some of `basePath`. */
  readonly isFineTuned: boolean;
  readonly #runner: Runner;
  readonly #ownsGpu: boolean;
  readonly #decode: Decoder<Input>;

  // Not taken apart in the signature: its published declaration would name what is internal.
  protected constructor(parts: Vgg16Parts<Input>) {
    const { gpu, network, opened, weights, options, found, decode } = parts;
    const { path, base, notes } = opened;
    const { dense, classes, preprocess } = weights;
    const { choices, fault } = found;
    const outputs = dense.at(-1)?.outputs;
    this.gpu = gpu;
    this.path = path;
    this.basePath = base?.path ?? path;
    this.dtype = network.parameters.dtype;
    this.preprocess = preprocess;
    this.activation = network.widths.activation;
    this.labels = outputs === undefined ? [] : labelsFor(outputs, classes);
    this.notes = fault === undefined ? notes : [...notes, fault];
    this.widths = network.widths;
    this.parameters = network.parameters;
    this.isFineTuned = base?.isChanged ?? false;
    this.rungs = options.rungs ?? {};
    this.choices = choices;
    this.#runner = new Runner(gpu, network, arithmeticOf(preprocess), { rungs: this.rungs, choices });
    this.#ownsGpu = options.gpu === undefined;
    this.#decode = decode;
  }

  /**
   * Makes a model of weights, which stay open.
   *
   * @internal
   * @throws WeightsError for what is no VGG16, ends early, or is too large in its numbers for f16 where that is asked for;
   *         errors of `platform`; GpuError; the signal's reason
   */
  static async from<Input>(
    opened: OpenedWeights,
    options: ModelOptions,
    platform: Platform<Input>,
  ): Promise<VGG16<Input>> {
    const weights = describeVgg16(opened);
    options.signal?.throwIfAborted();
    const gpu = options.gpu ?? (await platform.openGpu());
    let network: Network | undefined;
    try {
      network = await loadNetwork(gpu, weights, options);
      const found = await platform.choicesFor?.(gpu, network.parameters.dtype);
      const { decode } = platform;
      return new this({ gpu, network, opened, weights, options, found: found ?? NO_CHOICES, decode });
    } catch (error) {
      network?.parameters.dispose();
      if (!options.gpu) gpu.dispose();
      throw error;
    }
  }

  /** False for weights that end with a pooling layer, as the embedded base does. */
  get hasClassifier(): boolean {
    return this.labels.length > 0;
  }

  /** Side in pixels of the pictures that the classifier takes; undefined where it takes any, or without one. */
  get inputSide(): number | undefined {
    return inputSideOf(this.widths);
  }

  /**
   * The likeliest classes of a picture, or of each of several, the best first. Their probabilities add up to 1 over all
   * classes, unless `activation` is `sigmoid`.
   *
   * @throws UsageError without a classifier; PictureError for a picture that cannot be used; GpuError; DeviceLostError
   */
  classify(pictures: readonly Input[], options?: ClassifyOptions): Promise<Prediction[][]>;
  classify(picture: Input, options?: ClassifyOptions): Promise<Prediction[]>;
  async classify(
    input: Input | readonly Input[],
    options: ClassifyOptions = {},
  ): Promise<Prediction[] | Prediction[][]> {
    checkOptions('classify()', options, CALLS.classify);
    const results: Prediction[][] = [];
    for await (const { predictions } of this.classifyEach(many(input), options)) results.push(predictions);
    return Array.isArray(input) ? results : results[0]!;
  }

  /**
   * As `classify`, but a picture's answer comes as soon as its batch is done, with its place among the inputs; and with
   * `onError`, a picture that cannot be used is left out.
   *
   * @throws as `classify`
   */
  async *classifyEach(
    pictures: readonly Input[],
    options: ClassifyOptions & EachOptions = {},
  ): AsyncGenerator<{ readonly index: number; readonly predictions: Prediction[] }> {
    checkOptions('classifyEach()', options, CALLS.classifyEach);
    const { topK = 5 } = options;
    checkClassifier(this.widths);
    const layer = classifierLayerOf(this.widths);
    for await (const { index, data } of this.#each(pictures, layer, options)) {
      yield { index, predictions: topPredictions(probabilitiesOf(this.activation, data), this.labels, topK) };
    }
  }

  /**
   * What a layer makes of a picture, or of each of several: (H,W,C), or (D) from fc1 on, or (C) averaged.
   *
   * @throws UsageError for an unknown layer or an impossible size; PictureError; GpuError; DeviceLostError
   */
  features(pictures: readonly Input[], layer: LayerName, options?: FeaturesOptions): Promise<Features[]>;
  features(picture: Input, layer: LayerName, options?: FeaturesOptions): Promise<Features>;
  async features(
    input: Input | readonly Input[],
    layer: LayerName,
    options: FeaturesOptions = {},
  ): Promise<Features | Features[]> {
    checkOptions('features()', options, CALLS.features);
    const results: Features[] = [];
    for await (const { features } of this.featuresEach(many(input), layer, options)) results.push(features);
    return Array.isArray(input) ? results : results[0]!;
  }

  /** As `features`, but as `classifyEach` answers. @throws as `features` */
  async *featuresEach(
    pictures: readonly Input[],
    layer: LayerName,
    options: FeaturesOptions & EachOptions = {},
  ): AsyncGenerator<{ readonly index: number; readonly features: Features }> {
    checkOptions('featuresEach()', options, CALLS.featuresEach);
    const output = layerNamed(layer, this.widths);
    for await (const { index, data, shape } of this.#each(pictures, output, options)) {
      const features = { data, shape };
      yield { index, features: options.pool === 'avg' ? averageOverSpace(features) : features };
    }
  }

  /** The layers up to `until` for pictures of a size. @throws UsageError for a size that does not suit. */
  layers(height: number, width: number, until: LayerName): PlannedLayer[] {
    return planLayers(this.widths, height, width, until);
  }

  /** Which kernels compute the layers up to `until`, chosen or by default, as a text: where it is the same, they round alike. @throws UsageError */
  kernels(batch: number, height: number, width: number, until: LayerName): string {
    const { gpu, rungs, choices } = this;
    return kernelsText(gpu, this.layers(height, width, until), { batch, rungs, choices });
  }

  /**
   * The results of several layers for pictures that already have the network's size, in one forward pass.
   *
   * @param pictures  all of one size
   * @returns for each output, (N, ...its shape), row-major
   * @throws UsageError, GpuError, DeviceLostError
   */
  async forward(
    pictures: readonly Picture[],
    outputs: readonly LayerName[],
    options: ForwardOptions = {},
  ): Promise<Map<LayerName, Float32Array>> {
    checkOptions('forward()', options, CALLS.forward);
    const batch = pictures.length;
    const { choicesFor = batch } = options;
    if (batch === 0 || outputs.length === 0) throw new UsageError('forward() needs a picture and a layer');
    const named = outputs.map((name) => layerNamed(name, this.widths));
    const request = { batch, ...commonSize(pictures), outputs: named, choicesFor };
    return this.#runner.run(request, concatenated(pictures));
  }

  /**
   * The classes' probabilities (count, classes), from what the base made of pictures: rows as `features` gives them of the
   * layer that the head stands on, averaged where it averages.
   *
   * @throws UsageError without a classifier, and for rows that are not `count` of this size; GpuError; DeviceLostError
   */
  async classifyRows(rows: Float32Array<ArrayBuffer>, options: RowsOptions): Promise<Float32Array> {
    checkOptions('classifyRows()', options, CALLS.classifyRows, ['count', 'batch', 'size']);
    checkClassifier(this.widths);
    const { count, batch, size } = options;
    const from = this.widths.pool === 'avg' ? 'avgpool' : this.widths.features;
    checkRows(this.widths, from, rows, options);
    const layer = classifierLayerOf(this.widths);
    const request = { batch, height: size, width: size, from, outputs: [layer] } as const;
    const scores = (await this.#runner.run(request, rows)).get(layer)!;
    checkFinite(this.gpu, layer, scores);
    return probabilitiesOf(this.activation, scores.subarray(0, count * this.labels.length));
  }

  /**
   * Gradients for pictures that already have the network's size.
   *
   * @param pictures  all of one size
   * @throws UsageError for what the network does not have; GpuError; DeviceLostError
   */
  async gradients(pictures: readonly Picture[], options: GradientsOptions): Promise<Gradients> {
    checkOptions('gradients()', options, CALLS.gradients, ['of', 'by']);
    if (pictures.length === 0) throw new UsageError('gradients() needs a picture');
    const { gpu, widths, rungs, choices, parameters, preprocess } = this;
    const normalisation = arithmeticOf(preprocess);
    const model = { gpu, network: { widths, parameters }, normalisation, wishes: { rungs, choices } };
    return gradientsOf(model, pictures, options);
  }

  /**
   * The time of each layer, by the GPU's own clock: the median of some passes, after a first one that is not counted
   * because drivers compile in it.
   *
   * @returns undefined where the adapter has no timestamps
   * @throws UsageError, GpuError, DeviceLostError
   */
  async profile(
    { batch, height, width }: { batch: number; height: number; width: number },
    until: LayerName,
    options: ProfileOptions = {},
  ): Promise<LayerTiming[] | undefined> {
    checkCount('batch', batch);
    checkOptions('profile()', options, CALLS.profile);
    if (!this.gpu.features.has('timestamp-query')) return undefined;
    const request = { batch, height, width, outputs: [layerNamed(until, this.widths)], timed: true };
    return this.#runner.use(request, (plan) => profile(plan, options));
  }

  /**
   * Frees the GPU's memory; a device that `load` opened goes at once, under a call that still runs, while on a shared
   * device such a call is let finish first. Safe to call twice.
   */
  dispose(): void {
    this.#runner.dispose();
    if (this.#ownsGpu) this.gpu.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #each(
    inputs: readonly Input[],
    output: LayerName,
    options: RunOptions & EachOptions,
  ): AsyncGenerator<Answer> {
    const { gpu, widths } = this;
    const asked = { runner: this.#runner, decode: this.#decode, gpu, widths, output };
    return eachResult(inputs, asked, options);
  }
}
