// What the owner of a run should know of how it went: that it is no better than a guess, that it was too short, or that
// it learnt its pictures by heart. A pure function of rows and evaluation, so that a resumed run says the same.

import { percent, short } from '../text.js';
import type { ResolvedOptions } from './defaults.js';
import type { EpochRow } from './epoch_row.js';
import type { Evaluation } from './metrics.js';
import { type Judgement, noiseOf } from './standing.js';

export interface Remark {
  /**
   * `guess`: no better than the commonest class; `short`: the loss still fell; `overfit`: training ran away from validation;
   * `no-gain`: training the base brought nothing.
   */
  readonly kind: 'guess' | 'short' | 'overfit' | 'no-gain';
  /** A line, with what may help. */
  readonly text: string;
}

/** What is known of a run that has ended. */
export interface Ended {
  readonly options: ResolvedOptions;
  readonly history: readonly EpochRow[];
  readonly best: EpochRow;
  /** Whether it ended before all epochs. */
  readonly early: boolean;
  /** Of the best head, on the validation pictures. */
  readonly evaluation: Evaluation;
  /** Of the head, before its base was trained with it. */
  readonly headAlone?: Pick<EpochRow, 'val_accuracy' | 'val_loss'> | undefined;
}

/** The loss still falls where the last quarter of the learning took this share of the first epoch's. */
const STILL_FALLING = 0.02;

/** A smaller lead of the training pictures is usual. */
const USUAL_LEAD = 0.15;

/** Training runs away where the validation loss ends so many times its lowest. */
const RUNAWAY = 1.1;

export function remarksOn(ended: Ended): Remark[] {
  const found = [guess(ended), noGain(ended), tooShort(ended) ?? overfit(ended)];
  return found.filter((remark) => remark !== undefined);
}

function guess({ options, evaluation }: Ended): Remark | undefined {
  const { accuracy, macroAccuracy, majority, perClass, count } = evaluation;
  const present = perClass.filter((one) => one.count > 0).length;
  if (present < 2) return undefined;
  if (options.classWeights === 'balanced') {
    if (macroAccuracy > 1 / present) return undefined;
    const text = `it tells the classes apart no better than chance: macro accuracy ${percent(macroAccuracy)} of ${present} classes; more pictures or other --features may help`;
    return { kind: 'guess', text };
  }
  if (accuracy > majority.share) return undefined;
  const right =
    Math.round(accuracy * count) < Math.round(majority.share * count) ? 'less often' : 'no more often';
  return {
    kind: 'guess',
    text:
      `it is right ${right} (${percent(accuracy)}) than always answering "${majority.name}" would be (${percent(majority.share)}); ` +
      'more pictures of the others, other --features or --class-weights balanced may help',
  };
}

function noGain({ options, best, headAlone }: Ended): Remark | undefined {
  if (!headAlone || best.val_accuracy > headAlone.val_accuracy) return undefined;
  if (best.val_accuracy === headAlone.val_accuracy && best.val_loss < headAlone.val_loss) return undefined;
  const text =
    `with ${options.unfreeze} trained, ${percent(best.val_accuracy)} of the validation pictures are right; with the head alone, ` +
    `which is in head.safetensors, ${percent(headAlone.val_accuracy)} are: another --lr-base than ${options.lrBase} or more pictures may help`;
  return { kind: 'no-gain', text };
}

/**
 * Progress is measured against the sum of the learning rates: where the rate falls to nothing, the loss of the last
 * epochs stands still, whether there is more to learn or not.
 */
function tooShort({ history, options, early, evaluation }: Ended): Remark | undefined {
  const first = history[0]!;
  if (early || evaluation.accuracy === 1) return undefined;
  let sum = 0;
  const sums = history.map(({ lr }, i) => {
    sum += (lr + (history[i - 1]?.lr ?? lr)) / 2;
    return sum;
  });
  const lowest = (rows: readonly EpochRow[]) =>
    rows.reduce((least, { val_loss }) => Math.min(least, val_loss), Number.POSITIVE_INFINITY);
  const begun = history.filter((_, i) => sums[i]! <= 0.75 * sum);
  const ending = history.slice(begun.length);
  if (begun.length === 0 || ending.length === 0) return undefined;
  const fell = lowest(begun) - lowest(ending);
  // Where it has begun to rise again, more epochs are no help.
  const isLowest = history.at(-1)!.val_loss - lowest(ending) < fell / 2;
  if (!isLowest || fell < STILL_FALLING * first.val_loss) return undefined;
  const text = `the validation loss was still falling when training ended: --epochs ${manyMore(options.epochs)} may do better`;
  return { kind: 'short', text };
}

/** About three times as many, as a round number: 60 for 20. */
function manyMore(epochs: number): number {
  const digit = 10 ** Math.floor(Math.log10(3 * epochs));
  return Math.ceil((3 * epochs) / digit) * digit;
}

function overfit({ options, history, best, evaluation }: Ended): Remark | undefined {
  const { accuracy, count } = evaluation;
  const help = `more pictures, ${options.augment.length === 0 ? '--augment flip,crop, ' : ''}other --features or a higher --weight-decay may help`;
  if (best.accuracy - accuracy > Math.max(USUAL_LEAD, noiseOf(accuracy, count))) {
    const text =
      `it knows the pictures that it was trained on far better than others: ${percent(best.accuracy)} of them right ` +
      `in epoch ${best.epoch}, of the validation pictures ${percent(accuracy)}; ${help}`;
    return { kind: 'overfit', text };
  }
  const last = history.at(-1)!;
  const lowest = history.reduce((least, row) => (row.val_loss < least.val_loss ? row : least));
  if (last.val_loss <= RUNAWAY * lowest.val_loss || last.loss >= lowest.loss) return undefined;
  const text =
    `after epoch ${lowest.epoch} the validation loss rose from ${short(lowest.val_loss)} to ${short(last.val_loss)} while ` +
    `the training loss fell: it began to learn its pictures by heart; ${help}`;
  return { kind: 'overfit', text };
}

/** Why an epoch is called the best, as a clause: "the lowest validation loss of ...". */
export function choiceText({ best, pictures }: Judgement, history: readonly EpochRow[]): string {
  if (best === 'accuracy') return 'the most validation pictures right, and of equals the lowest loss';
  if (pictures === undefined) return 'the lowest validation loss';
  const highest = history.reduce((most, { val_accuracy }) => Math.max(most, val_accuracy), 0);
  return (
    `the lowest validation loss of the epochs whose accuracy is within ${percent(noiseOf(highest, pictures))} of the ` +
    `highest, which may be chance (two standard errors)`
  );
}
