// A run's folder: never one that another run has.

import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from '../../errors.js';
import type { Gpu } from '../../gpu/gpu.js';
import { writeAtomically } from '../atomic_file.js';
import { makeFolders, refusing, syncFolder } from '../disk.js';
import { shellWord } from '../shell_word.js';

export const RUN_FILES = {
  args: 'args.json',
  /** Random numbers that a pretraining begins with; there before all else. */
  init: 'init.safetensors',
  environment: 'env.json',
  state: 'state.json',
  classes: 'classes.json',
  split: 'split.json',
  results: 'results.csv',
  /** The head alone, where layers of its base were trained with it afterwards. */
  head: 'head.safetensors',
  best: 'best.safetensors',
  last: 'last.safetensors',
} as const;

export type RunFile = keyof typeof RUN_FILES;

export function runFile(folder: string, file: RunFile): string {
  return join(folder, RUN_FILES[file]);
}

/**
 * Makes the first of `runs/train-1`, `runs/train-2`, ... that is not there. Two processes never get the same one.
 *
 * @returns its path
 * @throws OutputError where it cannot be made
 */
export async function createNumberedRun(parent = 'runs'): Promise<string> {
  await refusing(parent, () => makeFolders(parent));
  const taken = (await refusing(parent, () => readdir(parent))).map(
    (name) => /^train-(\d+)$/.exec(name)?.[1] ?? 0,
  );
  for (let number = 1 + Math.max(0, ...taken.map(Number)); ; number++) {
    const folder = join(parent, `train-${number}`);
    if (await makeFolder(folder)) return folder;
  }
}

/**
 * Makes a folder for a run, and those above it. An empty one that is there already will do, or one with `init`.
 *
 * @throws UsageError where it holds something; OutputError where it cannot be made
 */
export async function createRun(folder: string): Promise<void> {
  await refusing(folder, () => makeFolders(dirname(resolve(folder))));
  if (await makeFolder(folder)) return;
  const names = await readdir(folder).catch(() => undefined);
  if (names?.every((name) => name === RUN_FILES.init)) return;
  if (!names) throw new UsageError(`${folder} is no folder`);
  if (names.includes(RUN_FILES.environment) && !names.includes(RUN_FILES.args))
    throw new UsageError(`${folder} ${ENDED_EARLY}; remove it, or name another`);
  throw new UsageError(
    `${folder} is not empty; a run needs a folder of its own, or go on with --resume ${shellWord(folder)}`,
  );
}

/** What a folder holds that has some files of a run but not the last of those with which it begins, args.json. */
export const ENDED_EARLY = 'holds a run that was ended before it had begun';

/** Folders that this process has made, and may take away again. */
const made = new Set<string>();

/** Takes a run's own files away, and then the folder as `removeIfEmpty` does. What cannot be removed stays. */
export async function abandonRun(folder: string): Promise<void> {
  // Why the run was given up is the news, not this.
  const names = Object.values(RUN_FILES);
  await Promise.all(names.map((name) => rm(join(folder, name), { force: true }).catch(() => {})));
  await removeIfEmpty(folder);
}

/** Takes away a run's folder that was made here, unless it holds something. */
export async function removeIfEmpty(folder: string): Promise<void> {
  if (made.delete(resolve(folder))) await rmdir(folder).catch(() => {});
}

/** False where something has that name. */
async function makeFolder(folder: string): Promise<boolean> {
  const isNew = await refusing(folder, () =>
    mkdir(folder).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    ),
  );
  if (!isNew) return false;
  made.add(resolve(folder));
  await refusing(folder, () => syncFolder(dirname(resolve(folder))));
  return true;
}

/** @throws OutputError */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeAtomically(path, (append) => append(Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`)));
}

/** What env.json says: with what a run was computed. */
export function environmentOf(gpu: Gpu): Record<string, unknown> {
  const { vendor, architecture, device, description, isSoftware } = gpu.info;
  return {
    'vgg16-webgpu': __VERSION__,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    processors: availableParallelism(),
    gpu: { vendor, architecture, device, driver: description, isSoftware },
    started: new Date().toISOString(),
  };
}
