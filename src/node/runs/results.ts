// A run's results.csv: a line is appended as each epoch ends; what a resumed run does again is cut off first.

import { appendFile, open, readFile } from 'node:fs/promises';
import { UsageError } from '../../errors.js';
import { type EpochRow, parseResults, resultsHeader, resultsLine } from '../../train/epoch_row.js';
import { writeAtomically } from '../atomic_file.js';
import { refusing } from '../disk.js';

/** Writes the file anew. @throws OutputError */
export async function writeResults(path: string, rows: readonly EpochRow[]): Promise<void> {
  await writeAtomically(path, (append) =>
    append(Buffer.from(resultsHeader + rows.map(resultsLine).join(''))),
  );
}

/** Appends an epoch and makes it last. @throws OutputError */
export async function appendResult(path: string, row: EpochRow): Promise<void> {
  await refusing(path, async () => {
    const file = await open(path, 'a');
    try {
      await appendFile(file, resultsLine(row));
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/**
 * The rows up to an epoch; those after it, and a line that was cut off, are of an epoch that was never saved.
 *
 * @throws UsageError for a file that is missing, damaged, or lacks an epoch
 */
export async function readResults(path: string, epoch: number): Promise<EpochRow[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const rows = parseResults(text, path).slice(0, epoch);
  const lost = Array.from({ length: epoch }, (_, i) => i + 1).find((wanted, i) => rows[i]?.epoch !== wanted);
  if (lost === undefined) return rows;
  throw new UsageError(
    `${path} lacks epoch ${lost}, which the run's checkpoint has behind it; it was changed since`,
  );
}
