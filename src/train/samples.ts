// What training and evaluation look at: pictures with the class each belongs to.

import type { PictureInput } from '../image/picture.js';

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
