// results.csv: a line an epoch, which a spreadsheet opens and a resumed run goes on with.

import { UsageError } from '../errors.js';

/** What an epoch came to. A number that was not measured is NaN, as the validation's are without validation pictures. */
export interface EpochRow {
  /** From 1. */
  readonly epoch: number;
  /** Means over the epoch's training pictures, in nats and as a share. */
  readonly loss: number;
  readonly accuracy: number;
  /** The same over the validation pictures, after the epoch. */
  readonly val_loss: number;
  readonly val_accuracy: number;
  /** The learning rate of the epoch's last step. */
  readonly lr: number;
  readonly images_per_s: number;
  readonly seconds: number;
}

type Column = keyof EpochRow;

/** In the order of the file, with the digits that each is written with. */
const COLUMNS: readonly (readonly [Column, digits: number])[] = [
  ['epoch', 9],
  ['loss', 6],
  ['val_loss', 6],
  ['val_accuracy', 6],
  ['accuracy', 6],
  ['lr', 6],
  ['images_per_s', 4],
  ['seconds', 4],
];

/** The file's first line, with its end. */
export const resultsHeader = `${COLUMNS.map(([name]) => name).join(',')}\n`;

/** An epoch's line, with its end. */
export function resultsLine(row: EpochRow): string {
  const rounded = asWritten(row);
  return `${COLUMNS.map(([name]) => (Number.isNaN(rounded[name]) ? '' : rounded[name])).join(',')}\n`;
}

/** The row as it comes back from the file: plots of a resumed run are those of one that was never interrupted. */
export function asWritten(row: EpochRow): EpochRow {
  const entries = COLUMNS.map(([name, digits]) => [name, Number(row[name].toPrecision(digits))]);
  return Object.fromEntries(entries) as unknown as EpochRow;
}

/**
 * Reads a results.csv. Columns may stand in another order, and others between them. A last line without its end was
 * cut off while it was written, and is left out.
 *
 * @param name what messages call the file
 * @throws UsageError for a column that is missing or a value that is no number, with its line
 */
export function parseResults(text: string, name: string): EpochRow[] {
  const [header = '', ...lines] = text.split(/\r?\n/).slice(0, -1);
  const names = header.split(',');
  const missing = COLUMNS.find(([column]) => !names.includes(column));
  if (missing) throw new UsageError(`${name}: its first line has no column ${missing[0]}`);
  return lines.flatMap((line, i) => {
    if (line === '') return [];
    const fields = line.split(',');
    const entries = COLUMNS.map(([column]) => {
      const field = fields[names.indexOf(column)];
      const value = field === '' ? Number.NaN : Number(field);
      if (field === undefined || (Number.isNaN(value) && field !== '')) {
        throw new UsageError(`${name}: line ${i + 2}: ${column} is ${field ?? 'missing'}, not a number`);
      }
      return [column, value];
    });
    return [Object.fromEntries(entries) as unknown as EpochRow];
  });
}
