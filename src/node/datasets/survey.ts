// What is found under a path before anything is opened or decided: names of pictures by part and by class.

import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { UsageError } from '../../errors.js';
import type { Part } from '../../train/samples.js';
import { surveyFolder } from './folders.js';
import { surveyTable } from './table.js';

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

/**
 * Looks for pictures in a folder of classes, in one with train/ and val/, or in a table (CSV).
 *
 * @throws UsageError where the path is none of these, or may not be read; the signal's reason
 */
export async function surveyDataset(path: string, signal?: AbortSignal): Promise<Survey> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const isMissing = error.code === 'ENOENT' || error.code === 'ENOTDIR';
    const fault = isMissing ? 'does not exist' : `cannot be looked at (${error.code})`;
    throw new UsageError(`${path || 'the empty path'} ${fault}`, { cause: error });
  });
  if (found.isDirectory()) return surveyFolder(path, signal);
  if (/^\.[ct]sv$/i.test(extname(path))) return surveyTable(path, signal);
  throw new UsageError(
    `${path} is a file and no CSV; a data set is a folder with one folder a class, or a table called .csv or .tsv`,
  );
}

export function countFiles(files: ClassFiles = new Map()): number {
  let count = 0;
  for (const { length } of files.values()) count += length;
  return count;
}
