// What a run goes by that no option says. args.json keeps it, so that a run goes on as it began, whatever later versions do.

import type { ResolvedOptions } from './defaults.js';
import { risingOf } from './schedule.js';
import type { Judgement } from './standing.js';

export interface RunRules {
  /** What the best epoch is chosen by: see `Judgement`. */
  readonly best: 'loss' | 'accuracy';
  /** Biases that a new head begins with: `frequency`, those that answer how frequent each class is; or all zero. */
  readonly biases: 'frequency' | 'zero';
}

export const RULES: RunRules = { best: 'loss', biases: 'frequency' };

/** Of runs that have none written down: they were begun by an older version. */
export const OLDER_RULES: RunRules = { best: 'accuracy', biases: 'zero' };

export function areRules(value: unknown): value is RunRules {
  const { best, biases } = (value ?? {}) as Partial<RunRules>;
  return (best === 'loss' || best === 'accuracy') && (biases === 'frequency' || biases === 'zero');
}

/** @param pictures  to validate with; runs of older versions do not need it */
export function judgementOf(
  { best }: RunRules,
  options: ResolvedOptions,
  pictures: number | undefined,
): Judgement {
  const { patience, schedule, warmup, epochs, classWeights } = options;
  // Accuracy counts each picture the same, which is not what weighted classes are to be judged by.
  const counts = classWeights === 'none';
  const isOlder = best === 'accuracy';
  return {
    best,
    pictures: counts ? pictures : undefined,
    patience,
    rising: isOlder ? 0 : risingOf({ name: schedule, warmup, steps: epochs }),
  };
}
