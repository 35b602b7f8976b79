// Suggests a learning rate for a head by trying a hundred of them on it.

import type { VGG16 } from '../../model/vgg16.js';
import { checkOptions, type OptionRules, text } from '../../options.js';
import { resolveOptions } from '../../train/checks.js';
import type { Dataset } from '../../train/dataset.js';
import { CHOSEN_OPTIONS } from '../../train/options.js';
import type { FoundRate } from '../../train/sweep.js';
import type { TrainOptions } from './new_run.js';
import { findRate } from './run.js';
import { openSession, SESSION_OPTIONS } from './session.js';
import { withTables } from './tables.js';

type RateOptions = Omit<TrainOptions, 'out' | 'valShare'>;

const RATE_OPTIONS: OptionRules<RateOptions> = {
  ...CHOSEN_OPTIONS,
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
  options: RateOptions = {},
): Promise<FoundRate> {
  checkOptions('findLearningRate()', options, RATE_OPTIONS);
  const { initFrom = null, cacheFolder, onEvent, signal, ...chosen } = options;
  const unexamined = { ...dataset, test: [] };
  const told = { cacheFolder, onEvent, signal };
  const session = await openSession(model, unexamined, resolveOptions(chosen), told);
  return withTables(session, (tables) => findRate(session, tables, initFrom));
}
