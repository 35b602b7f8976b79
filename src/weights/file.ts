// A file read at random, and what is said when it cannot be: the ground that every format's reader stands on.

import { WeightsError } from '../errors.js';

/** What is wrong with a file, without its name: whoever knows the path makes a WeightsError of it. */
export class FileFault extends Error {}

/** Bytes that are read at any position: a file, or a part of one. */
export interface Bytes {
  /**
   * Fills `target` with the bytes from `position` on. Calls may overlap in time.
   *
   * @throws FileFault where the bytes end before `target` is full
   */
  read(position: number, target: Uint8Array): Promise<void>;
}

/** A file open for reading: on a disk, in a Blob, at a URL. Whoever opened it closes it. */
export interface RandomAccessFile extends Bytes {
  /** For messages; on Node the path. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  close(): Promise<void>;
  /**
   * Opens another file of the same folder; absent where a file comes alone, as a Blob does. Whoever opened it closes it.
   *
   * @param name    relative to the folder, with `/` between its parts
   * @param within  whether a link that leads out of the folder is refused
   * @returns undefined where there is no such file
   * @throws FileFault for a link that leads out; WeightsError for a file that may not be read
   */
  beside?(name: string, within: boolean): Promise<RandomAccessFile | undefined>;
}

/** @throws WeightsError as `beside`; FileFault where a file comes alone */
export async function openBeside(
  file: RandomAccessFile,
  name: string,
  within: boolean,
): Promise<RandomAccessFile | undefined> {
  if (file.beside) return await file.beside(name, within);
  throw new FileFault(
    'it needs other files of its folder, which are not at hand: open it by its path or URL',
  );
}

/** Bytes `[position, position + length)`. @throws FileFault as `read` */
export async function bytesAt(
  file: Bytes,
  position: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await file.read(position, bytes);
  return bytes;
}

/** Numbers within bytes, whatever buffer they lie in. */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** A character for each byte. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  // An argument for each byte: engines allow some ten thousand.
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}

/**
 * Faults of the file and refusals of the system become a WeightsError; anything else is a bug and stays one.
 *
 * @param place  the path, and what more is known: `model.pth: tensor "features.0.weight"`
 */
export function asWeightsError(place: string, error: unknown): unknown {
  const isRefusal = error instanceof Error && 'syscall' in error; // as Node's file system has it
  if (!(error instanceof FileFault || isRefusal)) return error;
  return new WeightsError(`${place}: ${error.message}`, { cause: error });
}
