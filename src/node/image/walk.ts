// The one way in which folders are walked: for pictures to classify, to check, to train on and to evaluate.

import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { UsageError } from '../../errors.js';
import { PICTURE_EXTENSIONS } from './decode.js';

/** What systems and tools leave behind, some of it full of thumbnails; in lower case. */
const LEFT_BEHIND: ReadonlySet<string> = new Set([
  ...['__macosx', 'icon\r'],
  ...['thumbs.db', 'ehthumbs.db', 'desktop.ini', '$recycle.bin', 'system volume information'],
  ...['@eadir', '#recycle', 'lost+found', '__pycache__'],
]);

/** Whether no person put a file or folder of this name there as a picture: hidden ones, and what systems leave behind. */
export function isLeftBehind(name: string): boolean {
  return name.startsWith('.') || LEFT_BEHIND.has(name.toLowerCase());
}

/** Whether the name of a file ends as those of pictures do. */
export function isPictureName(file: string): boolean {
  return PICTURE_EXTENSIONS.has(extname(file).slice(1).toLowerCase());
}

/** The order that Python's `sorted` gives, which is that of code points and so of UTF-8; JavaScript's is of UTF-16. */
export function byCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export interface FolderEntries {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Those of the folders that are links. */
  readonly links: ReadonlySet<string>;
}

/**
 * What lies in a folder, sorted, without what `isLeftBehind`. Links count as what they lead to. A link that leads nowhere
 * counts as a file, as pipes and devices do, so that the code that reads it reports it.
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
  const links = new Set<string>();
  for (const entry of entries) {
    const { name } = entry;
    if (isLeftBehind(name)) continue;
    const target = entry.isSymbolicLink() ? await stat(join(path, name)).catch(() => undefined) : entry;
    if (target?.isDirectory()) {
      folders.push(name);
      if (entry.isSymbolicLink()) links.add(name);
    } else files.push(name);
  }
  return { folders: folders.sort(byCodePoints), files: files.sort(), links };
}

export interface WalkOptions {
  /** Told of each folder that may not be read, which is then left out. Without it, the first such folder ends the walk. */
  readonly onError?: ((error: UsageError) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where a walk is. */
interface Place {
  readonly path: string;
  /** The real path. */
  readonly real: string;
  /** Real paths of the folders in which the links lie that led here, outermost first. */
  readonly crossed: readonly string[];
  /** Real paths that were visited since the first of those links; undefined where no link was followed. */
  readonly visited: Set<string> | undefined;
}

/**
 * The files in a folder and its subfolders, as paths below it with forward slashes. A file or folder that several links
 * lead to appears under each of those names. A link is not followed where it leads to a folder that it lies in, which
 * would be a circle; and behind a link each folder is visited once, so that the walk ends however links are tangled.
 *
 * @throws as `listFolder`, unless `onError` is told; the signal's reason
 */
export async function* filesBelow(path: string, options: WalkOptions = {}): AsyncGenerator<string> {
  const real = await realpath(path).catch(() => path);
  yield* walk({ path, real, crossed: [], visited: undefined }, options);
}

async function* walk(place: Place, options: WalkOptions): AsyncGenerator<string> {
  options.signal?.throwIfAborted();
  const { path, real, crossed, visited } = place;
  let entries: FolderEntries;
  try {
    entries = await listFolder(path);
  } catch (error) {
    if (!options.onError || !(error instanceof UsageError)) throw error;
    options.onError(error);
    return;
  }
  yield* entries.files;
  for (const folder of entries.folders) {
    const below = join(path, folder);
    let next: Place = { ...place, path: below, real: join(real, folder) };
    if (entries.links.has(folder)) {
      const target = await realpath(below).catch(() => undefined);
      const around = [...crossed, real];
      if (target === undefined || around.some((one) => isWithin(one, target))) continue;
      next = { path: below, real: target, crossed: around, visited: visited ?? new Set() };
    }
    if (next.visited?.has(next.real)) continue;
    next.visited?.add(next.real);
    for await (const file of walk(next, options)) yield `${folder}/${file}`;
  }
}

/** Whether a link in a folder leads to a folder that it lies in. */
export async function leadsBack(folder: string, link: string): Promise<boolean> {
  const target = await realpath(join(folder, link)).catch(() => undefined);
  return target !== undefined && isWithin(await realpath(folder), target);
}

/** Whether a path is a folder, or lies below it. */
function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}
