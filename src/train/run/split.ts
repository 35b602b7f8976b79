// split.json: which picture is used for what. A resumed run goes by it, whatever the data set's folder holds by then.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeAtomically } from '../../atomic_file.js';
import { UsageError } from '../../errors.js';
import type { PictureInput } from '../../image/picture.js';
import { type Dataset, PARTS, type Part, type Sample } from '../samples.js';

interface SplitEntry {
  readonly name: string;
  readonly class: string;
  /** Absolute path, where the name is not that; null for a picture that is no file. */
  readonly file?: string | null;
}

/** Writes a line a picture. @throws OutputError */
export async function writeSplit(path: string, dataset: Dataset): Promise<void> {
  const { classes } = dataset;
  await writeAtomically(path, async (append) => {
    const write = (text: string) => append(Buffer.from(text));
    await write(`{\n"name": ${JSON.stringify(dataset.name)}`);
    for (const part of PARTS) {
      const lines = dataset[part].map((sample) => JSON.stringify(entryOf(sample, classes)));
      await write(`,\n"${part}": [\n${lines.join(',\n')}\n]`);
    }
    await write('\n}\n');
  });
}

function entryOf({ name, picture, label }: Sample, classes: readonly string[]): SplitEntry {
  const file = fileOf(picture);
  return { name, class: classes[label]!, ...(file === name ? {} : { file }) };
}

function fileOf(picture: PictureInput): string | null {
  if (typeof picture === 'string') return resolve(picture);
  return picture instanceof URL ? fileURLToPath(picture) : null;
}

/** @throws UsageError for a file that is missing or damaged, or pictures that were no files */
export async function readSplit(path: string, classes: readonly string[]): Promise<Dataset> {
  const fault = (what: string, cause?: unknown) => new UsageError(`${path}: ${what}`, { cause });
  let said: Record<string, unknown>;
  try {
    said = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw fault(`cannot be read: ${(error as Error).message}`, error);
  }
  const labels = new Map(classes.map((name, label) => [name, label]));
  const samplesOf = (part: Part) => {
    const entries = said[part];
    if (!Array.isArray(entries)) throw fault(`has no list ${part}`);
    return entries.map((entry: SplitEntry, i): Sample => {
      const label = labels.get(entry?.class);
      if (label === undefined || typeof entry.name !== 'string')
        throw fault(`picture ${i + 1} of ${part} makes no sense`);
      if (entry.file === null) throw fault(`${entry.name} was no file; resume from code, with the data set`);
      return { name: entry.name, picture: entry.file ?? entry.name, label };
    });
  };
  const [train, val, test] = PARTS.map(samplesOf) as [Sample[], Sample[], Sample[]];
  return { name: String(said.name), classes, train, val, test, notes: [] };
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
