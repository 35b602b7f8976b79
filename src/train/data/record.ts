// split.json: which picture went into which part, so that a run can be looked into, repeated and taken up again.

import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeAtomically } from '../../atomic_file.js';
import { UsageError } from '../../errors.js';
import type { PictureInput } from '../../image/picture.js';
import { type Dataset, PARTS, type Sample } from '../samples.js';
import { datasetOf } from './dataset.js';
import { pathsIn } from './samples_of.js';

/** Changes when a reader of today could not read it any more. */
const VERSION = 1;

/** Lines that are handed on at a time. */
const LINES = 1024;

type Row = readonly [file: string | null, label: number];

interface SplitRecord extends Record<(typeof PARTS)[number], readonly Row[]> {
  readonly version: number;
  readonly name: string;
  readonly folder: string;
  readonly classes: readonly string[];
}

/**
 * The text of a record, piece by piece: JSON, a picture a line, as `["train/ants/1.jpg", 0]`: the file below `folder`, or
 * its absolute path where it lies elsewhere, and its label. The order is the data set's, for shuffles go by it. A
 * picture that is no file is `null`.
 */
export function* splitRecord(dataset: Dataset): Generator<string> {
  const { name, classes } = dataset;
  const folder = resolve(folderOf(name));
  const head = Object.entries({ version: VERSION, name, folder, classes });
  yield `{\n${head.map(([key, value]) => `"${key}": ${JSON.stringify(value)}`).join(',\n')}`;
  for (const part of PARTS) {
    yield `,\n"${part}": [`;
    const samples = dataset[part];
    for (let start = 0; start < samples.length; start += LINES) {
      const rows = samples
        .slice(start, start + LINES)
        .map((sample) => `\n${JSON.stringify(rowOf(sample, folder))}`);
      yield `${start > 0 ? ',' : ''}${rows.join(',')}`;
    }
    yield '\n]';
  }
  yield '\n}\n';
}

/** @throws OutputError where the disk refuses */
export async function writeSplit(path: string, dataset: Dataset): Promise<void> {
  const encoder = new TextEncoder();
  await writeAtomically(path, async (append) => {
    for (const text of splitRecord(dataset)) await append(encoder.encode(text));
  });
}

/**
 * The data set that a record was made of, sample for sample; its notes are made anew.
 *
 * @throws UsageError where the record is missing or damaged, its folder is gone, or its pictures were no files
 */
export async function readSplit(path: string): Promise<Dataset> {
  const { name, folder, classes, ...parts } = checked(await readText(path), path);
  const there = await stat(folder).catch(() => undefined);
  const allRows = PARTS.flatMap((part) => parts[part]);
  if (!there && allRows.some(([file]) => file !== null && !isAbsolute(file))) {
    throw new UsageError(
      `${path}: its pictures were in ${folder}, which does not exist any more; put them back`,
    );
  }
  if (allRows.some(([file]) => file === null)) {
    throw new UsageError(
      `${path}: its pictures were no files; take the run up from code, with the same data set`,
    );
  }
  // Names stay as they were; what is read is found from wherever the run is taken up.
  const shown = folderOf(name);
  const nameOf = pathsIn(shown);
  const placeOf = resolve(shown) === folder ? undefined : pathsIn(folder);
  const sampleOf = ([file, label]: Row): Sample => {
    const sampleName = nameOf(file!);
    return { name: sampleName, picture: placeOf?.(file!) ?? sampleName, label };
  };
  const [train, val, test] = PARTS.map((part) => parts[part].map(sampleOf)) as [Sample[], Sample[], Sample[]];
  return datasetOf(classes, { train, val, test }, { name });
}

/** What the names in a data set called `name` are relative to. */
function folderOf(name: string): string {
  return /\.[ct]sv$/i.test(name) ? dirname(name) : name;
}

function rowOf({ picture, label }: Sample, folder: string): Row {
  const path = fileOf(picture);
  if (path === undefined) return [null, label];
  const inside = relative(folder, resolve(path));
  const isInside = !isAbsolute(inside) && inside.split(sep)[0] !== '..';
  return [isInside ? inside.replaceAll(sep, '/') : resolve(path), label];
}

function fileOf(picture: PictureInput): string | undefined {
  if (typeof picture === 'string') return picture;
  return picture instanceof URL ? fileURLToPath(picture) : undefined;
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(
      `${path} cannot be read (${error.code}): it says which pictures the run was made with`,
    );
  });
}

function checked(text: string, path: string): SplitRecord {
  let record: Partial<SplitRecord> | null = null;
  try {
    record = JSON.parse(text) as Partial<SplitRecord> | null;
  } catch {
    // Told below, with all else that it may lack.
  }
  const isRow = (row: unknown) =>
    Array.isArray(row) && (typeof row[0] === 'string' || row[0] === null) && Number.isSafeInteger(row[1]);
  const isWhole =
    typeof record?.name === 'string' &&
    typeof record.folder === 'string' &&
    Array.isArray(record.classes) &&
    record.classes.every((name) => typeof name === 'string') &&
    PARTS.every((part) => Array.isArray(record[part]) && record[part].every(isRow));
  if (!isWhole) throw new UsageError(`${path} is damaged: it is not the record of a split that a run writes`);
  if (record!.version !== VERSION) {
    throw new UsageError(`${path} is of version ${record!.version}; this program reads version ${VERSION}`);
  }
  return record as SplitRecord;
}
