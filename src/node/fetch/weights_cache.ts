// The folder of downloaded weights: where each file lies, whether it is what its name says, what was noted when it was
// verified. Behind `vgg16 weights list`, `path`, `verify` and `rm`.
//
//   FILE             whole and verified, or put there by hand
//   FILE.json        the sidecar: when and against what FILE was verified
//   FILE.part        the beginning of a download, with FILE.part.json beside it (part.ts)
//   FILE.lock        there while one process works on any of these (lock.ts)

import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { IMAGENET_CLASSES } from '../../architecture.js';
import { OutputError, WeightsError } from '../../errors.js';
import { describeVgg16 } from '../../weights/vgg16.js';
import { writeAtomically } from '../atomic_file.js';
import { cacheFolder } from '../cache.js';
import { makeFolders, refusing } from '../disk.js';
import { openWeightsPath } from '../weights/open_path.js';
import { type Claim, contradiction, describeClaim, hashFile, pinnedClaims, STRUCTURE } from './claims.js';
import { withLock } from './lock.js';
import { KNOWN_SOURCES, type KnownSource, knownSource, type SourceName } from './manifest.js';

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

interface RemoveOptions {
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

// Verifying: whether a file of the cache is what its name says.

/** Weights that are in the cache and were verified. */
export interface CachedWeights {
  readonly name: SourceName;
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** What it was verified against: "size", "structure", "SHA-256 from its publisher". */
  readonly checked: readonly string[];
}

/**
 * The file if it is there. One that was not verified before, such as one that was put there by hand, is hashed first,
 * which takes a second or two.
 *
 * @returns undefined where there is no such file
 * @throws WeightsError where it is not what its publisher says, or not what it was when it was verified
 */
export async function usableFile(
  source: KnownSource,
  places: Places,
  signal?: AbortSignal,
): Promise<CachedWeights | undefined> {
  const found = await statFile(places.file);
  if (!found) return undefined;
  const noted = await readSidecar(places);
  if (noted && noted.size === found.size && noted.mtimeMs === found.mtimeMs) {
    return { name: source.name, path: places.file, ...pick(noted) };
  }
  return verifyFile(source, places, signal);
}

/**
 * Hashes the file, whatever was noted about it, opens it where its publisher states no hash, and notes that it is well.
 *
 * @throws WeightsError where it is missing, or not what it should be
 */
async function verifyFile(source: KnownSource, places: Places, signal?: AbortSignal): Promise<CachedWeights> {
  const { file } = places;
  const found = await statFile(file);
  if (!found)
    throw new WeightsError(`${file}: no such file; vgg16 weights fetch ${source.name} downloads it`);
  const noted = await readSidecar(places);
  const earlier: Claim[] = noted
    ? [{ algorithm: 'sha256', hex: noted.sha256, by: `the check of ${noted.verified}` }]
    : [];
  const pinned = pinnedClaims(source);
  const hashes = await hashFile(file, { md5: source.md5 !== undefined, signal });
  const wrong =
    contradiction([...pinned, ...earlier], hashes) ??
    (pinned.length === 0 ? await misfit(file, source) : undefined);
  if (wrong) {
    const remedy = `vgg16 weights rm ${source.name} removes it`;
    throw new WeightsError(`${file}: damaged, or not the file that it is called: its ${wrong}; ${remedy}`);
  }
  const { size, sha256 } = hashes;
  const checked = noted?.checked ?? (pinned.length > 0 ? pinned.map(describeClaim) : [STRUCTURE]);
  const verified = new Date().toISOString();
  await noteWherePossible(places, {
    source: source.name,
    url: noted?.url,
    size,
    mtimeMs: found.mtimeMs,
    sha256,
    checked,
    verified,
  });
  return { name: source.name, path: file, size, sha256, checked };
}

/** @throws WeightsError for what is no file, or may not be looked at */
export async function statFile(path: string): Promise<{ size: number; mtimeMs: number } | undefined> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new WeightsError(`${path}: not a file`);
    return { size: found.size, mtimeMs: found.mtimeMs };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof WeightsError) throw error;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new WeightsError(`${path}: ${message}`, { cause: error });
  }
}

/** In a folder that may only be read, a file is good without a note beside it; it is hashed again the next time. */
async function noteWherePossible(places: Places, sidecar: Sidecar): Promise<void> {
  try {
    await writeSidecar(places, sidecar);
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
  }
}

function pick({ size, sha256, checked }: Sidecar): Pick<Sidecar, 'size' | 'sha256' | 'checked'> {
  return { size, sha256, checked };
}

/**
 * For a file whose publisher states no hash: what is wrong with it, in words without its path; undefined for a VGG16 with ImageNet's classes, or, where the
 * source has none, without a classifier. Opens the file and reads no tensor.
 */
export async function misfit(path: string, { top }: KnownSource): Promise<string | undefined> {
  try {
    const source = await openWeightsPath(path);
    try {
      const outputs = describeVgg16(source).dense.at(-1)?.outputs ?? 0;
      if (outputs === (top ? IMAGENET_CLASSES : 0)) return undefined;
      return `classifier should ${top ? `have ${IMAGENET_CLASSES} outputs` : 'be absent'}, but has ${outputs} outputs`;
    } finally {
      await source.close();
    }
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    return `content is no VGG16: ${error.message.replaceAll(`${path}: `, '')}`;
  }
}

/** What is noted beside a verified file, so that it need not be hashed again before each use. */
interface Sidecar {
  readonly source: string;
  /** Where it was downloaded from, without password and query; absent for a file that was put there by hand. */
  readonly url?: string | undefined;
  readonly size: number;
  /** Of the file when it was verified: with another time of change it is taken for another file. */
  readonly mtimeMs: number;
  readonly sha256: string;
  /** What it was verified against: "size", "structure", "SHA-256 from X-Linked-ETag". */
  readonly checked: readonly string[];
  /** When, as ISO 8601. */
  readonly verified: string;
}

/** Undefined where there is none, or none that makes sense: then the file is verified again. */
async function readSidecar({ sidecar }: Places): Promise<Sidecar | undefined> {
  try {
    const value = JSON.parse(await readFile(sidecar, 'utf8')) as Sidecar;
    const { size, mtimeMs, sha256, checked, verified } = value;
    const makesSense =
      [size, mtimeMs].every(Number.isFinite) &&
      /^[0-9a-f]{64}$/.test(sha256) &&
      checked.every((text) => typeof text === 'string') &&
      typeof verified === 'string';
    return makesSense ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @throws OutputError */
export async function writeSidecar({ sidecar }: Places, value: Sidecar): Promise<void> {
  await writeAtomically(sidecar, (append) => append(Buffer.from(`${JSON.stringify(value, null, 2)}\n`)));
}

/** Paths of one weights file and of what lies beside it. */
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
async function belongings({ folder, file, lock }: Places): Promise<string[]> {
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
