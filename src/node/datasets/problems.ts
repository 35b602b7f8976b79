// The kinds of things that can be wrong with a data set.

import type { Part } from '../../train/samples.js';

/** How bad each kind is: training cannot begin, a picture is left out, or all are used, well or not so well. */
export const SEVERITIES = {
  structure: 'fault',
  refused: 'fault',
  unreadable: 'broken',
  empty: 'broken',
  damaged: 'broken',
  'too-large': 'broken',
  'not-a-picture': 'broken',
  contradiction: 'warning',
  leak: 'warning',
  duplicate: 'warning',
  extension: 'warning',
  tiny: 'warning',
  oblong: 'warning',
  stray: 'warning',
  other: 'warning',
} as const satisfies Record<string, 'fault' | 'broken' | 'warning'>;

export type ProblemKind = keyof typeof SEVERITIES;

export interface Problem {
  readonly kind: ProblemKind;
  /** Below the data set's folder, with forward slashes; the data set's name for what is wrong with its structure. */
  readonly path: string;
  /** What is wrong, said of the file. */
  readonly reason: string;
}

/** A picture by its name, and where it belongs. */
export interface PlacedFile {
  readonly path: string;
  readonly part: Part;
  readonly className: string;
}
