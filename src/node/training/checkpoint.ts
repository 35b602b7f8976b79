// last.safetensors: a head that can be used, and all that its training needs to go on as if it had never stopped.
// Everything random is drawn from the seed by the number of the epoch or step, so that no generator is to be kept.

import { UsageError } from '../../errors.js';
import type { HeadTrainer } from '../../train/head/head_trainer.js';
import type { Standardisation } from '../../train/head/trainer_options.js';
import type { HeadTensor } from '../../weights/head_file.js';
import { openHeadFile, type StateTensor, writeHead } from '../../weights/head_file.js';
import type { HeadDescription } from './saved_head.js';

/** How far a run is, and what it went by. */
export interface Progress {
  /** Epochs and steps that are done. */
  readonly epoch: number;
  readonly step: number;
  /** `hashOfOptions` and `digestOf` */
  readonly options: string;
  readonly data: string;
}

const KEYS = {
  epoch: 'train.epoch',
  step: 'train.step',
  options: 'train.options',
  data: 'train.data',
} as const satisfies Record<keyof Progress, string>;

/** The standardisation's tensors among those of the trainer's state. */
const STANDARDISATION = ['standardisation.mean', 'standardisation.scale'] as const;

/** @throws OutputError; WeightsError for numbers that are not finite; GpuError; DeviceLostError */
export async function writeCheckpoint(
  path: string,
  head: HeadDescription & { readonly tensors: AsyncIterable<HeadTensor> },
  trainer: HeadTrainer,
  progress: Progress,
): Promise<void> {
  const { standardisation } = trainer.options;
  const state: StateTensor[] = trainer.state.map(({ name, shape }) => {
    return { name, shape, read: () => trainer.read(name) };
  });
  if (standardisation) {
    const { mean, scale } = standardisation;
    for (const [i, values] of [mean, scale].entries()) {
      state.push({ name: STANDARDISATION[i]!, shape: [values.length], read: async () => values });
    }
  }
  const metadata = Object.fromEntries(
    Object.entries(KEYS).map(([key, name]) => [name, String(progress[key as keyof Progress])]),
  );
  await writeHead(path, { ...head, state, metadata });
}

/** A checkpoint, read but for its tensors. */
export interface Checkpoint {
  readonly path: string;
  readonly progress: Progress;
  /** `fingerprintOf` the base that the run stands on. */
  readonly fingerprint: string;
}

/** @throws WeightsError for a file that is missing or damaged; UsageError for a head that is no checkpoint */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const { metadata, base, close } = await openHeadFile(path);
  await close();
  const text = (key: keyof Progress) => {
    const said = metadata[KEYS[key]];
    if (said === undefined) throw new UsageError(`${path}: a head without ${KEYS[key]}: it is no checkpoint`);
    return said;
  };
  const number = (key: keyof Progress) => {
    const value = Number(text(key));
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new UsageError(`${path}: metadata ${KEYS[key]} is ${text(key)}, no whole number`);
    }
    return value;
  };
  return {
    path,
    fingerprint: base.fingerprint,
    progress: {
      epoch: number('epoch'),
      step: number('step'),
      options: text('options'),
      data: text('data'),
    },
  };
}

/** Puts a trainer where the checkpoint was. @throws WeightsError; UsageError for another head's; GpuError */
export async function restore(trainer: HeadTrainer, { path, progress }: Checkpoint): Promise<void> {
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
  trainer.stepsDone = progress.step;
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
