// What people call the parts of a data set.

import type { Part } from '../../train/samples.js';

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
