// A file read at random, and what is said when it cannot be: the ground that every format's reader stands on.

import { type FileHandle, open, stat } from 'node:fs/promises';
import { WeightsError } from '../errors.js';

/** What one call to the system reads; Linux itself stops at 2 GiB. */
const LARGEST_READ = 2 ** 30;

/** What is wrong with a file, without its name: whoever knows the path makes a WeightsError of it. */
export class FileFault extends Error {}

/** A file open for reading. Whoever opened it closes it. */
export interface RandomAccessFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /**
   * Fills `target` with the bytes from `position` on. Calls may overlap in time.
   *
   * @throws FileFault where the file ends before `target` is full
   */
  read(position: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

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

/**
 * Faults of the file and refusals of the system become a WeightsError; anything else is a bug and stays one.
 *
 * @param place  the path, and what more is known: `model.pth: tensor "features.0.weight"`
 */
export function asWeightsError(place: string, error: unknown): unknown {
  const isRefusal = error instanceof Error && 'syscall' in error;
  if (!(error instanceof FileFault || isRefusal)) return error;
  return new WeightsError(`${place}: ${error.message}`, { cause: error });
}
