// Where in the cache a file, its unfinished part and what is noted about them lie.

import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cacheFolder } from '../cache.js';
import { makeFolders, refusing } from '../disk.js';
import type { KnownSource } from './manifest.js';

export interface Places {
  readonly folder: string;
  /** Whole and verified, or put there by hand. */
  readonly file: string;
  /** When and against what `file` was verified. */
  readonly sidecar: string;
  /** What has come so far of a download. */
  readonly part: string;
  /** What the server said about the file that `part` is the beginning of. */
  readonly partState: string;
  /** There while one process works on any of these. */
  readonly lock: string;
}

/** @param folder  default: `weights` in the user's cache folder */
export function placesOf({ file }: KnownSource, folder = join(cacheFolder(), 'weights')): Places {
  const path = join(folder, file);
  return {
    folder,
    file: path,
    sidecar: `${path}.json`,
    part: `${path}.part`,
    partState: `${path}.part.json`,
    lock: `${path}.lock`,
  };
}

/** @throws OutputError where the folder is missing and cannot be made */
export async function makeFolder({ folder }: Places): Promise<void> {
  await refusing(folder, () => makeFolders(folder));
}

/** The file and all that lies beside it under its name, but for the lock. */
export async function belongings({ folder, file, lock }: Places): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const own = names.filter((name) => name === basename(file) || name.startsWith(`${basename(file)}.`));
  return own.map((name) => join(folder, name)).filter((path) => path !== lock);
}

/** Removes what writes that were killed have left behind. For whoever holds the lock. */
export async function sweep(places: Places): Promise<void> {
  for (const path of await belongings(places)) {
    if (/\.json\.tmp-|\.lock\./.test(path)) await refusing(path, () => rm(path, { force: true }));
  }
}
