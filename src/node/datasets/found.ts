// What is found of a data set before anything is opened or decided, and the samples that it becomes.

import { isAbsolute, join } from 'node:path';
import type { Part, Sample } from '../../train/dataset.js';

/** Names of pictures by class, each list in a fixed order. */
export type ClassFiles = ReadonlyMap<string, readonly string[]>;

export interface Survey {
  /** The path as it was given: what messages call the data set. */
  readonly name: string;
  /** What the names below are relative to; they have forward slashes, or are absolute. */
  readonly folder: string;
  readonly isTable: boolean;
  /** Whether the data set says itself what is for training; if not, all of it is in `train` here. */
  readonly isDivided: boolean;
  /** In `train` as found, empty classes and all; the others hold only classes that have pictures. */
  readonly parts: Readonly<Partial<Record<Part, ClassFiles>>>;
  /** Pictures that lie beside the class folders and so belong to no class. */
  readonly strays: readonly string[];
  /** Files among the pictures whose names are no picture's. */
  readonly others: readonly string[];
  /** What its owner should know, a line each. */
  readonly notes: readonly string[];
}

/** How many files there are of all classes. */
export function countFiles(files: ClassFiles = new Map()): number {
  let count = 0;
  for (const { length } of files.values()) count += length;
  return count;
}

/** What people call the parts of a data set. */
const PART_NAMES: Readonly<Record<string, Part>> = {
  train: 'train',
  training: 'train',
  val: 'val',
  valid: 'val',
  validation: 'val',
  test: 'test',
  testing: 'test',
};

/** The part that a folder or a cell of a table names, in any case. */
export function partNamed(name: string): Part | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(PART_NAMES, key) ? PART_NAMES[key] : undefined;
}

/** The samples of a part, class by class. A sample's name is its path, and the same string: all that is held of it. */
export function samplesOf(folder: string, classes: readonly string[], files: ClassFiles): Sample[] {
  const path = pathsIn(folder);
  return classes.flatMap((name, label) =>
    (files.get(name) ?? []).map((file) => {
      const picture = path(file);
      return { name: picture, picture, label };
    }),
  );
}

/** Where files are whose names are relative to `folder`. One `join` for all of them: it is slow and makes large strings. */
export function pathsIn(folder: string): (file: string) => string {
  const prefix = join(folder, '_').slice(0, -1);
  return (file) => (isAbsolute(file) ? file : `${prefix}${file}`);
}
