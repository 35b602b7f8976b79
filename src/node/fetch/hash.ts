// The hashes of a file as it lies on the disk.

import { createHash } from 'node:crypto';
import { asWeightsError, openFile } from '../../weights/file.js';

const CHUNK = 8 * 2 ** 20;

export const ALGORITHMS = ['sha256', 'md5'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** Lower-case hex; SHA-256 always, MD5 where it was asked for. */
export interface Hashes {
  readonly size: number;
  readonly sha256: string;
  readonly md5?: string | undefined;
}

export interface HashOptions {
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
