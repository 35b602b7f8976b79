// split.json: which picture is used for what. A resumed run goes by it, whatever the data set's folder holds by then.

import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../../errors.js';
import type { PictureInput } from '../../image/picture.js';
import { isUrl } from '../../realm.js';
import { type Dataset, datasetOf, PARTS, type Sample } from '../../train/dataset.js';
import { writeAtomically } from '../atomic_file.js';
import { pathsIn } from '../datasets/found.js';
import { runFile } from './folder.js';

/** Changes when a reader of today could not read it any more. */
const VERSION = 1;

/** Lines that are handed on at a time. */
const LINES = 1024;

/** The picture's name is there where the file does not give it. A picture that is no file is null. */
type Row = readonly [file: string | null, className: string, name?: string];

interface SplitRecord extends Record<(typeof PARTS)[number], readonly Row[]> {
  readonly version: number;
  /** The data set's, as messages call it. Names of pictures begin with it. */
  readonly name: string;
  /** Where files lie whose paths are relative: absolute, so that a run goes on from wherever it is taken up. */
  readonly folder: string;
}

/**
 * The text of a record, piece by piece: JSON, a picture a line, as `["train/ants/1.jpg","ants"]`: the file below
 * `folder`, or its absolute path where it lies elsewhere, and its class. The order is the data set's, for shuffles go
 * by it.
 */
export function* splitRecord(dataset: Dataset): Generator<string> {
  const { name } = dataset;
  const folder = resolve(folderOf(name));
  const rowOf = rowsIn(dataset, folder);
  yield `{\n"version": ${VERSION},\n"name": ${JSON.stringify(name)},\n"folder": ${JSON.stringify(folder)}`;
  for (const part of PARTS) {
    yield `,\n"${part}": [`;
    const samples = dataset[part];
    for (let start = 0; start < samples.length; start += LINES) {
      const rows = samples.slice(start, start + LINES).map((sample) => `\n${JSON.stringify(rowOf(sample))}`);
      yield `${start > 0 ? ',' : ''}${rows.join(',')}`;
    }
    yield '\n]';
  }
  yield '\n}\n';
}

/** @throws OutputError where the disk refuses */
export async function writeSplit(path: string, dataset: Dataset): Promise<void> {
  await writeAtomically(path, async (append) => {
    for (const text of splitRecord(dataset)) await append(Buffer.from(text));
  });
}

/**
 * The data set that a record was made of, sample for sample, under the names that they had; its notes are made anew.
 *
 * @param classes  in the order of the labels
 * @throws UsageError where the record is missing or damaged, names another class, its folder is gone, or its pictures
 *   were no files
 */
export async function readSplit(path: string, classes: readonly string[]): Promise<Dataset> {
  const { name, folder, ...parts } = checked(await readText(path), path);
  const there = await stat(folder).catch(() => undefined);
  const isBelow = ([file]: Row) => file !== null && !isAbsolute(file);
  if (!there && PARTS.some((part) => parts[part].some(isBelow))) {
    throw new UsageError(
      `${path}: its pictures were in ${folder}, which does not exist any more; put them back, or say ` +
        'there, as "folder", where they are now',
    );
  }
  const shown = folderOf(name);
  const nameOf = pathsIn(shown);
  // The same string twice, where it can be: it is all that is held of a picture.
  const placeOf = resolve(shown) === folder ? undefined : pathsIn(folder);
  const labels = new Map(classes.map((one, label) => [one, label]));
  const sampleOf = ([file, className, said]: Row): Sample => {
    const label = labels.get(className);
    if (label === undefined) throw new UsageError(`${path}: "${className}" is none of the run's classes`);
    if (file === null) {
      throw new UsageError(`${path}: ${said} was no file; resume the run from code, with the data set`);
    }
    const implied = nameOf(file);
    return { name: said ?? implied, picture: placeOf?.(file) ?? implied, label };
  };
  const [train, val, test] = PARTS.map((part) => parts[part].map(sampleOf)) as [Sample[], Sample[], Sample[]];
  return datasetOf(classes, { train, val, test }, { name });
}

/** SHA-256 over names and labels of what a run trains and validates with, in their order. */
export function digestOf(classes: readonly string[], ...parts: readonly (readonly Sample[])[]): string {
  const hash = createHash('sha256').update(JSON.stringify(classes));
  for (const samples of parts) {
    hash.update(`${samples.length}\n`);
    for (const { name, label } of samples) hash.update(`${label} ${name}\n`);
  }
  return hash.digest('hex');
}

/** What the names in a data set called `name` are relative to. */
function folderOf(name: string): string {
  return /\.[ct]sv$/i.test(name) ? dirname(name) : name;
}

function rowsIn({ name, classes }: Dataset, folder: string): (sample: Sample) => Row {
  const nameOf = pathsIn(folderOf(name));
  return ({ picture, label, name: said }) => {
    const path = fileOf(picture);
    if (path === undefined) return [null, classes[label]!, said];
    const inside = relative(folder, resolve(path));
    const isInside = !isAbsolute(inside) && inside.split(sep)[0] !== '..';
    const file = isInside ? inside.replaceAll(sep, '/') : resolve(path);
    return nameOf(file) === said ? [file, classes[label]!] : [file, classes[label]!, said];
  };
}

function fileOf(picture: PictureInput): string | undefined {
  if (typeof picture === 'string') return picture;
  return isUrl(picture) ? fileURLToPath(picture) : undefined;
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
  const version = record?.version;
  if (typeof version === 'number' && version !== VERSION) {
    throw new UsageError(`${path} is of version ${version}; this program reads version ${VERSION}`);
  }
  const isWhole =
    version === VERSION &&
    typeof record?.name === 'string' &&
    typeof record.folder === 'string' &&
    PARTS.every((part) => Array.isArray(record[part]) && record[part].every(isRow));
  if (!isWhole) throw new UsageError(`${path} is damaged: it is not the record of a split that a run writes`);
  return record as SplitRecord;
}

function isRow(row: unknown): row is Row {
  if (!Array.isArray(row)) return false;
  const [file, className, name] = row;
  const isFile = typeof file === 'string' || (file === null && name !== undefined);
  return isFile && typeof className === 'string' && (name === undefined || typeof name === 'string');
}

/**
 * How many of these pictures a run was trained on, as far as its split.json tells.
 *
 * @param weights  the run's folder, or a file in it; 0 where there is no run
 * @param classes  the run's, in their order
 */
export async function countTrainedOn(
  weights: string,
  classes: readonly string[],
  samples: readonly Sample[],
): Promise<number> {
  const found = await stat(weights).catch(() => undefined);
  const folder = found?.isDirectory() ? weights : dirname(weights);
  const split = await readSplit(runFile(folder, 'split'), classes).catch(() => undefined);
  if (!split) return 0;
  const trained = new Set(split.train.map(({ picture }) => pathOf(picture)));
  return samples.filter(({ picture }) => trained.has(pathOf(picture))).length;
}

function pathOf(picture: PictureInput): unknown {
  return typeof picture === 'string' ? resolve(picture) : picture;
}
