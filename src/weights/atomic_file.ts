// A file appears whole or not at all: whoever opens it under its name never sees half of it, not even after a crash.

import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OutputError } from '../errors.js';

/** Appends bytes to the file. The bytes may be changed again once the promise is fulfilled. */
export type Append = (bytes: Uint8Array) => Promise<void>;

/**
 * Writes a file under a temporary name in the same folder, syncs it, and renames it over `path`, which may exist.
 * Whatever fails, in here or in `produce`, the temporary file is removed and `path` is as it was.
 *
 * @throws OutputError where the disk or the permissions refuse; errors of `produce` itself pass through
 */
export async function writeAtomically(
  path: string,
  produce: (append: Append) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.tmp-${process.pid}-${randomBytes(4).toString('hex')}`;
  const file = await refusing(path, () => open(temporary, 'wx'));
  try {
    try {
      await produce((bytes) => refusing(path, () => appendAll(file, bytes)));
      await refusing(path, () => file.sync());
    } finally {
      await refusing(path, () => file.close());
    }
    await refusing(path, () => rename(temporary, path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await refusing(path, () => syncFolder(dirname(path)));
}

async function appendAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += (await file.write(bytes, written, bytes.length - written)).bytesWritten;
  }
}

/** Makes the new name itself durable. Windows has no such call for folders. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function refusing<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new OutputError(`cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}
