// What the disk refuses, in words; and how a new name is made to last.

import { open } from 'node:fs/promises';
import { OutputError } from './errors.js';

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
};

/** What the system refuses becomes an OutputError that names `path`; anything else passes through. */
export async function refusing<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new OutputError(`cannot write ${path}: ${REFUSALS[code] ?? message}`, { cause: error });
  }
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
