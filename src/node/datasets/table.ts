// A data set in a table: a CSV whose lines name a picture, its class, and perhaps the part that it is for.

import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname, extname, isAbsolute, join, sep } from 'node:path';
import { CsvError, type Info, parse } from 'csv-parse';
import { UsageError } from '../../errors.js';
import { listed } from '../../text.js';
import type { Part } from '../../train/dataset.js';
import { NotAFile, openRegular } from '../disk.js';
import { PICTURE_EXTENSIONS } from '../image/decode.js';
import { byCodePoints, isPictureName } from '../image/walk.js';
import { type ClassFiles, partNamed, type Survey } from './found.js';

/** What the columns may be called, in any case. */
const COLUMNS = {
  file: ['file', 'path', 'image', 'filename'],
  label: ['label', 'class'],
  part: ['split', 'part', 'set'],
} as const;

/** What other tools call them (fastai, Keras, Kaggle): taken where none of the above is there, and only one of these. */
const SYNONYMS: Readonly<Record<keyof typeof COLUMNS, readonly string[]>> = {
  file: [
    ...['name', 'id', 'img', 'image_id', 'image_path', 'image_name', 'image_file', 'img_path', 'img_name'],
    ...['file_name', 'file_path', 'filepath', 'filenames', 'images', 'files', 'picture', 'photo', 'fname'],
  ],
  label: [
    ...['labels', 'category', 'breed', 'species', 'target', 'classes', 'class_name', 'classname'],
    ...['label_name', 'category_name', 'tag', 'tags', 'diagnosis', 'y'],
  ],
  part: ['subset', 'fold_name', 'dataset'],
};

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
 * Reads the table; files are relative to its folder. Of these only the first is looked for.
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
  const folder = dirname(path);
  const { places, notes } = await placesOf(rows, folder, fail);
  if (repeated > 0) {
    const say = repeated === 1 ? 'repeats another and is' : 'repeat others and are';
    notes.unshift(`${repeated} of its lines ${say} left out`);
  }
  return {
    name: path,
    folder,
    isTable: true,
    isDivided: columns.part !== undefined,
    parts: partsOf(places),
    strays: [],
    others: [],
    notes,
  };
}

/** Rows by the files that they name, as these are found on this machine. */
async function placesOf(
  rows: ReadonlyMap<string, Row>,
  folder: string,
  fail: Fail,
): Promise<{ places: ReadonlyMap<string, Row>; notes: string[] }> {
  const exists = (file: string) =>
    access(isAbsolute(file) ? file : join(folder, file)).then(
      () => true,
      () => false,
    );
  const [first, { line }] = rows.entries().next().value!;
  const [drive] = [...rows].filter(([file]) => /^[a-z]:[\\/]/i.test(file));
  if (drive && sep === '/') {
    fail(
      `line ${drive[1].line} names ${drive[0]}, which is a place on a Windows machine; name files relative to the table`,
    );
  }
  const backslashed = [...rows.keys()].find((file) => file.includes('\\'));
  if (backslashed !== undefined && sep === '/' && !(await exists(backslashed))) {
    const { places, notes } = await placesOf(
      renamed(rows, (file) => file.replaceAll('\\', '/')),
      folder,
      fail,
    );
    return { places, notes: ['its paths have the backslashes of Windows, which are read as /', ...notes] };
  }
  if ([...rows.keys()].some((file) => isPictureName(file)) || (await exists(first)))
    return { places: rows, notes: [] };
  // Tables of identifiers, as Kaggle has them: the names of the files without their extension.
  for (const extension of PICTURE_EXTENSIONS) {
    if (!(await exists(`${first}.${extension}`))) continue;
    const places = renamed(rows, (file) => `${file}.${extension}`);
    return { places, notes: [`its names have no extension; .${extension} is added, as the files have it`] };
  }
  return fail(
    `line ${line} names "${first}", which is not there, nor with an extension; name files relative to the table, as cats/1.jpg`,
  );
}

function renamed(rows: ReadonlyMap<string, Row>, rename: (file: string) => string): ReadonlyMap<string, Row> {
  return new Map([...rows].map(([file, row]) => [rename(file), row]));
}

/** Throws what is wrong, with the table's name. */
type Fail = (fault: string) => never;

function columnsOf(header: readonly string[], fail: Fail): Columns {
  const names = header.map((name) => name.toLowerCase());
  const find = (kind: keyof typeof COLUMNS) => {
    const found = COLUMNS[kind].filter((name) => names.includes(name));
    if (found.length > 1)
      fail(`it has columns ${found.join(' and ')}, which mean the same; rename all but one`);
    if (found[0] !== undefined) return names.indexOf(found[0]);
    const similar = SYNONYMS[kind].filter((name) => names.includes(name));
    const [own] = COLUMNS[kind];
    if (similar.length > 1 && kind !== 'part')
      fail(`its columns ${similar.join(' and ')} may both be meant; rename the right one to "${own}"`);
    return similar.length === 1 ? names.indexOf(similar[0]!) : undefined;
  };
  const [file, label, part] = [find('file'), find('label'), find('part')];
  if (file !== undefined && label !== undefined) return { file, label, part };
  const said = header.join(',').slice(0, 60);
  if ((file ?? label) === undefined) {
    return fail(
      `its first line must name a column of pictures (${COLUMNS.file.join(', ')}) and one of classes ` +
        `(${COLUMNS.label.join(', ')}), as "file,label"; it is "${said}"`,
    );
  }
  const others = header.filter((_, i) => i !== file && i !== label && i !== part);
  const [what, own] = file === undefined ? ['pictures', 'file'] : ['classes', 'label'];
  const candidates = others.length > 0 ? `rename the one that holds them (${listed(others)})` : 'add one';
  return fail(
    `it has no column of ${what} that is called so: ${candidates} to "${own}"; its first line is "${said}"`,
  );
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

// Tables in text: CSV with commas, semicolons or tabs, in UTF-8 or UTF-16.

interface Cells {
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
async function* readCells(path: string, signal?: AbortSignal): AsyncGenerator<Cells> {
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
