// A data set, checked: what every other part of training may take for granted.

import { UsageError } from '../errors.js';
import type { PictureInput } from '../image/picture.js';
import { checkOptions, listOf, text } from '../options.js';
import { listed, pictures } from '../text.js';

/** A picture and what is in it. */
export interface Sample {
  /** What messages and reports call it: its path, as a rule. */
  readonly name: string;
  readonly picture: PictureInput;
  /** Position in the data set's `classes`. */
  readonly label: number;
}

export const PARTS = ['train', 'val', 'test'] as const;
export type Part = (typeof PARTS)[number];

/** Pictures by what they are used for. All that is held of a picture in a folder is its name and its label. */
export interface Dataset {
  /** What messages call it: the path that it was found under. */
  readonly name: string;
  /** Names, in the order of the labels: those of the training part, sorted. At least two. */
  readonly classes: readonly string[];
  readonly train: readonly Sample[];
  readonly val: readonly Sample[];
  /** Looked at once, at the end; often empty. */
  readonly test: readonly Sample[];
  /** What its owner should know, a line each: a class without pictures in val, very unequal classes. */
  readonly notes: readonly string[];
}

export interface DatasetParts {
  readonly train: readonly Sample[];
  readonly val: readonly Sample[];
  readonly test?: readonly Sample[];
}

export interface DatasetWords {
  /** What messages call it. */
  readonly name?: string;
  /** Lines for its owner that are known already. */
  readonly notes?: readonly string[];
}

/** The largest class may have so many times the pictures of the smallest before a note is due. */
const UNEQUAL = 5;

/**
 * A data set from code.
 *
 * @param classes  names in the order of the labels
 * @throws UsageError where classes are fewer than two or not distinct, a label is none, a class has no picture to train
 *   on, or there is none to validate with
 */
export function datasetOf(
  classes: readonly string[],
  samples: DatasetParts,
  words: DatasetWords = {},
): Dataset {
  checkOptions('datasetOf()', words, { name: text, notes: listOf(text) });
  const { train, val, test = [] } = samples;
  const { name = 'the data set', notes = [] } = words;
  const parts = { train, val, test };
  checkClasses(classes, name);
  const counts = (part: Part) => countLabels(parts[part], classes, `${name}: ${part}`);
  const [trainCounts, valCounts] = PARTS.map(counts) as [number[], number[], number[]];
  const untrained = classes.filter((_, label) => trainCounts[label] === 0);
  if (untrained.length > 0) throw new UsageError(`${name}: train has no picture of ${listed(untrained)}`);
  if (val.length === 0)
    throw new UsageError(`${name}: val has no picture, so nothing says how training goes`);
  return { name, classes, ...parts, notes: [...notes, ...unequal(classes, trainCounts, valCounts)] };
}

function checkClasses(classes: readonly string[], name: string): void {
  if (classes.length < 2) {
    throw new UsageError(`${name}: there must be two classes or more to tell apart, not ${classes.length}`);
  }
  const twice = classes.find((one, label) => classes.indexOf(one) !== label);
  if (twice !== undefined) throw new UsageError(`${name}: two classes are called "${twice}"`);
}

/** How many samples there are of each class. */
function countLabels(samples: readonly Sample[], classes: readonly string[], where: string): number[] {
  const counts = classes.map(() => 0);
  for (const { name, label } of samples) {
    const count = counts[label];
    if (count === undefined) {
      throw new UsageError(
        `${where}: ${name} has the label ${label}; labels are 0 to ${classes.length - 1}, positions among the classes`,
      );
    }
    counts[label] = count + 1;
  }
  return counts;
}

function unequal(classes: readonly string[], train: readonly number[], val: readonly number[]): string[] {
  const notes: string[] = [];
  const unseen = classes.filter((_, label) => val[label] === 0);
  if (unseen.length > 0) {
    notes.push(`val has no picture of ${listed(unseen)}: how well they are told apart will not be known`);
  }
  const most = Math.max(...train);
  const least = Math.min(...train);
  if (most > UNEQUAL * least) {
    const [large, small] = [classes[train.indexOf(most)], classes[train.indexOf(least)]];
    notes.push(
      `the classes are very unequal: ${large} has ${pictures(most)} to train on, ${small} ${least} ` +
        `(${(most / least).toFixed(1)} to 1); --class-weights balanced makes them count the same`,
    );
  }
  return notes;
}
