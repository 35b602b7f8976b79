// Tables in text: CSV with commas, semicolons or tabs, in UTF-8 or UTF-16.

import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { CsvError, type Info, parse } from 'csv-parse';
import { UsageError } from '../../errors.js';
import { NotAFile, openRegular } from '../disk.js';

export interface Cells {
  readonly cells: readonly string[];
  /** Counted from 1; where it ends, should it be of several. */
  readonly line: number;
}

/** A line that is longer is no line of a table of pictures, and is not read to its end. */
const LONGEST_LINE = 1e5;

/** In which the first line is looked for what separates its cells. */
const HEAD_BYTES = 4096;

/**
 * The cells of each line that is not empty, without spaces around them.
 *
 * @throws UsageError for what is no table, or lines of different lengths; the signal's reason
 */
export async function* readCells(path: string, signal?: AbortSignal): AsyncGenerator<Cells> {
  signal?.throwIfAborted();
  const delimiter = await delimiterOf(path);
  const file = createReadStream(path, { signal });
  const parser = file.pipe(
    parse({
      bom: true,
      delimiter,
      info: true,
      max_record_size: LONGEST_LINE,
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
      trim: true,
    }),
  );
  file.on('error', (error) => parser.destroy(error));
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      yield { cells: record, line: info.lines };
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof CsvError)) throw error;
    throw new UsageError(`${path}: it cannot be read as a table: ${error.message}`, { cause: error });
  } finally {
    file.destroy();
  }
}

/** Of the separators in use, the one in the first line. */
async function delimiterOf(path: string): Promise<string> {
  const file = await openRegular(path).catch((error: NodeJS.ErrnoException) => {
    const why = error instanceof NotAFile ? error.message : `it cannot be read (${error.code})`;
    throw new UsageError(`${path}: ${why}`, { cause: error });
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    // As Latin-1, for these are single bytes in UTF-8 and stand out in UTF-16.
    const [line = ''] = buffer.toString('latin1', 0, bytesRead).split(/[\r\n]/);
    const candidates = extname(path).toLowerCase() === '.tsv' ? [] : [',', ';'];
    const found = candidates.find((delimiter) => line.includes(delimiter));
    return found ?? (line.includes('\t') ? '\t' : ',');
  } finally {
    await file.close();
  }
}
