// How a run stands: which epoch is the best, and whether to go on. Told by its rows alone, so that nothing else is
// to be saved.
//
// The best epoch is the one with the lowest validation loss among those whose accuracy is within two standard errors of
// the highest. The loss says more than the accuracy: it changes with every picture's probability, where the accuracy of 8
// pictures moves in steps of 12.5 %, and its highest value is often luck. But a head may grow too sure of itself: the
// loss rises by a few bad mistakes while more and more pictures are right. So accuracy decides where it differs by
// more than its noise. Each epoch is judged as it ends: one that was not the best then is not kept, and cannot become it later.
//
// Source   "one standard error rule": Breiman, Friedman, Olshen and Stone, Classification and Regression Trees, 1984,
//          section 3.4.3; here it is two, for the highest of many accuracies is higher than it would be again
//          standard error near 0 and 1: Agresti and Coull, The American Statistician 52, 1998

import type { ResolvedOptions } from './defaults.js';
import type { EpochRow } from './epoch_row.js';
import { risingOf } from './schedule.js';

/** What an epoch is judged by. */
export interface Judgement {
  /** `accuracy`, of runs of older versions: the most pictures right; of equals, the lowest loss. */
  readonly best: 'loss' | 'accuracy';
  /** Validation pictures, which say how far an accuracy is noise; undefined where it does not count beside the loss. */
  readonly pictures: number | undefined;
  /** Epochs without gain after which training ends; 0 never ends it. */
  readonly patience: number;
  /** Epochs in which the learning rate still rises; patience begins behind them. */
  readonly rising: number;
}

/** So many standard errors are noise. */
const NOISE = 2;

/** How far an accuracy among so many pictures may be off by chance: two standard errors. */
export function noiseOf(accuracy: number, pictures: number): number {
  // Two more pictures right and two wrong: otherwise the noise of 100 % would be nothing.
  const count = pictures + 4;
  const share = (accuracy * pictures + 2) / count;
  return NOISE * Math.sqrt((share * (1 - share)) / count);
}

/** Takes in a run's rows, one after the other. */
export class Standing {
  #best: EpochRow | undefined;
  #epochs = 0;
  /** The last epoch that gained something. */
  #gained = 0;
  #lowest = Number.POSITIVE_INFINITY;
  #highest = 0;

  constructor(
    readonly judgement: Judgement,
    history: readonly EpochRow[] = [],
  ) {
    for (const row of history) this.add(row);
  }

  /** The best epoch; undefined before the first. */
  get best(): EpochRow | undefined {
    return this.#best;
  }

  /** Epochs since one was the best, or its validation loss the lowest; those do not count in which the rate rises. */
  get epochsWithoutGain(): number {
    return Math.max(0, this.#epochs - Math.max(this.#gained, Math.floor(this.judgement.rising)));
  }

  /** Whether training ends here though epochs are left. */
  get endsEarly(): boolean {
    const { patience } = this.judgement;
    return patience > 0 && this.epochsWithoutGain >= patience;
  }

  /** @returns whether the epoch is the best so far */
  add(row: EpochRow): boolean {
    const { best } = this.judgement;
    this.#epochs++;
    this.#highest = Math.max(this.#highest, row.val_accuracy);
    const isBest = best === 'loss' ? this.#beatsByLoss(row) : this.#beatsByAccuracy(row);
    if (isBest) this.#best = row;
    const isLowest = row.val_loss < this.#lowest;
    if (isLowest) this.#lowest = row.val_loss;
    if (isLowest || (isBest && best === 'loss')) this.#gained = this.#epochs;
    return isBest;
  }

  #beatsByLoss(row: EpochRow): boolean {
    if (!this.#best) return true;
    const { pictures } = this.judgement;
    const least = pictures === undefined ? 0 : this.#highest - noiseOf(this.#highest, pictures);
    // Only a row that has just set the highest accuracy can leave the best one behind.
    if (this.#best.val_accuracy < least) return true;
    return row.val_accuracy >= least && row.val_loss < this.#best.val_loss;
  }

  #beatsByAccuracy(row: EpochRow): boolean {
    if (!this.#best) return true;
    if (row.val_accuracy !== this.#best.val_accuracy) return row.val_accuracy > this.#best.val_accuracy;
    return row.val_loss < this.#best.val_loss;
  }
}

export interface RunRules {
  /** What the best epoch is chosen by: see `Judgement`. */
  readonly best: 'loss' | 'accuracy';
  /** Biases that a new head begins with: `frequency`, those that answer how frequent each class is; or all zero. */
  readonly biases: 'frequency' | 'zero';
  /**
   * How a head that was trained alone goes on with its base: `gentle`, at `HEAD_SHARE` of its learning rate; or at all of it.
   */
  readonly head?: 'gentle' | undefined;
}

export const RULES: RunRules = { best: 'loss', biases: 'frequency', head: 'gentle' };

/** Of runs that have none written down: they were begun by an older version. */
export const OLDER_RULES: RunRules = { best: 'accuracy', biases: 'zero' };

export function areRules(value: unknown): value is RunRules {
  const { best, biases, head } = (value ?? {}) as Partial<RunRules>;
  return (
    (best === 'loss' || best === 'accuracy') &&
    (biases === 'frequency' || biases === 'zero') &&
    (head === undefined || head === 'gentle')
  );
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
