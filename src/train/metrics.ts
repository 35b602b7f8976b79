// How well a classifier does: counted picture by picture, in memory that does not grow with their number.

import { TrainingError, UsageError } from '../errors.js';

/** What one class's pictures were taken for. A share whose denominator is 0 is 0, as in scikit-learn. */
export interface ClassScores {
  readonly name: string;
  /** Pictures of this class. */
  readonly count: number;
  /** Of the pictures taken for this class, the share that is of it. */
  readonly precision: number;
  /** Of the pictures of this class, the share that was taken for it. */
  readonly recall: number;
  /** The harmonic mean of precision and recall. */
  readonly f1: number;
}

/** Pictures of one class that were taken for another. Classes by their position. */
export interface Confusion {
  readonly truth: number;
  readonly predicted: number;
  readonly count: number;
}

/** A picture that was taken for another class than its own. Classes by their position. */
export interface Mistake {
  /** The sample's name. */
  readonly name: string;
  readonly label: number;
  readonly predicted: number;
  /** What the network gave the class that it predicted. */
  readonly probability: number;
  /** This picture's cross-entropy. */
  readonly loss: number;
}

/** Plain numbers, names and lists: JSON keeps all of it. Shares are from 0 to 1. */
export interface Evaluation {
  readonly classes: readonly string[];
  /** Pictures that were looked at. */
  readonly count: number;
  /** Share of the pictures whose likeliest class is their own. */
  readonly accuracy: number;
  /** Where the true share lies with 95 % confidence: `confidenceInterval`. */
  readonly interval: readonly [low: number, high: number];
  /** The class that has most of these pictures; always answering it would be right for this share. */
  readonly majority: { readonly name: string; readonly share: number };
  /** Share of the pictures whose own class is among the five likeliest; not there for five classes or fewer. */
  readonly top5?: number;
  /** The mean cross-entropy, in nats. */
  readonly loss: number;
  /** The mean recall of the classes that have pictures: each class counts the same. */
  readonly macroAccuracy: number;
  readonly perClass: readonly ClassScores[];
  /** Counts, `[truth][predicted]`. */
  readonly confusion: readonly (readonly number[])[];
  /** The most frequent confusions first; of equals, in the order of the classes. */
  readonly mostConfused: readonly Confusion[];
  /** The mistakes with the greatest loss, the worst first. */
  readonly worst: readonly Mistake[];
}

export interface EvaluationOptions {
  /** Mistakes that are kept. */
  readonly worst?: number;
}

/** Takes in one picture after another. */
export interface Evaluator {
  /**
   * @param probabilities (classes): what the network gives each class; read at once, so the array may be used again
   * @throws UsageError for a label that is no class, or another number of probabilities
   * @throws TrainingError for probabilities that are no numbers
   */
  add(
    sample: { readonly name: string; readonly label: number },
    probabilities: { readonly length: number; readonly [index: number]: number },
  ): void;
  /** Of all pictures so far. @throws UsageError where there was none */
  result(): Evaluation;
}

/** Probabilities below this count as this: the smallest normal f32, below which a GPU may write 0. At most 87.4 nats. */
export const PROBABILITY_FLOOR = 2 ** -126;

const TOP = 5;
const MOST_CONFUSED = 20;

/** Starts an evaluation in which `classes` are told apart. Of equally likely classes the first is the prediction. */
export function createEvaluation(
  classes: readonly string[],
  { worst = 24 }: EvaluationOptions = {},
): Evaluator {
  const confusion = classes.map(() => new Uint32Array(classes.length));
  const mistakes = new Largest<Mistake>(worst, byBadness);
  let count = 0;
  let hits = 0;
  let topHits = 0;
  let loss = 0;
  return {
    add({ name, label }, probabilities) {
      if (!(label in classes)) {
        throw new UsageError(`${name}: its label is ${label}; there are ${classes.length} classes`);
      }
      if (probabilities.length !== classes.length) {
        throw new UsageError(
          `${name}: ${probabilities.length} probabilities for ${classes.length} classes; there must be one each`,
        );
      }
      const own = probabilities[label]!;
      let predicted = 0;
      let rank = 0;
      for (let c = 0; c < classes.length; c++) {
        const p = probabilities[c]!;
        if (!Number.isFinite(p)) {
          throw new TrainingError(
            `${name}: the probability of ${classes[c]} is ${p}, no number; the weights have diverged or are damaged`,
          );
        }
        if (p > probabilities[predicted]!) predicted = c;
        if (p > own || (p === own && c < label)) rank++;
      }
      const ownLoss = -Math.log(Math.max(own, PROBABILITY_FLOOR));
      count++;
      loss += ownLoss;
      confusion[label]![predicted]!++;
      if (rank < TOP) topHits++;
      if (predicted === label) hits++;
      else mistakes.add({ name, label, predicted, probability: probabilities[predicted]!, loss: ownLoss });
    },
    result() {
      if (count === 0) throw new UsageError('nothing to evaluate: there is no picture');
      const perClass = classScores(classes, confusion);
      const present = perClass.filter((scores) => scores.count > 0);
      const commonest = perClass.reduce((most, one) => (one.count > most.count ? one : most));
      return {
        classes: [...classes],
        count,
        accuracy: hits / count,
        interval: confidenceInterval(hits / count, count),
        majority: { name: commonest.name, share: commonest.count / count },
        ...(classes.length > TOP && { top5: topHits / count }),
        loss: loss / count,
        macroAccuracy: sum(present.map(({ recall }) => recall)) / present.length,
        perClass,
        confusion: confusion.map((row) => [...row]),
        mostConfused: confusions(confusion),
        worst: mistakes.sorted(),
      };
    },
  };
}

/** The worse mistake first. Names decide last, so that the order of the pictures does not. */
function byBadness(a: Mistake, b: Mistake): number {
  return b.loss - a.loss || b.probability - a.probability || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function classScores(classes: readonly string[], confusion: readonly Uint32Array[]): ClassScores[] {
  return classes.map((name, c) => {
    const hits = confusion[c]![c]!;
    const count = sum(confusion[c]!);
    const taken = sum(confusion.map((row) => row[c]!));
    return {
      name,
      count,
      precision: share(hits, taken),
      recall: share(hits, count),
      f1: share(2 * hits, taken + count),
    };
  });
}

function confusions(confusion: readonly Uint32Array[]): Confusion[] {
  const pairs = new Largest<Confusion>(
    MOST_CONFUSED,
    (a, b) => b.count - a.count || a.truth - b.truth || a.predicted - b.predicted,
  );
  for (const [truth, row] of confusion.entries()) {
    for (const [predicted, count] of row.entries()) {
      if (count > 0 && predicted !== truth) pairs.add({ truth, predicted, count });
    }
  }
  return pairs.sorted();
}

/**
 * Where the true share lies with 95% confidence, when `share` was found among `count` pictures: Wilson's score interval
 * (1927), which stays within 0 to 1.
 */
export function confidenceInterval(share: number, count: number): readonly [low: number, high: number] {
  const z = 1.959964;
  const scale = 1 + z ** 2 / count;
  const centre = (share + z ** 2 / (2 * count)) / scale;
  const reach = (z / scale) * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  // At its ends it is exact, which rounding would hide.
  return [share === 0 ? 0 : centre - reach, share === 1 ? 1 : centre + reach];
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** The first few of many, in the order of a comparison, without keeping the rest. */
class Largest<T> {
  readonly #kept: T[] = [];

  /** @param compare as of `Array.sort`: negative where the first argument comes first */
  constructor(
    readonly limit: number,
    readonly compare: (a: T, b: T) => number,
  ) {}

  add(item: T): void {
    const last = this.#kept.at(-1);
    if (this.#kept.length === this.limit) {
      if (last === undefined || this.compare(item, last) >= 0) return;
      this.#kept.pop();
    }
    // Behind its equals: of those, the ones that came first stay.
    const after = this.#kept.findIndex((kept) => this.compare(item, kept) < 0);
    this.#kept.splice(after < 0 ? this.#kept.length : after, 0, item);
  }

  /** Those that are kept, the first first. */
  sorted(): T[] {
    return [...this.#kept];
  }
}
