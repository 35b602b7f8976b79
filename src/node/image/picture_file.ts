// Picture files, read whole: only regular files, and none that is too large.

import { PictureError } from '../../errors.js';
import { isUrl } from '../../realm.js';
import { openRegular } from '../disk.js';
import { MemoryGate } from './memory.js';

/** The largest picture file in bytes: 512 MiB, more than a scan of 80 million pixels with 16 bits needs uncompressed. */
export const LARGEST_FILE = 2 ** 29;

/** Files whose bytes are held together need no more than the largest alone. */
const gate = new MemoryGate(LARGEST_FILE);

/** What went wrong, for the errors of the system that users meet. */
const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'may not be read: permission denied',
  EPERM: 'may not be read: permission denied',
  ERR_ACCESS_DENIED: "may not be read: Node's permission model forbids it",
  EMFILE: 'cannot be read: too many files are open; allow more (ulimit -n)',
  ENFILE: 'cannot be read: too many files are open in the system',
  ELOOP: 'cannot be read: its links lead in a circle',
};

/**
 * Gives `use` the bytes of a picture file, which are held only as long as it works.
 *
 * @param name  what messages call the picture
 * @throws PictureError for what is missing, may not be read, is no regular file or is too large; errors of `use`
 */
export async function withPictureFile<Result>(
  path: string | URL,
  name: string,
  use: (bytes: Uint8Array) => Promise<Result>,
): Promise<Result> {
  const file = await reading(name, () => openRegular(path));
  let isOpen = true;
  const close = async () => {
    if (isOpen) await file.close();
    isOpen = false;
  };
  try {
    const { size } = await reading(name, () => file.stat());
    if (size > LARGEST_FILE) {
      const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
      throw new PictureError(
        `${name} is too large: the file has ${mebibytes(size)}, the limit is ${mebibytes(LARGEST_FILE)}; scale it down`,
      );
    }
    return await gate.during(size, async () => {
      const bytes = new Uint8Array(size);
      let length = 0;
      while (length < size) {
        const { bytesRead } = await reading(name, () => file.read(bytes, length, size - length));
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      await close();
      return await use(bytes.subarray(0, length));
    });
  } finally {
    await close();
  }
}

/** @throws PictureError for what leads to no file, whatever the file system says */
export function checkPath(input: unknown, name: string): string | URL {
  if (typeof input !== 'string' && !isUrl(input)) {
    throw new PictureError(`${name} must be a path, a file URL, a Uint8Array or {width, height, data}`);
  }
  const protocol = isUrl(input) ? input.protocol : (/^[a-z]+:(?=\/\/)/i.exec(input)?.[0] ?? 'file:');
  if (protocol !== 'file:') {
    throw new PictureError(`${name} is a web address; download the picture and give its path`);
  }
  return input;
}

/** Errors of the system, in words. */
async function reading<Result>(name: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    const { code, kind } = error as NodeJS.ErrnoException & { readonly kind?: string };
    const fault = kind
      ? `is ${kind}, not a picture file`
      : ((code && READ_FAULTS[code]) ?? `cannot be read (${code})`);
    throw new PictureError(`${name} ${fault}`, { cause: error });
  }
}
