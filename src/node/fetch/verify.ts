// Whether a file of the cache is what its name says.

import { stat } from 'node:fs/promises';
import { OutputError, WeightsError } from '../../errors.js';
import { type Claim, contradiction, describeClaim, pinnedClaims, STRUCTURE } from './claims.js';
import { hashFile } from './hash.js';
import type { KnownSource, SourceName } from './manifest.js';
import type { Places } from './places.js';
import { readSidecar, type Sidecar, writeSidecar } from './sidecar.js';
import { misfit } from './structure.js';

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
export async function verifyFile(
  source: KnownSource,
  places: Places,
  signal?: AbortSignal,
): Promise<CachedWeights> {
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
