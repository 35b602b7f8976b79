// From options to a head that can be trained: features of both parts, their standardisation, the head with its first
// numbers.

import { balancedWeights, countClasses } from './class_weights.js';
import type { ResolvedOptions } from './defaults.js';
import type { FeatureTable } from './features/spec.js';
import { HeadTrainer } from './head/head_trainer.js';
import type { Standardisation, TrainerOptions } from './head/trainer_options.js';
import { hasFcs } from './saved_head.js';
import { featureMapOf, type Session } from './session.js';
import { standardisationOf } from './standardise.js';
import { openTable } from './tables.js';

/** What a head is trained and validated with. */
export interface Prepared {
  readonly train: FeatureTable;
  readonly val: FeatureTable;
  readonly standardisation: Standardisation | undefined;
  close(): Promise<void>;
}

/** @throws as `openTable` */
export async function prepare(session: Session): Promise<Prepared> {
  const train = await openTable(session, 'train');
  let val: FeatureTable | undefined;
  try {
    val = await openTable(session, 'val');
    const { channels } = featureMapOf(session);
    const by = session.options.standardise;
    const standardisation = await standardisationOf(train, by, channels, session.signal);
    const opened = val;
    return {
      ...{ train, val, standardisation },
      close: async () => {
        await train.close();
        await opened.close();
      },
    };
  } catch (error) {
    await train.close();
    await val?.close();
    throw error;
  }
}

/** A head with random numbers. Whoever made it disposes of it. @throws GpuError */
export function createTrainer(session: Session, { train, standardisation }: Prepared): Promise<HeadTrainer> {
  const { model, dataset, options } = session;
  const shape = { inputs: train.width, hidden: hiddenOf(session), classes: dataset.classes.length };
  const counts = countClasses(train.samples, shape.classes);
  const classWeights = options.classWeights === 'balanced' ? balancedWeights(counts) : undefined;
  return HeadTrainer.create(model.gpu, shape, {
    ...trainerOptions(options),
    batch: options.batch,
    classWeights,
    standardisation,
  });
}

/** Units of the hidden layers; those of an `fc` head are the base's own where it has them. */
function hiddenOf(session: Session): readonly number[] {
  const { model, options } = session;
  if (options.head !== 'fc' || !hasFcs(session)) return options.hidden;
  return [...model.widths.dense.values()].slice(0, -1);
}

function trainerOptions({
  optimiser,
  momentum,
  nesterov,
  weightDecay,
  dropout,
  clipNorm,
  labelSmoothing,
  seed,
}: ResolvedOptions): Omit<TrainerOptions, 'batch' | 'classWeights' | 'standardisation'> {
  return {
    ...{ dropout, clipNorm, labelSmoothing, seed },
    optimiser:
      optimiser === 'sgd' ? { name: 'sgd', momentum, nesterov, weightDecay } : { name: 'adamw', weightDecay },
  };
}
