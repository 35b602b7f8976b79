// VGG16 as its users see it: load it, show it pictures, get labels or features.

import { UsageError } from '../errors.js';
import { Gpu } from '../gpu/gpu.js';
import { nameOf } from '../image/decode.js';
import { checkPicture, type Picture, type PictureInput } from '../image/picture.js';
import { type ReadPicture, readPictures } from '../image/read.js';
import type { Preprocess } from '../weights/archive.js';
import { embeddedBasePath } from '../weights/embedded.js';
import { openWeights } from '../weights/open.js';
import { describeVgg16 } from '../weights/vgg16.js';
import { type LayerName, layerNamed, type PlannedLayer, planLayers, type Widths } from './architecture.js';
import { checkCount, concatenated, evenBatch, largestBatch, sameSized } from './batches.js';
import { averageOverSpace, checkFinite, type Features } from './features.js';
import { type Label, labelsFor } from './labels.js';
import { Network } from './network.js';
import type { ClassifyOptions, EachOptions, FeaturesOptions, RunOptions, Vgg16Options } from './options.js';
import { ForwardPlan, type PlanRequest, type Rungs } from './plan.js';
import { type Prediction, topPredictions } from './predictions.js';
import { NORMALISATIONS } from './preprocess.js';
import { type LayerTiming, profile } from './profile.js';
import { checkRequest, checkSize, defaultFraming, inputSideOf } from './requests.js';

const DEFAULT_BATCH = 8;

/** VGG16 on a GPU. Dispose of it, or the process does not end. */
export class VGG16 {
  readonly #network: Network;
  readonly #rungs: Rungs;
  readonly #ownsGpu: boolean;
  #plan: { readonly key: string; readonly plan: ForwardPlan } | undefined;
  /** Calls wait for each other: they share one plan. */
  #turn: Promise<unknown> = Promise.resolve();
  #isBusy = false;
  #disposed = false;

  private constructor(
    readonly gpu: Gpu,
    network: Network,
    /** What the weights' makers did to pixels. */
    readonly preprocess: Preprocess,
    /** One for each class; empty without a classifier. */
    readonly labels: readonly Label[],
    /** What was taken for granted of a weights file that does not say it, a line each. */
    readonly notes: readonly string[],
    options: Vgg16Options,
  ) {
    this.#network = network;
    this.#rungs = options.rungs ?? {};
    this.#ownsGpu = options.gpu === undefined;
  }

  /**
   * @throws WeightsError for a file that is missing, damaged or no VGG16, or too large in its numbers for f16 where that
   *                      is asked for; UsageError for an unknown dtype; NoAdapterError; GpuError; the signal's reason
   */
  static async load(options: Vgg16Options = {}): Promise<VGG16> {
    const source = await openWeights(options.weights ?? embeddedBasePath());
    let gpu: Gpu | undefined;
    try {
      const weights = describeVgg16(source);
      options.signal?.throwIfAborted();
      gpu = options.gpu ?? (await Gpu.open({ adapter: options.adapter }));
      const network = await Network.load(gpu, weights, options);
      const classes = weights.dense.at(-1)?.outputs;
      const labels = classes === undefined ? [] : labelsFor(classes, weights.classes);
      return new VGG16(gpu, network, weights.preprocess, labels, source.notes, options);
    } catch (error) {
      if (!options.gpu) gpu?.dispose();
      throw error;
    } finally {
      await source.close();
    }
  }

  /** False for weights that end with block5_pool, as the embedded base does. */
  get hasClassifier(): boolean {
    return this.labels.length > 0;
  }

  /** How wide each layer is. */
  get widths(): Widths {
    return this.#network.widths;
  }

  /** Side in pixels of the pictures that the classifier takes; undefined where it takes any, or without one. */
  get inputSide(): number | undefined {
    return inputSideOf(this.widths);
  }

  /**
   * The likeliest classes of a picture, or of each of several, the best first.
   *
   * @throws UsageError without a classifier; PictureError for a picture that cannot be used; GpuError; DeviceLostError
   */
  classify(pictures: readonly PictureInput[], options?: ClassifyOptions): Promise<Prediction[][]>;
  classify(picture: PictureInput, options?: ClassifyOptions): Promise<Prediction[]>;
  async classify(
    input: PictureInput | readonly PictureInput[],
    options: ClassifyOptions = {},
  ): Promise<Prediction[] | Prediction[][]> {
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
    pictures: readonly PictureInput[],
    options: ClassifyOptions & EachOptions = {},
  ): AsyncGenerator<{ readonly index: number; readonly predictions: Prediction[] }> {
    const { topK = 5 } = options;
    if (!this.hasClassifier) {
      throw new UsageError(
        'these weights have no classifier, only the thirteen convolutions; load a VGG16 with its top (weights: ' +
          '"vgg16.safetensors"), or take features()',
      );
    }
    checkCount('topK', topK);
    for await (const { index, data } of this.#each(pictures, 'softmax', options)) {
      yield { index, predictions: topPredictions(data, this.labels, topK) };
    }
  }

  /**
   * What a layer makes of a picture, or of each of several: (H,W,C), or (D) from fc1 on, or (C) averaged.
   *
   * @throws UsageError for an unknown layer or an impossible size; PictureError; GpuError; DeviceLostError
   */
  features(
    pictures: readonly PictureInput[],
    layer: LayerName,
    options?: FeaturesOptions,
  ): Promise<Features[]>;
  features(picture: PictureInput, layer: LayerName, options?: FeaturesOptions): Promise<Features>;
  async features(
    input: PictureInput | readonly PictureInput[],
    layer: LayerName,
    options: FeaturesOptions = {},
  ): Promise<Features | Features[]> {
    const results: Features[] = [];
    for await (const { features } of this.featuresEach(many(input), layer, options)) results.push(features);
    return Array.isArray(input) ? results : results[0]!;
  }

  /** As `features`, but as `classifyEach` answers. @throws as `features` */
  async *featuresEach(
    pictures: readonly PictureInput[],
    layer: LayerName,
    options: FeaturesOptions & EachOptions = {},
  ): AsyncGenerator<{ readonly index: number; readonly features: Features }> {
    for await (const { index, data, shape } of this.#each(
      pictures,
      layerNamed(layer, this.widths),
      options,
    )) {
      const features = { data, shape };
      yield { index, features: options.pool === 'avg' ? averageOverSpace(features) : features };
    }
  }

  /** The layers up to `until` for pictures of a size. @throws UsageError for a size that does not suit. */
  layers(height: number, width: number, until: LayerName): PlannedLayer[] {
    return planLayers(this.widths, height, width, until);
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
  ): Promise<Map<LayerName, Float32Array>> {
    const first = pictures[0];
    if (!first || outputs.length === 0) throw new UsageError('forward() needs a picture and a layer');
    const { height, width } = first;
    for (const picture of pictures) {
      checkPicture(picture);
      if (picture.height !== height || picture.width !== width) {
        throw new UsageError('forward() takes pictures of one size');
      }
    }
    return this.#inTurn(async () => {
      const plan = await this.#planFor({
        batch: pictures.length,
        height,
        width,
        outputs: outputs.map((name) => layerNamed(name, this.widths)),
      });
      return plan.run(concatenated(pictures));
    });
  }

  /**
   * The time of each layer, by the GPU's own clock: the median of some passes, after a first one that is not counted
   * because drivers compile in it (`warmUp: false` counts it, where the same pass has been run before).
   *
   * @returns undefined where the adapter has no timestamps
   * @throws UsageError, GpuError, DeviceLostError
   */
  async profile(
    { batch, height, width }: { batch: number; height: number; width: number },
    until: LayerName,
    { passes = 3, warmUp = true }: { passes?: number; warmUp?: boolean } = {},
  ): Promise<LayerTiming[] | undefined> {
    checkCount('batch', batch);
    checkCount('passes', passes);
    if (!this.gpu.features.has('timestamp-query')) return undefined;
    return this.#inTurn(async () => {
      const plan = await this.#planFor({
        batch,
        height,
        width,
        outputs: [layerNamed(until, this.widths)],
        timed: true,
      });
      return profile(plan, passes, warmUp);
    });
  }

  /**
   * Frees the GPU's memory; a device that `load` opened goes at once, under a call that still runs, while on a shared
   * device such a call is let finish first. Safe to call twice.
   */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#ownsGpu) this.gpu.dispose();
    else if (!this.#isBusy) this.#free();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** One layer's result for each picture, in order. */
  async *#each(
    inputs: readonly PictureInput[],
    output: LayerName,
    options: RunOptions & EachOptions,
  ): AsyncGenerator<Features & { readonly index: number }> {
    const {
      batch = DEFAULT_BATCH,
      framing = defaultFraming(this.widths),
      onProgress,
      onError,
      signal,
    } = options;
    checkRequest(this.widths, output, framing);
    const chunk = evenBatch(inputs.length, batch);
    const check = ({ index, picture }: ReadPicture) => {
      if (framing.crop === 'none')
        checkSize(this.widths, output, this.gpu.limits, picture, nameOf(inputs[index]!));
    };
    for await (const pictures of readPictures(inputs, framing, { chunk, check, onError, signal })) {
      for (const run of sameSized(pictures)) {
        const { height, width } = run[0]!.picture;
        const layers = planLayers(this.widths, height, width, output);
        const { shape } = layers[layers.length - 1]!;
        // Cropped pictures all have one size: the last batch, if short, goes through the others' plan.
        const most = framing.crop === 'none' ? run.length : chunk;
        const size = Math.min(most, largestBatch(this.gpu.limits, layers, height, width));
        for (let start = 0; start < run.length; start += size) {
          signal?.throwIfAborted();
          const some = run.slice(start, start + size);
          const results = await this.#inTurn(async () => {
            const plan = await this.#planFor({ batch: size, height, width, outputs: [output] });
            return (await plan.run(concatenated(some.map(({ picture }) => picture)))).get(output)!;
          });
          // The null backend leaves in memory whatever was there.
          if (this.gpu.info.source !== 'null') checkFinite(output, results);
          onProgress?.(some.at(-1)!.index + 1, inputs.length);
          const length = results.length / size;
          for (const [i, { index }] of some.entries()) {
            yield { index, data: results.slice(i * length, (i + 1) * length), shape };
          }
        }
      }
    }
  }

  async #planFor(request: PlanRequest): Promise<ForwardPlan> {
    const key = JSON.stringify(request);
    if (this.#plan?.key === key) return this.#plan.plan;
    this.#plan?.plan.dispose();
    this.#plan = undefined;
    const normalisation = NORMALISATIONS[this.preprocess];
    const plan = await ForwardPlan.create(this.gpu, this.#network, normalisation, {
      ...request,
      rungs: this.#rungs,
    });
    this.#plan = { key, plan };
    return plan;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      if (this.#disposed) throw new UsageError('this VGG16 has been disposed of');
      this.#isBusy = true;
      try {
        return await work();
      } finally {
        this.#isBusy = false;
        if (this.#disposed) this.#free();
      }
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  #free(): void {
    this.#plan?.plan.dispose();
    this.#plan = undefined;
    this.#network.dispose();
  }
}

function many(input: PictureInput | readonly PictureInput[]): readonly PictureInput[] {
  return Array.isArray(input) ? input : [input as PictureInput];
}
