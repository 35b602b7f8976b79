// A head on its way to a file and back.

import { UsageError } from '../../errors.js';
import type { EpochRow } from '../../train/epoch_row.js';
import { headTensors } from '../../train/head/head_tensors.js';
import type { HeadTrainer } from '../../train/head/head_trainer.js';
import { initialiseFrom } from '../../train/head/initialise_from.js';
import { fingerprintOf } from '../../weights/fingerprint.js';
import { type HeadTensor, type HeadToWrite, openHeadFile } from '../../weights/head_file.js';
import { describeVgg16, type Vgg16Weights } from '../../weights/vgg16.js';
import { baseRefOf } from '../weights/locate.js';
import { openWeights } from '../weights/open.js';
import { featureMapOf, type Session } from './session.js';

/** What a file says of a head, besides its numbers. */
export type HeadDescription = Omit<HeadToWrite, 'tensors' | 'state' | 'metadata'>;

/** @param units  inputs of the first layer, then outputs of each */
export async function describeHead(session: Session, units: readonly number[]): Promise<HeadDescription> {
  const { model, dataset, options, fingerprint } = session;
  return {
    features: options.features,
    pool: options.pool,
    size: options.size,
    classes: dataset.classes,
    preprocess: model.preprocess,
    base: { ref: await baseRefOf(model.basePath), fingerprint },
    units,
  };
}

export function unitsOf({ shape }: HeadTrainer): readonly number[] {
  return [shape.inputs, ...shape.hidden, shape.classes];
}

/** What a head file says of how good it is. */
export function scoreOf({ epoch, val_accuracy, val_loss }: EpochRow): Record<string, string> {
  return {
    'train.epoch': String(epoch),
    'train.val-accuracy': String(val_accuracy),
    'train.val-loss': String(val_loss),
  };
}

/** The trainer's head as a file has it. */
export function tensorsOf(session: Session, trainer: HeadTrainer): AsyncIterable<HeadTensor> {
  const map = session.options.pool === 'flatten' ? featureMapOf(session) : undefined;
  return headTensors(trainer, { map });
}

/**
 * Gives a trainer all layers of a file that its session wrote.
 *
 * @throws WeightsError for a file that is missing, damaged, or another head's; GpuError
 */
export function loadHead(session: Session, trainer: HeadTrainer, path: string): Promise<void> {
  return withWeights(path, session, (weights) =>
    initialiseFrom(trainer, weights, unitsOf(trainer).length - 1),
  );
}

/**
 * Replaces random numbers by better ones: those of a file, or VGG16's own fc1 and fc2 for an `fc` head.
 *
 * @param file  a head, or a VGG16 with one, to begin with
 * @throws WeightsError; UsageError for a head that does not fit; GpuError
 */
export async function initialise(session: Session, trainer: HeadTrainer, file: string | null): Promise<void> {
  const { model, options, onEvent } = session;
  if (file !== null)
    return withWeights(file, session, (weights) => beginWith(session, trainer, file, weights));
  if (options.head !== 'fc') return;
  if (hasFcs(session)) {
    return withWeights(model.path, session, (weights) => initialiseFrom(trainer, weights));
  }
  const text = `${model.path} has no fc1 and fc2 for these features: the head begins with random numbers`;
  onEvent({ type: 'note', text });
}

/** Whether the model brings fc1 and fc2 that were made for what the head reads. */
export function hasFcs({ model, options }: Pick<Session, 'model' | 'options'>): boolean {
  const { dense, features, pool, featureSide } = model.widths;
  const { side } = featureMapOf({ model, options });
  const fits = options.features === features && options.pool === pool;
  return dense.size === 3 && fits && (pool === 'avg' || featureSide === side);
}

/** All layers of a file that tells the same classes apart, and the hidden ones of any other. */
async function beginWith(
  session: Session,
  trainer: HeadTrainer,
  path: string,
  weights: Vgg16Weights,
): Promise<void> {
  const { options, dataset, fingerprint, onEvent } = session;
  const fault = (what: string) => new UsageError(`--init-from ${path}: ${what}`);
  const { features, pool, dense, classes } = weights;
  if (dense.length === 0) throw fault('there is no head in it');
  for (const [option, has, wanted] of [
    ['features', features, options.features],
    ['pool', pool, options.pool],
  ]) {
    if (has !== wanted) throw fault(`its head was trained with --${option} ${has}, not ${wanted}`);
  }
  if ((await fingerprintOf(weights, features)) !== fingerprint)
    throw fault('its head stands on another base');
  const { hidden } = trainer.shape;
  const isSame = JSON.stringify(classes) === JSON.stringify(dataset.classes);
  if (!isSame && hidden.length === 0) {
    throw fault('it tells other classes apart, and has no hidden layer to begin with');
  }
  if (!isSame)
    onEvent({ type: 'note', text: `${path} tells other classes apart: the last layer begins anew` });
  await initialiseFrom(trainer, weights, isSame ? hidden.length + 1 : hidden.length);
}

/** Opens a VGG16, or a head on the session's base, wherever the head says that this is. */
async function withWeights(
  path: string,
  { model }: Session,
  use: (weights: Vgg16Weights) => Promise<void>,
): Promise<void> {
  const base = (await isHead(path)) ? model.basePath : undefined;
  const source = await openWeights(path, { base, preprocess: model.preprocess });
  try {
    await use(describeVgg16(source));
  } finally {
    await source.close();
  }
}

/** What is wrong with a file that cannot be read is told where it is opened. */
function isHead(path: string): Promise<boolean> {
  return openHeadFile(path).then(
    async (file) => {
      await file.close();
      return true;
    },
    () => false,
  );
}
