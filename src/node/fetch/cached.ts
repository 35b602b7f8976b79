// What is in the cache, whether it is still well, and away with it: `vgg16 weights list`, `path`, `verify` and `rm`.

import { rm } from 'node:fs/promises';
import { refusing } from '../disk.js';
import { withLock } from './lock.js';
import { KNOWN_SOURCES, type KnownSource, knownSource } from './manifest.js';
import { belongings, type Places, placesOf } from './places.js';
import { readSidecar, type Sidecar } from './sidecar.js';
import { type CachedWeights, statFile, verifyFile } from './verify.js';

/**
 * - `absent`: not there
 * - `part`: a download that was broken off, and that the next fetch goes on with
 * - `unverified`: put there by hand, or changed since it was verified; verified before its first use
 * - `verified`
 */
export type CacheState = 'absent' | 'part' | 'unverified' | 'verified';

export interface CacheEntry {
  readonly source: KnownSource;
  /** Where the file is, or would be. */
  readonly path: string;
  readonly state: CacheState;
  /** Bytes on the disk: of the file, or of the part. */
  readonly size: number;
  /** What was noted when it was verified; only in the state `verified`. */
  readonly noted?: Sidecar | undefined;
}

/** Where the file is, or would be, in the cache: needs no file and no network. */
export function cachedPath(name: string, folder?: string): string {
  return placesOf(knownSource(name), folder).file;
}

/** All known weights, in the manifest's order, whether they are there or not. Nothing is hashed. */
export function listCached(folder?: string): Promise<CacheEntry[]> {
  return Promise.all(KNOWN_SOURCES.map((source) => entryOf(source, placesOf(source, folder))));
}

async function entryOf(source: KnownSource, places: Places): Promise<CacheEntry> {
  const path = places.file;
  const file = await statFile(path);
  if (!file) {
    const part = await statFile(places.part);
    return { source, path, state: part ? 'part' : 'absent', size: part?.size ?? 0 };
  }
  const { size } = file;
  const noted = await readSidecar(places);
  if (noted?.size !== size || noted.mtimeMs !== file.mtimeMs)
    return { source, path, state: 'unverified', size };
  return { source, path, state: 'verified', size, noted };
}

/**
 * Hashes the file again and compares it with what is known of it and with what it was when it was verified first.
 *
 * @throws UsageError for an unknown name; WeightsError where it is missing or not what it should be, with what was
 * expected and what was found; the signal's reason
 */
export function verifyCached(
  name: string,
  {
    folder,
    signal,
  }: { readonly folder?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<CachedWeights> {
  const source = knownSource(name);
  return verifyFile(source, placesOf(source, folder), signal);
}

export interface RemoveOptions {
  readonly folder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called once where another process is at work on the file; it is waited for. */
  readonly onWait?: (() => void) | undefined;
}

/**
 * Removes the file, a part of it, and all that is noted about them.
 *
 * @returns the paths that were removed; none where nothing was there
 * @throws UsageError for an unknown name; OutputError where the folder may not be written; the signal's reason
 */
export async function removeCached(
  name: string,
  { folder, signal, onWait = () => {} }: RemoveOptions = {},
): Promise<string[]> {
  const places = placesOf(knownSource(name), folder);
  if ((await belongings(places)).length === 0) return [];
  return withLock(places.lock, { signal, onWait }, async () => {
    const paths = await belongings(places);
    for (const path of paths) await refusing(path, () => rm(path, { force: true }));
    return paths;
  });
}
