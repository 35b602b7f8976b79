// Folders of files for tests of what is found in folders.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import type { VggError } from '../../../src/errors.js';
import type { Dataset, Sample } from '../../../src/train/dataset.js';

/** A temporary folder; each call of what is given writes files into a new one below it and gives its path. */
export function useTrees(): (
  files: readonly string[] | Readonly<Record<string, string | Uint8Array>>,
) => Promise<string> {
  let root: string;
  let made = 0;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'vgg16-data-'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
  return async (files) => {
    const folder = join(root, String(made++));
    await mkdir(folder);
    const contents: [string, string | Uint8Array][] = Array.isArray(files)
      ? files.map((file) => [file, ''])
      : Object.entries(files);
    for (const [file, content] of contents) {
      const path = join(folder, file);
      await mkdir(file.endsWith('/') ? path : dirname(path), { recursive: true });
      if (!file.endsWith('/')) await writeFile(path, content);
    }
    return folder;
  };
}

/** `cats/1.jpg` to `cats/<count>.jpg`. */
export function numbered(folder: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${folder}/${i + 1}.jpg`);
}

/** Paths below the data set, each with the name of its class. */
export function placed(
  dataset: Dataset,
  samples: readonly Sample[],
  root = dataset.name,
): [string, string][] {
  return samples.map(({ name, label }) => [name.slice(root.length + 1), dataset.classes[label]!]);
}

/** What is said when it fails, without the temporary folder's name; and that it is of the kind that a user can cause. */
export async function faultOf(work: Promise<unknown>, root: string): Promise<string> {
  const error = await work.then(
    () => expect.fail('it should have failed'),
    (thrown: VggError) => thrown,
  );
  expect(error.name).toBe('UsageError');
  expect(error.message).not.toContain('\n');
  return error.message.replaceAll(root, 'photos');
}
