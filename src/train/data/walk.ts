// Names in folders, without those that no person put there as pictures. One call a folder, none a file.

import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../errors.js';
import { byCodePoints } from './words.js';

/** What systems and tools leave behind, some of it full of thumbnails; in lower case. Names with a dot first are left out too. */
const LEFT_BEHIND: ReadonlySet<string> = new Set([
  ...['__macosx', 'icon\r'],
  ...['thumbs.db', 'ehthumbs.db', 'desktop.ini', '$recycle.bin', 'system volume information'],
  ...['@eadir', '#recycle', 'lost+found', '__pycache__'],
]);

export interface FolderEntries {
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/**
 * What lies in a folder, sorted. Links count as what they lead to, one that leads nowhere as a file, so that whoever
 * reads it says so. Pipes and devices are left out: reading one may never end.
 *
 * @throws UsageError where the folder may not be read
 */
export async function listFolder(path: string): Promise<FolderEntries> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    const isDenied = error.code === 'EACCES' || error.code === 'EPERM';
    const fault = isDenied ? 'may not be read: permission denied' : `cannot be read (${error.code})`;
    throw new UsageError(`the folder ${path} ${fault}`, { cause: error });
  });
  const folders: string[] = [];
  const files: string[] = [];
  for (const entry of entries) {
    const { name } = entry;
    if (name.startsWith('.') || LEFT_BEHIND.has(name.toLowerCase())) continue;
    const target = entry.isSymbolicLink() ? await stat(join(path, name)).catch(() => undefined) : entry;
    if (target?.isDirectory()) folders.push(name);
    else if (!target || target.isFile()) files.push(name);
  }
  return { folders: folders.sort(byCodePoints), files: files.sort() };
}

/**
 * The files in a folder and its subfolders, as paths below it with forward slashes.
 *
 * @param seen  real paths of folders that are not to be entered (again); grows, so that no circle of links is followed
 * @throws as `listFolder`; the signal's reason
 */
export async function* filesBelow(
  path: string,
  seen: Set<string>,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  signal?.throwIfAborted();
  const real = await realpath(path);
  if (seen.has(real)) return;
  seen.add(real);
  const { folders, files } = await listFolder(path);
  yield* files;
  for (const folder of folders) {
    for await (const file of filesBelow(join(path, folder), seen, signal)) yield `${folder}/${file}`;
  }
}
