// A data set in a table: a CSV whose lines name a picture, its class, and perhaps the part that it is for.

import { dirname } from 'node:path';
import { UsageError } from '../../errors.js';
import { byCodePoints } from '../../image/walk.js';
import type { Part } from '../samples.js';
import { readCells } from './cells.js';
import { partNamed } from './parts.js';
import type { ClassFiles, Survey } from './survey.js';

/** What the columns may be called, in any case. */
const COLUMNS = {
  file: ['file', 'path', 'image', 'filename'],
  label: ['label', 'class'],
  part: ['split', 'part', 'set'],
} as const;

interface Columns {
  readonly file: number;
  readonly label: number;
  readonly part?: number | undefined;
}

interface Row {
  readonly label: string;
  readonly part: Part;
  readonly line: number;
}

/**
 * Reads the table; files are relative to its folder and are not looked at.
 *
 * @throws UsageError with the line that makes no sense; the signal's reason
 */
export async function surveyTable(path: string, signal?: AbortSignal): Promise<Survey> {
  const fail: Fail = (fault) => {
    throw new UsageError(`${path}: ${fault}`);
  };
  const rows = new Map<string, Row>();
  let columns: Columns | undefined;
  let repeated = 0;
  for await (const { cells, line } of readCells(path, signal)) {
    if (columns) {
      const [file, row] = rowOf(cells, columns, line, fail);
      if (isRepeated(file, row, rows.get(file), columns, fail)) repeated++;
      else rows.set(file, row);
    } else columns = columnsOf(cells, fail);
  }
  if (!columns) return fail('it is empty; its first line must name the columns, as "file,label"');
  if (rows.size === 0) return fail('it has no line but its first');
  return {
    name: path,
    folder: dirname(path),
    isTable: true,
    isDivided: columns.part !== undefined,
    parts: partsOf(rows),
    strays: [],
    others: [],
    notes: repeated > 0 ? [`${repeated} of its lines repeat others and are left out`] : [],
  };
}

/** Throws what is wrong, with the table's name. */
type Fail = (fault: string) => never;

function columnsOf(header: readonly string[], fail: Fail): Columns {
  const names = header.map((name) => name.toLowerCase());
  const find = (kind: keyof typeof COLUMNS) => {
    const found = COLUMNS[kind].filter((name) => names.includes(name));
    if (found.length > 1)
      fail(`it has columns ${found.join(' and ')}, which mean the same; rename all but one`);
    return found[0] === undefined ? undefined : names.indexOf(found[0]);
  };
  const [file, label, part] = [find('file'), find('label'), find('part')];
  if (file === undefined || label === undefined) {
    return fail(
      `its first line must name a column of pictures (${COLUMNS.file.join(', ')}) and one of classes ` +
        `(${COLUMNS.label.join(', ')}), as "file,label"; it is "${header.join(',').slice(0, 60)}"`,
    );
  }
  return { file, label, part };
}

function rowOf(
  cells: readonly string[],
  columns: Columns,
  line: number,
  fail: Fail,
): [file: string, row: Row] {
  const file = cells[columns.file]!;
  const label = cells[columns.label]!;
  if (file === '') fail(`line ${line} names no picture`);
  if (/^[a-z]+:\/\//i.test(file))
    fail(`line ${line} names a web address, ${file}; download the pictures first`);
  if (label === '') fail(`line ${line} gives ${file} no class`);
  if (columns.part === undefined) return [file, { label, part: 'train', line }];
  const part = partNamed(cells[columns.part]!);
  if (part) return [file, { label, part, line }];
  return fail(
    `line ${line} puts ${file} into the part "${cells[columns.part]}"; it must be train, val or test`,
  );
}

/** Fails where an earlier line says otherwise. */
function isRepeated(file: string, row: Row, before: Row | undefined, columns: Columns, fail: Fail): boolean {
  if (!before) return false;
  if (before.label === row.label && before.part === row.part) return true;
  const said = ({ label, part, line }: Row) =>
    `${columns.part === undefined ? label : `${label} (${part})`} in line ${line}`;
  return fail(`${file} is ${said(before)} and ${said(row)}; keep one of them`);
}

/** In the order of classes and names, so that the order of the lines decides nothing. */
function partsOf(rows: ReadonlyMap<string, Row>): Survey['parts'] {
  const found = new Map<Part, Map<string, string[]>>();
  for (const [file, { label, part }] of rows) {
    const classes = found.get(part) ?? new Map<string, string[]>();
    found.set(part, classes);
    const files = classes.get(label);
    if (files) files.push(file);
    else classes.set(label, [file]);
  }
  const sorted = (classes: ReadonlyMap<string, string[]>): ClassFiles =>
    new Map([...classes.keys()].sort(byCodePoints).map((label) => [label, classes.get(label)!.sort()]));
  return Object.fromEntries([...found].map(([part, classes]) => [part, sorted(classes)]));
}
