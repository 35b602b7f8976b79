// What is found under a path before anything is opened or decided: names of pictures by part and by class.

import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { UsageError } from '../../errors.js';
import { surveyFolder } from './folders.js';
import type { Survey } from './found.js';
import { surveyTable } from './table.js';

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
