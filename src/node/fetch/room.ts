// Whether a download will fit on the disk.

import { statfs } from 'node:fs/promises';
import { OutputError } from '../../errors.js';
import { refusing } from '../disk.js';

/** @throws OutputError where the disk of `path`'s folder is known to have less than `bytes` left */
export async function refuseUnlessFits(path: string, folder: string, bytes: number): Promise<void> {
  const { bavail, blocks, bsize } = await refusing(path, () => statfs(folder));
  // Some network file systems say that they have no blocks at all.
  if (blocks === 0 || bavail * bsize >= bytes) return;
  const [needed, free] = [bytes, bavail * bsize].map((count) => (count / 1e6).toFixed(1));
  throw new OutputError(`cannot write ${path}: ${needed} MB are needed, and ${free} MB are free on the disk`);
}
