// Files of the file system, read at random.

import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { WeightsError } from '../errors.js';
import { asWeightsError, FileFault, type RandomAccessFile } from '../weights/file.js';
import { quote } from '../weights/text.js';

/** What one call to the system reads; Linux itself stops at 2 GiB. */
const LARGEST_READ = 2 ** 30;

/** @throws WeightsError for a file that is missing or may not be read, and for what is no file */
export async function openFile(path: string): Promise<RandomAccessFile> {
  try {
    // Asked before it is opened, because opening a pipe would wait for its other end.
    if (!(await stat(path)).isFile()) throw new FileFault('not a file');
    const file = await open(path, 'r');
    const { size } = await file.stat();
    return {
      path,
      size,
      read: (position, target) => readFully(file, target, position),
      close: () => file.close(),
      beside: (name, within) => openBeside(dirname(path), name, within),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new WeightsError(`${path}: no such file`, { cause: error });
    }
    throw asWeightsError(path, error);
  }
}

async function readFully(file: FileHandle, target: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const length = Math.min(target.length - done, LARGEST_READ);
    const { bytesRead } = await file.read(target, done, length, position + done);
    if (bytesRead === 0) throw new FileFault(`the file ends at byte ${position + done}: it was shortened`);
    done += bytesRead;
  }
}

async function openBeside(
  folder: string,
  name: string,
  within: boolean,
): Promise<RandomAccessFile | undefined> {
  const path = join(folder, name);
  try {
    const way = relative(await realpath(folder), await realpath(path));
    if (within && (way.split(sep)[0] === '..' || isAbsolute(way))) {
      throw new FileFault(`${quote(name)} is a link that leads out of its folder`);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  return await openFile(path);
}
