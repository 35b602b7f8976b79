// A training session as it is opened here: the data set is checked, the base is hashed, the cache folder is found.

import { UsageError } from '../../errors.js';
import type { VGG16 } from '../../model/vgg16.js';
import { convShapeOf } from '../../network/build.js';
import { type ChoicesRecord, choicesKeyOf, recordOf } from '../../network/choices.js';
import { callback, type OptionRules, signal, text } from '../../options.js';
import { type Dataset, datasetOf } from '../../train/dataset.js';
import type { ResolvedOptions } from '../../train/defaults.js';
import type { OnEvent } from '../../train/events.js';
import { featureMapOf, type Session, tablesLayerOf } from '../../train/session.js';
import { RULES, type RunRules } from '../../train/standing.js';
import { cacheFolder as ownCacheFolder } from '../cache.js';
import { fingerprintOfFile } from '../weights/open.js';

export interface SessionOptions {
  /** Where features are cached; the package's own cache folder by default. */
  readonly cacheFolder?: string | undefined;
  readonly onEvent?: OnEvent | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const SESSION_OPTIONS: OptionRules<SessionOptions> = {
  cacheFolder: text,
  onEvent: callback(),
  signal,
};

/** @throws UsageError for a data set or a layer or size that makes no sense; WeightsError; the signal's reason */
export async function openSession(
  model: VGG16,
  dataset: Dataset,
  options: ResolvedOptions,
  { cacheFolder = ownCacheFolder(), onEvent = () => {}, signal }: SessionOptions,
  rules: RunRules = RULES,
): Promise<Session> {
  signal?.throwIfAborted();
  if (model.isFineTuned) {
    throw new UsageError(
      `${model.path} is a fine-tuned network, no base: \`vgg16 export\` makes one file of it, which can be trained on`,
    );
  }
  datasetOf(dataset.classes, dataset, { name: dataset.name });
  featureMapOf({ model, options });
  return {
    ...{ model, dataset, options, rules, onEvent, signal },
    ...(await fingerprintsOf({ model, options })),
    cacheFolder: options.cache ? cacheFolder : undefined,
  };
}

async function fingerprintsOf(
  session: Pick<Session, 'model' | 'options'>,
): Promise<Pick<Session, 'fingerprint' | 'tablesFingerprint'>> {
  const { model, options } = session;
  const { basePath, preprocess } = model;
  const fingerprint = await fingerprintOfFile(basePath, options.features, { preprocess });
  return { fingerprint, tablesFingerprint: await tablesFingerprintOf(session) };
}

/** `fingerprintOf` the base up to what is computed of pictures before training. */
export async function tablesFingerprintOf(session: Pick<Session, 'model' | 'options'>): Promise<string> {
  const { basePath, preprocess } = session.model;
  const below = tablesLayerOf(session);
  return below === 'pixels' ? '' : fingerprintOfFile(basePath, below, { preprocess });
}

/**
 * Which tuned kernels the features are computed with; undefined where nothing was chosen. args.json keeps them: tuning
 * while a run rests must not change what it goes on with.
 */
export function tunedKernelsOf({ model, options }: Session): ChoicesRecord | undefined {
  const { layer } = featureMapOf({ model, options });
  const convs = model
    .layers(options.size, options.size, layer)
    .filter(({ operation }) => operation === 'conv3x3')
    .map((conv) => convShapeOf(conv, 1));
  const choices = model.choices.forConvs(convs);
  return choices.isEmpty ? undefined : recordOf(choicesKeyOf(model.gpu, model.dtype), choices);
}

/** Whether the same kernels are meant, however fast they were. */
export function areSameKernels(a: ChoicesRecord | undefined, b: ChoicesRecord | undefined): boolean {
  const text = (record: ChoicesRecord | undefined) =>
    JSON.stringify(record?.conv3x3.map(({ shape, choice }) => [shape, choice]) ?? []);
  return text(a) === text(b);
}
