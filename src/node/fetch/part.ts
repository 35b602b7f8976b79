// The beginning of a file that is being downloaded, kept from one attempt, and one process, to the next.
//
// What is noted about it is on the disk before its first byte is, and it is removed before that changes: so a part
// that has a note beside it holds bytes of that version of the file and no other.

import { open, readFile, rm, stat, statfs } from 'node:fs/promises';
import { OutputError } from '../../errors.js';
import { writeAtomically } from '../atomic_file.js';
import { refusing } from '../disk.js';
import { type Claim, isClaim } from './claims.js';
import { isValidator } from './http.js';
import type { Places } from './weights_cache.js';

export interface PartState {
  /** Without password and query. */
  readonly url: string;
  /** An ETag or a date, for If-Range. Without one the download cannot be resumed. */
  readonly validator?: string | undefined;
  /** Bytes of the whole file, where the server said so. */
  readonly total?: number | undefined;
  /** What the server said about the hash of the whole file. */
  readonly claims: readonly Claim[];
}

export interface Part {
  readonly size: number;
  readonly state: PartState;
}

/** What there is of the file at `url`; undefined where nothing is, or what is cannot be gone on with. */
export async function readPart({ part, partState }: Places, url: string): Promise<Part | undefined> {
  const state = await readFile(partState, 'utf8').then(parseState, () => undefined);
  const size = await stat(part).then(
    (file) => (file.isFile() ? file.size : undefined),
    () => undefined,
  );
  if (!state || size === undefined || state.url !== url) return undefined;
  return size > (state.total ?? size) ? undefined : { size, state };
}

/** Forgets what there is and begins a part of no bytes. */
export async function beginPart(places: Places, state: PartState): Promise<void> {
  await discardPart(places);
  await notePart(places, state);
  await refusing(places.part, async () => (await open(places.part, 'wx')).close());
}

/** Notes what has become known of the same version of the file. */
export async function notePart({ partState }: Places, state: PartState): Promise<void> {
  await writeAtomically(partState, (append) => append(Buffer.from(`${JSON.stringify(state)}\n`)));
}

export async function discardPart({ part, partState }: Places): Promise<void> {
  await refusing(part, () => rm(part, { force: true }));
  await refusing(partState, () => rm(partState, { force: true }));
}

/** Appends to a part that ends at byte `position`. `write` returns where it ends then. Synced when it is closed. */
export async function openPart({ part }: Places, position: number) {
  const file = await refusing(part, () => open(part, 'r+'));
  let end = position;
  return {
    async write(bytes: Uint8Array): Promise<number> {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await refusing(part, () =>
          file.write(bytes, done, bytes.length - done, end),
        );
        done += bytesWritten;
        end += bytesWritten;
      }
      return end;
    },
    async close(): Promise<void> {
      try {
        await refusing(part, () => file.sync());
      } finally {
        await file.close();
      }
    },
  };
}

function parseState(text: string): PartState | undefined {
  try {
    const { url, validator, total, claims } = JSON.parse(text) as Partial<Record<keyof PartState, unknown>>;
    const isState =
      typeof url === 'string' &&
      (validator === undefined || isValidator(validator)) &&
      (total === undefined || Number.isSafeInteger(total)) &&
      Array.isArray(claims) &&
      claims.every(isClaim);
    return isState ? (JSON.parse(text) as PartState) : undefined;
  } catch {
    return undefined;
  }
}

/** @throws OutputError where the disk of `path`'s folder is known to have less than `bytes` left */
export async function refuseUnlessFits(path: string, folder: string, bytes: number): Promise<void> {
  const { bavail, blocks, bsize } = await refusing(path, () => statfs(folder));
  // Some network file systems say that they have no blocks at all.
  if (blocks === 0 || bavail * bsize >= bytes) return;
  const [needed, free] = [bytes, bavail * bsize].map((count) => (count / 1e6).toFixed(1));
  throw new OutputError(`cannot write ${path}: ${needed} MB are needed, and ${free} MB are free on the disk`);
}
