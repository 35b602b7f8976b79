// From options to a head that can be trained: features of both parts, their standardisation, the head with its first
// numbers.

import { balancedWeights, countClasses } from '../../train/class_weights.js';
import type { ResolvedOptions } from '../../train/defaults.js';
import type { FeatureTable } from '../../train/features/spec.js';
import { HeadTrainer } from '../../train/head/head_trainer.js';
import { frequencyBiases } from '../../train/head/initialise.js';
import type { Standardisation, TrainerOptions } from '../../train/head/trainer_options.js';
import { PARTS, type Part } from '../../train/samples.js';
import { standardisationOf } from '../../train/standardise.js';
import { BrokenCount } from '../datasets/broken.js';
import { hasFcs } from './saved_head.js';
import { featureMapOf, type Session } from './session.js';
import { openTable } from './tables.js';

/** What a head is trained, validated and tested with. */
export interface Prepared {
  readonly train: FeatureTable;
  readonly val: FeatureTable;
  /** Undefined where there is nothing to test with. */
  readonly test: FeatureTable | undefined;
  readonly standardisation: Standardisation | undefined;
  close(): Promise<void>;
}

/** Opens every part: what is wrong with one is found out before anything is trained. @throws as `openTable` */
export async function prepare(session: Session): Promise<Prepared> {
  const opened: FeatureTable[] = [];
  const { dataset } = session;
  const broken = new BrokenCount(PARTS.reduce((sum, part) => sum + dataset[part].length, 0));
  const open = async (part: Part) => {
    const table = await openTable(session, part, broken);
    opened.push(table);
    return table;
  };
  const close = async () => {
    for (const table of opened) await table.close();
  };
  try {
    const train = await open('train');
    const val = await open('val');
    const test = dataset.test.length > 0 ? await open('test') : undefined;
    const { channels } = featureMapOf(session);
    const by = session.options.standardise;
    const standardisation = await standardisationOf(train, by, channels, session.signal);
    return { train, val, test, standardisation, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A head with random numbers. Whoever made it disposes of it. @throws GpuError */
export function createTrainer(session: Session, prepared: Prepared): Promise<HeadTrainer> {
  const { train, val, test, standardisation } = prepared;
  const { model, dataset, options, rules } = session;
  const shape = { inputs: train.width, hidden: hiddenOf(session), classes: dataset.classes.length };
  const counts = countClasses(train.samples, shape.classes);
  const classWeights = options.classWeights === 'balanced' ? balancedWeights(counts) : undefined;
  return HeadTrainer.create(model.gpu, shape, {
    ...trainerOptions(options),
    // No larger than any batch will be: a step computes all of its rows.
    batch: Math.min(options.batch, Math.max(...[train, val, test].map((part) => part?.samples.length ?? 0))),
    classWeights,
    firstBiases:
      rules.biases === 'frequency'
        ? frequencyBiases(counts, options.labelSmoothing, classWeights)
        : undefined,
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
}: ResolvedOptions): Omit<TrainerOptions, 'batch' | 'classWeights' | 'firstBiases' | 'standardisation'> {
  return {
    ...{ dropout, clipNorm, labelSmoothing, seed },
    optimiser:
      optimiser === 'sgd' ? { name: 'sgd', momentum, nesterov, weightDecay } : { name: 'adamw', weightDecay },
  };
}
