// Suggests a learning rate for a head by trying a hundred of them on it.

import type { VGG16 } from '../../model/vgg16.js';
import { checkOptions, type OptionRules, text } from '../../options.js';
import { readBatches, shuffledReading } from '../../train/batches.js';
import { resolveOptions } from '../../train/checks.js';
import { RUN_OPTIONS } from '../../train/options.js';
import type { Dataset } from '../../train/samples.js';
import { type CurvePoint, SWEEP, Sweep, suggestRate, sweepRate } from '../../train/sweep.js';
import type { TrainOptions } from './new_run.js';
import { createTrainer, type Prepared, prepare } from './prepare.js';
import { initialise } from './saved_head.js';
import { openSession, SESSION_OPTIONS, type Session } from './session.js';

export interface FoundRate {
  /** Undefined where the loss falls at no rate. */
  readonly suggestion: number | undefined;
  /** Rates in rising order, up to where the loss diverged. */
  readonly curve: readonly CurvePoint[];
}

const RATE_OPTIONS: OptionRules<Omit<TrainOptions, 'out' | 'valShare'>> = {
  ...RUN_OPTIONS,
  ...SESSION_OPTIONS,
  initFrom: text,
};

/**
 * Trains a new head for up to 100 steps while the rate rises from 1e-7 to 10, and suggests one. The same arguments
 * give the same suggestion.
 *
 * @throws as `trainHead`
 */
export async function findLearningRate(
  model: VGG16,
  dataset: Dataset,
  options: Omit<TrainOptions, 'out' | 'valShare'> = {},
): Promise<FoundRate> {
  checkOptions('findLearningRate()', options, RATE_OPTIONS);
  const { initFrom, cacheFolder, onEvent, signal, ...chosen } = options;
  const unexamined = { ...dataset, test: [] };
  const session = await openSession(model, unexamined, resolveOptions(chosen), {
    ...{ cacheFolder, onEvent, signal },
  });
  const prepared = await prepare(session);
  try {
    return await searchRate(session, prepared, initFrom ?? null);
  } finally {
    await prepared.close();
  }
}

/** @param initFrom  the head file that training is to begin with */
export async function searchRate(
  session: Session,
  prepared: Prepared,
  initFrom: string | null,
): Promise<FoundRate> {
  const { options, onEvent, signal } = session;
  const { train } = prepared;
  const trainer = await createTrainer(session, prepared);
  const sweep = new Sweep();
  try {
    await initialise(session, trainer, initFrom);
    for (let epoch = 0, goOn = true; goOn; epoch++) {
      const reading = shuffledReading(train, options.seed, epoch, !options.cache);
      for await (const { x, labels } of readBatches(train, reading, options.batch)) {
        signal?.throwIfAborted();
        const lr = sweepRate(sweep.curve.length);
        await trainer.step(x, labels, lr);
        goOn = sweep.add((await trainer.readTotals()).loss);
        const step = sweep.curve.length;
        const loss = sweep.curve.at(-1)?.loss;
        if (loss !== undefined) onEvent({ type: 'lr-find', step, steps: SWEEP.steps, lr, loss });
        if (!goOn) break;
      }
    }
  } finally {
    await trainer.dispose();
  }
  return { suggestion: suggestRate(sweep.curve), curve: sweep.curve };
}
