// What the disk refuses, in words; what may be read without waiting; and how a new name is made to last.

import type { Stats } from 'node:fs';
import { constants, type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OutputError } from '../errors.js';

/** In words, the refusals that users meet. */
const REFUSALS: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'its folder is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than is allowed',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many files are open; allow more (ulimit -n)',
  ERR_ACCESS_DENIED: "Node's permission model forbids it",
};

/** What the system refuses becomes an OutputError that names `path`; anything else passes through. */
export async function refusing<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const isRefusal = error instanceof Error && ('syscall' in error || code === 'ERR_ACCESS_DENIED');
    if (!isRefusal) throw error;
    throw new OutputError(`cannot write ${path}: ${REFUSALS[code] ?? message}`, { cause: error });
  }
}

/** What a path leads to that is no regular file. */
export class NotAFile extends Error {
  /** @param kind  with its article: `a folder` */
  constructor(readonly kind: string) {
    super(`it is ${kind}, not a file`);
  }
}

/**
 * Opens a regular file for reading. Nothing else, for a FIFO waits for its other end, perhaps for ever, and a device may
 * never end.
 *
 * @throws NotAFile; the system's error
 */
export async function openRegular(path: string | URL): Promise<FileHandle> {
  const refuse = (found: Stats) => {
    if (!found.isFile()) throw new NotAFile(kindOf(found));
  };
  // Before it is opened, which some devices take for a command.
  refuse(await stat(path));
  // Should it have become a FIFO since, opening it does not wait. Windows has no such flag, and no FIFOs among files.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    refuse(await file.stat());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The bytes of a regular file. @throws as `openRegular` */
export async function readRegular(path: string): Promise<Buffer> {
  const file = await openRegular(path);
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a FIFO';
  return found.isSocket() ? 'a socket' : 'a device';
}

/**
 * Makes a folder and those above it, where they are not there.
 *
 * Node's own `recursive` asks for ever where the system says that the folder above does not exist though it does, as /proc
 * and automounted folders do (tried with Node 20).
 *
 * @throws the system's error
 */
export async function makeFolders(path: string): Promise<void> {
  const make = () =>
    mkdir(path).catch(async (error) => {
      if (error.code !== 'EEXIST' || !(await isFolder(path))) throw error;
    });
  try {
    await make();
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
    if (!(await isFolder(parent))) await makeFolders(parent);
    await make();
  }
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Makes a new name in the folder durable. Windows has no such call for folders. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
