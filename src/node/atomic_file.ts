// A file appears whole or not at all: whoever opens it under its name never sees half of it, not even after a crash.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { access, constants, type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { OutputError } from '../errors.js';
import { refusing, syncFolder } from './disk.js';

/** Bytes after which a file that is still being written is synced. */
const SYNC_BYTES = 64 * 2 ** 20;

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
      let synced = 0;
      let syncing: Promise<void> | undefined;
      let failure: unknown;
      const append: Append = async (bytes) => {
        await refusing(path, () => writeAll(file, bytes, end));
        end += bytes.length;
        if (syncing || end - synced < SYNC_BYTES) return;
        // The disk works while the next bytes are produced. The system tells a failure only once: it is kept for the end.
        synced = end;
        syncing = file
          .datasync()
          .catch((error: unknown) => {
            failure ??= error;
          })
          .finally(() => {
            syncing = undefined;
          });
      };
      try {
        await produce(append, (position, bytes) => refusing(path, () => writeAll(file, bytes, position)));
      } finally {
        await syncing;
      }
      await refusing(path, async () => {
        if (failure !== undefined) throw failure;
        await file.sync();
      });
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

// Files under temporary names: how they are called, and how those of killed processes go.

/** `NAME.tmp-PID-SYSTEM-RANDOM`; before SYSTEM was told, `NAME.tmp-PID-RANDOM`. */
const TEMPORARY = /\.tmp-(\d+)(?:-([0-9a-f]{8}))?-[0-9a-f]{8}$/;

/** Where it cannot be asked whether its writer lives, a file must have been left alone for so long to be taken for junk. */
const A_DAY = 24 * 3600 * 1000;

/** A name beside `path` that no other process or thread uses. */
function temporaryName(path: string): string {
  return `${path}.tmp-${process.pid}-${system()}-${randomBytes(4).toString('hex')}`;
}

let known: string | undefined;

/**
 * Where process numbers mean the same processes: on the same host, since the same start, and in the same container, for
 * every container has a process 1.
 */
function system(): string {
  const asked = (ask: () => string) => {
    try {
      return ask();
    } catch {
      return ''; // Only Linux has it.
    }
  };
  known ??= createHash('sha256')
    .update(hostname())
    .update(asked(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')))
    .update(asked(() => readlinkSync('/proc/self/ns/pid')))
    .digest('hex')
    .slice(0, 8);
  return known;
}

/** Removes from a folder what killed processes were writing there. Never fails. */
async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const path = join(folder, name);
    const temporary = TEMPORARY.exec(name);
    if (temporary && (await isLeft(path, Number(temporary[1]), temporary[2])))
      await rm(path, { force: true }).catch(() => {});
  }
}

async function isLeft(path: string, pid: number, writtenOn: string | undefined): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return false;
  if (writtenOn === system()) return !isRunning(pid);
  return Date.now() - found.mtimeMs > A_DAY;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'; // EPERM: it is somebody else's
  }
}
