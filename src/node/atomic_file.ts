// A file appears whole or not at all: whoever opens it under its name never sees half of it, not even after a crash.

import { access, constants, type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OutputError } from '../errors.js';
import { refusing, syncFolder } from './disk.js';
import { removeLeftovers, temporaryName } from './temporary.js';

/** Appends bytes to the file. The bytes may be changed again once the promise is fulfilled. */
export type Append = (bytes: Uint8Array) => Promise<void>;

/** Writes over bytes that were appended before: for a header whose numbers become known last. */
export type Overwrite = (position: number, bytes: Uint8Array) => Promise<void>;

/**
 * Writes a file under a temporary name in the same folder, syncs it, and renames it over `path`, which may exist.
 * Whatever fails, in here or in `produce`, the temporary file is removed and `path` is as it was. A folder that is
 * missing or may not be written is found out before `produce` is called. What killed processes left in it goes.
 *
 * @throws OutputError where the disk or the permissions refuse; errors of `produce` itself pass through
 */
export async function writeAtomically(
  path: string,
  produce: (append: Append, overwrite: Overwrite) => Promise<void>,
): Promise<void> {
  await refuseUnlessFile(path);
  await removeLeftovers(dirname(path));
  const temporary = temporaryName(path);
  const file = await refusing(path, () => open(temporary, 'wx'));
  try {
    try {
      let end = 0;
      const append: Append = async (bytes) => {
        await refusing(path, () => writeAll(file, bytes, end));
        end += bytes.length;
      };
      await produce(append, (position, bytes) => refusing(path, () => writeAll(file, bytes, position)));
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

/** Whether `writeAtomically` could begin, told before there is anything to write. @throws OutputError as it does */
export async function checkWritable(path: string): Promise<void> {
  await refuseUnlessFile(path);
  await refusing(path, () => access(dirname(path), constants.W_OK));
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** Renaming over a device such as /dev/null would replace it for everybody. */
async function refuseUnlessFile(path: string): Promise<void> {
  const existing = await refusing(path, () => stat(path).catch(ignoreMissing));
  if (existing?.isDirectory()) throw new OutputError(`cannot write ${path}: it is a folder`);
  if (existing && !existing.isFile()) throw new OutputError(`cannot write ${path}: it is not a regular file`);
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
