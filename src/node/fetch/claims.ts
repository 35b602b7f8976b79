// Hashes of a weights file: those that are claimed (by us, by a server, by an earlier check) and those of the bytes on
// the disk.

import { createHash } from 'node:crypto';
import { asWeightsError } from '../../weights/file.js';
import { openFile } from '../files.js';
import type { KnownSource } from './manifest.js';

export interface Claim {
  readonly algorithm: Algorithm;
  /** Lower-case hex; fewer digits than the algorithm has claim only how it begins. */
  readonly hex: string;
  /** Who says so: "the manifest", "X-Linked-ETag". */
  readonly by: string;
}

const TITLES: Readonly<Record<Algorithm, string>> = { sha256: 'SHA-256', md5: 'MD5' };
const DIGITS: Readonly<Record<Algorithm, number>> = { sha256: 64, md5: 32 };

/** What is known of a file without asking any server. */
export function pinnedClaims({ sha256Prefix, md5 }: KnownSource): Claim[] {
  const claims: Claim[] = [];
  if (sha256Prefix) claims.push({ algorithm: 'sha256', hex: sha256Prefix, by: 'its publisher' });
  if (md5) claims.push({ algorithm: 'md5', hex: md5, by: 'its publisher' });
  return claims;
}

/** What the first claim that is wrong expected and what was found, in words; undefined where all are right. */
export function contradiction(claims: readonly Claim[], hashes: Hashes): string | undefined {
  for (const { algorithm, hex, by } of claims) {
    const found = hashes[algorithm];
    if (found === undefined || !found.startsWith(hex)) {
      return `${TITLES[algorithm]} ${expected(algorithm, hex)} according to ${by}, but is ${found ?? 'unknown'}`;
    }
  }
  return undefined;
}

/** Two claims that cannot both be right, in words. */
export function conflict(claims: readonly Claim[]): string | undefined {
  for (const algorithm of ALGORITHMS) {
    const [longest, ...others] = claims
      .filter((claim) => claim.algorithm === algorithm)
      .sort((a, b) => b.hex.length - a.hex.length);
    const other = others.find(({ hex }) => !longest!.hex.startsWith(hex));
    if (longest && other) {
      const title = TITLES[algorithm];
      return `${title} ${expected(algorithm, other.hex)} according to ${other.by}, but is ${longest.hex} according to ${longest.by}`;
    }
  }
  return undefined;
}

/** What a file can be checked for where nobody states its hash: see `isHashKnown`. */
export const SIZE = 'size';
export const STRUCTURE = 'structure';

/** Whether a file was checked against any hash, rather than its size and structure alone. */
export function isHashKnown(checked: readonly string[]): boolean {
  return checked.some((what) => what !== SIZE && what !== STRUCTURE);
}

/** What a file was checked against, for people: "SHA-256 from its publisher". */
export function describeClaim({ algorithm, by }: Claim): string {
  return `${TITLES[algorithm]} from ${by}`;
}

function expected(algorithm: Algorithm, hex: string): string {
  return hex.length < DIGITS[algorithm] ? `should begin with ${hex}` : `should be ${hex}`;
}

/** For claims out of a file that may have been damaged. */
export function isClaim(value: unknown): value is Claim {
  const { algorithm, hex, by } = (value ?? {}) as Partial<Record<keyof Claim, unknown>>;
  return (
    ALGORITHMS.some((known) => known === algorithm) &&
    typeof hex === 'string' &&
    /^[0-9a-f]{8,64}$/.test(hex) &&
    typeof by === 'string'
  );
}

const CHUNK = 8 * 2 ** 20;

const ALGORITHMS = ['sha256', 'md5'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** Lower-case hex; SHA-256 always, MD5 where it was asked for. */
export interface Hashes {
  readonly size: number;
  readonly sha256: string;
  readonly md5?: string | undefined;
}

interface HashOptions {
  /** MD5 too: it takes longer than SHA-256 on most processors. */
  readonly md5: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** @throws WeightsError for a file that is missing or cannot be read; the signal's reason */
export async function hashFile(path: string, { md5, signal }: HashOptions): Promise<Hashes> {
  const file = await openFile(path);
  try {
    const hashes = { sha256: createHash('sha256'), md5: md5 ? createHash('md5') : undefined };
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, file.size));
    for (let position = 0; position < file.size; ) {
      signal?.throwIfAborted();
      const chunk = buffer.subarray(0, Math.min(CHUNK, file.size - position));
      await file.read(position, chunk);
      hashes.sha256.update(chunk);
      hashes.md5?.update(chunk);
      position += chunk.length;
    }
    return { size: file.size, sha256: hashes.sha256.digest('hex'), md5: hashes.md5?.digest('hex') };
  } catch (error) {
    throw asWeightsError(path, error);
  } finally {
    await file.close();
  }
}
