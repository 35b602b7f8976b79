// One file of a data set: can it be decoded, and is it what its name says? And what can be wrong with a data set at all.

import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { PictureError } from '../../errors.js';
import type { Size } from '../../image/resize.js';
import { decodableFormat, describeBytes } from '../../image/sniff.js';
import type { Part } from '../../train/dataset.js';
import { openRegular } from '../disk.js';
import { decode } from '../image/decode.js';
import { withPictureFile } from '../image/picture_file.js';

/** How bad each kind is: training cannot begin, a picture is left out, or all are used, well or not so well. */
export const SEVERITIES = {
  structure: 'fault',
  refused: 'fault',
  unreadable: 'broken',
  empty: 'broken',
  damaged: 'broken',
  'too-large': 'broken',
  'not-a-picture': 'broken',
  contradiction: 'warning',
  leak: 'warning',
  duplicate: 'warning',
  extension: 'warning',
  tiny: 'warning',
  oblong: 'warning',
  stray: 'warning',
  other: 'warning',
} as const satisfies Record<string, 'fault' | 'broken' | 'warning'>;

export type ProblemKind = keyof typeof SEVERITIES;

export interface Problem {
  readonly kind: ProblemKind;
  /** Below the data set's folder, with forward slashes; the data set's name for what is wrong with its structure. */
  readonly path: string;
  /** What is wrong, said of the file. */
  readonly reason: string;
}

/** A picture by its name, and where it belongs. */
export interface PlacedFile {
  readonly path: string;
  readonly part: Part;
  readonly className: string;
}

export interface Examined {
  readonly problem?: Problem;
  /** Of a picture that can be used: what tells its bytes from any other's. */
  readonly digest?: string;
  /** Of a picture that can be used. */
  readonly size?: Size;
}

/** Of a SHA-256, enough that among 10^9 pictures two different ones are taken for the same once in 10^20 times. */
const DIGEST_BYTES = 16;

/** Bytes that tell what a file is. */
const HEAD_BYTES = 256;

/**
 * Decodes a picture.
 *
 * @param path  what a problem calls it
 * @param place  where it is
 */
export async function examine(path: string, place: string): Promise<Examined> {
  let head: Uint8Array | undefined;
  const work = async (bytes: Uint8Array): Promise<Examined> => {
    head = bytes.subarray(0, HEAD_BYTES);
    const { width, height } = await decode(bytes, 'it');
    const size = { width, height };
    const digest = createHash('sha256').update(bytes).digest().toString('latin1', 0, DIGEST_BYTES);
    const format = decodableFormat(bytes);
    if (format === undefined || EXTENSIONS[format]!.includes(extensionOf(path))) return { digest, size };
    return { digest, size, problem: { kind: 'extension', path, reason: `it is a ${format}` } };
  };
  try {
    return await withPictureFile(place, 'it', work);
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    return { problem: { kind: kindOf(head, error), path, reason: error.message } };
  }
}

function kindOf(bytes: Uint8Array | undefined, { message }: PictureError): ProblemKind {
  if (message.startsWith('it is too large')) return 'too-large';
  if (!bytes) return 'unreadable';
  if (bytes.length === 0) return 'empty';
  return decodableFormat(bytes) ? 'damaged' : 'not-a-picture';
}

/** By the format that the first bytes tell. */
const EXTENSIONS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  JPEG: ['jpg', 'jpeg', 'jpe', 'jfif'],
  PNG: ['png'],
  GIF: ['gif'],
  WebP: ['webp'],
  TIFF: ['tif', 'tiff'],
  AVIF: ['avif'],
};

function extensionOf(path: string): string {
  return extname(path).slice(1).toLowerCase();
}

/** Says what a file is whose name is no picture's; arguments as those of `examine`. */
export async function examineOther(path: string, place: string): Promise<Problem> {
  const bytes = await headOf(place).catch((error: NodeJS.ErrnoException) => error.code);
  const other = (reason: string): Problem => ({ kind: 'other', path, reason });
  if (!(bytes instanceof Uint8Array)) return other(`it cannot be read (${bytes})`);
  if (bytes.length === 0) return other('it is empty (0 bytes)');
  const format = decodableFormat(bytes);
  if (!format) return other(`it is ${describeBytes(bytes)}`);
  return other(`it is a ${format}: were it called .${EXTENSIONS[format]![0]}, it would be used`);
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await openRegular(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
