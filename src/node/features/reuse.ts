// Pictures shown to a trained head, or to the base, by way of the features that training caches: a picture that was
// trained or validated on is not computed again.

import { FEATURE_LAYERS, type LayerName } from '../../architecture.js';
import type { PictureError } from '../../errors.js';
import { type Framing, framingForSize } from '../../image/framing.js';
import { nameOf, type PictureInput } from '../../image/picture.js';
import { evenBatch } from '../../model/batches.js';
import type { Features } from '../../model/features.js';
import type { ClassifyOptions, EachOptions, FeaturesOptions } from '../../model/options.js';
import { type Prediction, topPredictions } from '../../model/predictions.js';
import { checkRequest, framingOf } from '../../model/requests.js';
import type { VGG16 } from '../../model/vgg16.js';
import { classifierLayerOf } from '../../network/layers.js';
import { callback, type OptionRules, text } from '../../options.js';
import type { FeatureSpec } from '../../train/features/spec.js';
import { fingerprintOfFile } from '../weights/open.js';
import { CachedFeatures } from './table.js';

/** Rows of a pass through the head. */
const HEAD_BATCH = 8;

export interface Reuse {
  /** Where features are cached; undefined computes all of them anew and keeps none. */
  readonly cacheFolder?: string | undefined;
  /** Told in one line what the owner should know, for instance that the cache cannot be written. */
  readonly onNote?: ((note: string) => void) | undefined;
}

export const REUSE_OPTIONS: OptionRules<Reuse> = { cacheFolder: text, onNote: callback() };

type Options = EachOptions & Pick<ClassifyOptions, 'batch' | 'onProgress' | 'signal'>;

/**
 * As `model.classifyEach`. Of a trained head, whose pictures are framed as training frames them, the features come from
 * the cache, or are added to it; the answers are the same in either case. Anything else the model computes from pixels.
 *
 * @throws as `model.classifyEach`
 */
export async function* classifyReusing(
  model: VGG16,
  pictures: readonly PictureInput[],
  options: ClassifyOptions & EachOptions,
  reuse: Reuse,
): AsyncGenerator<{ readonly index: number; readonly predictions: Prediction[] }> {
  const { widths, labels } = model;
  const { topK = 5, signal } = options;
  const framing = framingOf(options, widths);
  const size = squareSide(framing);
  const { pool } = widths;
  const isCached = pool === 'avg' || pool === 'flatten';
  if (model.basePath === model.path || size === undefined || !model.hasClassifier || !isCached) {
    yield* model.classifyEach(pictures, options);
    return;
  }
  checkRequest(widths, classifierLayerOf(widths), framing);
  const spec = plainSpec(widths.features, pool, size);
  const batch = evenBatch(pictures.length, HEAD_BATCH);
  let waiting: { readonly index: number; readonly row: Float32Array }[] = [];
  const answers = async () => {
    const some = waiting;
    waiting = [];
    if (some.length === 0) return [];
    signal?.throwIfAborted();
    const width = some[0]!.row.length;
    const rows = new Float32Array(some.length * width);
    for (const [i, { row }] of some.entries()) rows.set(row, i * width);
    const scores = await model.classifyRows(rows, { count: some.length, batch, size });
    return some.map(({ index }, i) => {
      const own = scores.subarray(i * labels.length, (i + 1) * labels.length);
      return { index, predictions: topPredictions(own, labels, topK) };
    });
  };
  for await (const ready of rowsOf(model, pictures, spec, options, reuse)) {
    waiting.push(ready);
    if (waiting.length === batch) yield* await answers();
  }
  yield* await answers();
}

/**
 * As `model.featuresEach`. Averages of a layer that heads are trained on come from the cache, or are added to it, where
 * pictures are framed as training frames them; they are the same in either case.
 *
 * @throws as `model.featuresEach`
 */
export async function* featuresReusing(
  model: VGG16,
  pictures: readonly PictureInput[],
  layer: LayerName,
  options: FeaturesOptions & EachOptions,
  reuse: Reuse,
): AsyncGenerator<{ readonly index: number; readonly features: Features }> {
  const { pool } = options;
  const framing = framingOf(options, model.widths);
  const size = squareSide(framing);
  const isCached = FEATURE_LAYERS.some((name) => name === layer) && pool === 'avg';
  if (!isCached || size === undefined) {
    yield* model.featuresEach(pictures, layer, options);
    return;
  }
  checkRequest(model.widths, layer, framing);
  for await (const { index, row } of rowsOf(model, pictures, plainSpec(layer, 'avg', size), options, reuse))
    yield { index, features: { data: row, shape: [row.length] } };
}

/** Side in px of the square that the network sees, where it is cut out as training does it. */
function squareSide({ resize, crop }: Framing): number | undefined {
  const side = typeof crop === 'number' ? crop : crop === 'none' || crop[0] !== crop[1] ? undefined : crop[0];
  return side !== undefined && framingForSize(side).resize === resize ? side : undefined;
}

function plainSpec(layer: LayerName, pool: FeatureSpec['pool'], size: number): FeatureSpec {
  return { layer, pool, size, views: 0, augment: [], seed: 0 };
}

/** Of the numbers that compute the layer: a fine-tuned network has its own instead of some of its base's. */
function fingerprintOfModel(
  { path, basePath, isFineTuned, preprocess }: VGG16,
  layer: LayerName,
): Promise<string> {
  if (!isFineTuned) return fingerprintOfFile(basePath, layer, { preprocess });
  return fingerprintOfFile(path, layer, { base: basePath, preprocess });
}

/** The row of each picture that can be read, in order, as soon as it is there. */
async function* rowsOf(
  model: VGG16,
  pictures: readonly PictureInput[],
  spec: FeatureSpec,
  { batch, onError, onOdd, onProgress, signal }: Options,
  { cacheFolder, onNote }: Reuse,
): AsyncGenerator<{ readonly index: number; readonly row: Float32Array }> {
  const { layer } = spec;
  const samples = pictures.map((picture, label) => ({ name: nameOf(picture), picture, label }));
  const stop = new AbortController();
  const ready = new Map<number, 'row' | 'broken'>();
  let wake = () => {};
  const table = await CachedFeatures.create(model, samples, spec, {
    ...{ batch, cacheFolder, onNote },
    fingerprint: await fingerprintOfModel(model, layer as LayerName),
    signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
    // Nothing is known of the pace before something is done.
    onProgress: onProgress && ((done, total) => done > 0 && onProgress(done, total)),
    // Any number may be left out: each is told of.
    broken: { add: () => {} },
    onBroken: ({ label: index }, error: PictureError) => {
      if (!onError) throw error;
      onError(error, index);
      ready.set(index, 'broken');
    },
    onOdd: ({ label: index }, note) => onOdd?.(note, index),
    onReady: (index) => {
      if (!ready.has(index)) ready.set(index, 'row');
      wake();
    },
  });
  let failure: { readonly error: unknown } | undefined;
  const filling = table.fill().catch((error: unknown) => {
    failure = { error };
    wake();
  });
  try {
    for (let index = 0, position = 0; index < pictures.length; index++) {
      while (!ready.has(index) && !failure) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const found = ready.get(index);
      if (found === undefined) throw failure!.error;
      ready.delete(index);
      if (found === 'broken') continue;
      const row = new Float32Array(table.width);
      await table.read([{ sample: position++, view: 0 }], row);
      yield { index, row };
    }
  } finally {
    stop.abort();
    await filling;
    await table.close();
  }
}
