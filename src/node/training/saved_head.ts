// A head on its way to a file and back: best.safetensors, which is a head alone, and last.safetensors, a checkpoint,
// which holds all that its training needs to go on as if it had never stopped. Everything random is drawn from the seed
// by the number of the epoch or step, so that no generator is to be kept.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { UsageError } from '../../errors.js';
import { type Naming, OptionsError } from '../../train/checks.js';
import type { EpochRow } from '../../train/epoch_row.js';
import { headTensors, initialiseConvs, initialiseFrom, trainedConvs } from '../../train/head/head_tensors.js';
import { featureMapOf, hasFcs, lowestBlock, type Session } from '../../train/session.js';
import type { Trainer } from '../../train/trainer.js';
import type { Standardisation } from '../../train/trainer_options.js';
import { fingerprintOf } from '../../weights/fingerprint.js';
import type { HeadTensor, HeadToWrite, StateToWrite } from '../../weights/head_file.js';
import type { BlockName } from '../../weights/head_metadata.js';
import { describeVgg16, type Vgg16Weights } from '../../weights/vgg16.js';
import { writeAtomically } from '../atomic_file.js';
import { baseRefOf } from '../weights/locate.js';
import { openWeights } from '../weights/open.js';
import { openHeadFile, writeHead } from '../weights/safetensors.js';

/** What a file says of a head, besides its numbers. */
export type HeadDescription = Omit<HeadToWrite, 'tensors' | 'state' | 'metadata'>;

export async function describeHead(session: Session, trainer: Trainer): Promise<HeadDescription> {
  const { shape } = trainer;
  const { model, dataset, options, fingerprint } = session;
  return {
    features: options.features,
    pool: options.pool,
    size: options.size,
    classes: dataset.classes,
    preprocess: model.preprocess,
    base: { ref: await baseRefOf(model.basePath), fingerprint },
    units: [shape.inputs, ...shape.hidden, shape.classes],
    convs: trainedConvs(trainer),
    ...(options.unfreeze !== 'none' && { unfrozen: `block${lowestBlock(options.unfreeze)}` as BlockName }),
  };
}

/** The trainer's head as a file has it. */
function tensorsOf(session: Session, trainer: Trainer): AsyncIterable<HeadTensor> {
  const map = session.options.pool === 'flatten' ? featureMapOf(session) : undefined;
  return headTensors(trainer, { map });
}

/** What a head file says of how good it is. */
function scoreOf({ epoch, val_accuracy, val_loss }: EpochRow): Record<string, string> {
  return {
    'train.epoch': String(epoch),
    'train.val-accuracy': String(val_accuracy),
    'train.val-loss': String(val_loss),
  };
}

/** What a head's file says of how good it is; undefined for a file that is gone or says nothing. */
export async function readScore(
  path: string,
): Promise<Pick<EpochRow, 'epoch' | 'val_accuracy' | 'val_loss'> | undefined> {
  const file = await openHeadFile(path).catch(() => undefined);
  if (!file) return undefined;
  await file.close();
  const [epoch, val_accuracy, val_loss] = ['train.epoch', 'train.val-accuracy', 'train.val-loss'].map((key) =>
    Number(file.metadata[key]),
  ) as [number, number, number];
  return [epoch, val_accuracy, val_loss].every(Number.isFinite)
    ? { epoch, val_accuracy, val_loss }
    : undefined;
}

/** Writes the trainer's head. @throws OutputError; WeightsError for numbers that are not finite; GpuError; DeviceLostError */
export function saveHead(
  path: string,
  session: Session,
  trainer: Trainer,
  description: HeadDescription,
  row: EpochRow,
): Promise<void> {
  const tensors = tensorsOf(session, trainer);
  return writeHead(path, { ...description, tensors, metadata: scoreOf(row) });
}

/** Gives a trainer all layers of a file that its session wrote. @throws WeightsError for a file that is missing, damaged, or another head's; GpuError */
export function loadHead(session: Session, trainer: Trainer, path: string): Promise<void> {
  const layers = trainer.shape.hidden.length + 1;
  return withWeights(path, session, async (weights) => {
    await initialiseConvs(trainer, weights);
    await initialiseFrom(trainer, weights, layers);
  });
}

/** How far a checkpoint is, and what it went by. */
export interface CheckpointFacts {
  /** Epochs and steps that are done. */
  readonly epoch: number;
  readonly step: number;
  /** `hashOfOptions` and `digestOfAll` */
  readonly options: string;
  readonly data: string;
}

const FACT_KEYS = {
  epoch: 'train.epoch',
  step: 'train.step',
  options: 'train.options',
  data: 'train.data',
} as const satisfies Record<keyof CheckpointFacts, string>;

/** The standardisation's tensors among those of the trainer's state. */
const STANDARDISATION = ['standardisation.mean', 'standardisation.scale'] as const;

/** Writes the trainer's head and state. @throws as `saveHead` */
export async function saveCheckpoint(
  path: string,
  session: Session,
  trainer: Trainer,
  description: HeadDescription,
  facts: CheckpointFacts,
): Promise<void> {
  const { standardisation } = trainer.options;
  const state: StateToWrite[] = trainer.state.map(({ name, shape }) => {
    return { name, shape, read: () => trainer.read(name) };
  });
  if (standardisation) {
    const { mean, scale } = standardisation;
    for (const [i, values] of [mean, scale].entries()) {
      state.push({ name: STANDARDISATION[i]!, shape: [values.length], read: async () => values });
    }
  }
  const metadata = Object.fromEntries(
    Object.entries(FACT_KEYS).map(([key, name]) => [name, String(facts[key as keyof CheckpointFacts])]),
  );
  await writeHead(path, { ...description, tensors: tensorsOf(session, trainer), state, metadata });
}

/** A checkpoint, read but for its tensors. */
export interface Checkpoint {
  readonly path: string;
  readonly facts: CheckpointFacts;
  /** `fingerprintOf` the base that the run stands on. */
  readonly fingerprint: string;
}

/** @throws WeightsError for a file that is missing or damaged; UsageError for a head that is no checkpoint */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const { metadata, base, close } = await openHeadFile(path);
  await close();
  const text = (key: keyof CheckpointFacts) => {
    const said = metadata[FACT_KEYS[key]];
    if (said === undefined)
      throw new UsageError(`${path}: a head without ${FACT_KEYS[key]}: it is no checkpoint`);
    return said;
  };
  const number = (key: keyof CheckpointFacts) => {
    const value = Number(text(key));
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new UsageError(`${path}: metadata ${FACT_KEYS[key]} is ${text(key)}, no whole number`);
    }
    return value;
  };
  const facts = {
    epoch: number('epoch'),
    step: number('step'),
    options: text('options'),
    data: text('data'),
  };
  return { path, fingerprint: base.fingerprint, facts };
}

/** Puts a trainer where the checkpoint was. @throws WeightsError; UsageError for another head's; GpuError */
export async function restore(trainer: Trainer, { path, facts }: Checkpoint): Promise<void> {
  const file = await openHeadFile(path);
  try {
    for (const { name } of trainer.state) {
      if (!file.state.has(name))
        throw new UsageError(`${path} has no ${name}: it is the checkpoint of another head`);
      await trainer.write(name, await file.readState(name));
    }
  } finally {
    await file.close();
  }
  trainer.stepsDone = facts.step;
}

/** The standardisation that the checkpoint's head was trained behind; undefined without one. @throws WeightsError */
export async function readStandardisation({ path }: Checkpoint): Promise<Standardisation | undefined> {
  const file = await openHeadFile(path);
  try {
    if (!file.state.has(STANDARDISATION[0])) return undefined;
    const [mean, scale] = await Promise.all(STANDARDISATION.map((name) => file.readState(name)));
    return { mean: mean!, scale: scale! };
  } finally {
    await file.close();
  }
}

/**
 * Replaces random numbers by better ones: those of a file, or VGG16's own fc1 and fc2 for an `fc` head.
 *
 * @param file  a head, or a VGG16 with one, to begin with
 * @throws WeightsError; UsageError for a head that does not fit; GpuError
 */
export async function initialise(session: Session, trainer: Trainer, file: string | null): Promise<void> {
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

/** Takes all layers of a file that tells the same classes apart, and the hidden ones of any other. */
async function beginWith(
  session: Session,
  trainer: Trainer,
  path: string,
  weights: Vgg16Weights,
): Promise<void> {
  const { options, dataset, fingerprint, onEvent } = session;
  const fault = (what: string | ((naming: Naming) => string)) =>
    new OptionsError((naming) => {
      return `${naming.choice('initFrom', path)}: ${typeof what === 'string' ? what : what(naming)}`;
    });
  const { features, pool, dense, classes } = weights;
  if (dense.length === 0) throw fault('there is no head in it');
  for (const [option, has, wanted] of [
    ['features', features, options.features],
    ['pool', pool, options.pool],
  ] as const) {
    if (has !== wanted)
      throw fault(({ choice }) => `its head was trained with ${choice(option, has)}, not ${wanted}`);
  }
  if ((await fingerprintOf(weights, features, createHash('sha256'))) !== fingerprint)
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

/** A trained head as its owner has it in hand. */
export interface TrainedHead {
  /** Writes the head as a file that `VGG16.load` and `openWeights` take. @throws OutputError */
  save(path: string): Promise<void>;
}

/** The head that a trainer holds, taken out of it. @param best  the epoch that it is of */
export async function takeHead(session: Session, trainer: Trainer, best: EpochRow): Promise<TrainedHead> {
  const description = await describeHead(session, trainer);
  const taken: HeadTensor[] = [];
  for await (const tensor of tensorsOf(session, trainer)) taken.push(tensor);
  return {
    save: (path) => writeHead(path, { ...description, tensors: each(taken), metadata: scoreOf(best) }),
  };
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** The head in a file. */
export function headInFile(file: string): TrainedHead {
  return {
    save: (path) =>
      writeAtomically(path, async (append) => {
        for await (const chunk of createReadStream(file)) await append(chunk);
      }),
  };
}
