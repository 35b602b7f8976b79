// What is noted beside a verified file, so that it need not be hashed again before each use.

import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../atomic_file.js';
import type { Places } from './places.js';

export interface Sidecar {
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
export async function readSidecar({ sidecar }: Places): Promise<Sidecar | undefined> {
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
