// Which pictures are meant by what stands on a command line: files, folders, globs.

import { realpath, stat } from 'node:fs/promises';
import { extname, isAbsolute, join } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { PictureError } from '../errors.js';
import { PICTURE_EXTENSIONS } from './decode.js';

/**
 * The files that `names` stand for, each once, where it is named first, whatever links lead to it.
 *
 * A file is taken whatever its name. A folder stands for the pictures in it and in its subfolders, a glob for the
 * pictures it matches: files with one of PICTURE_EXTENSIONS in upper or lower case, in the order of their paths. Files
 * and folders that begin with a dot are left out unless the glob says the dot. What exists is no glob, so that
 * `photo[1].jpg` is found.
 *
 * @param onError  told of each name that stands for nothing
 * @returns paths, relative where the name was
 */
export async function listPictures(
  names: readonly string[],
  onError: (error: PictureError) => void,
): Promise<string[]> {
  const found = new Map<string, string>();
  for (const name of names) {
    try {
      for (const path of await expand(name)) {
        const file = await realpath(path).catch(() => path);
        if (!found.has(file)) found.set(file, path);
      }
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      onError(error);
    }
  }
  return [...found.values()];
}

async function expand(name: string): Promise<string[]> {
  const kind = await kindOf(name);
  if (kind === 'file') return [name];
  if (kind === 'folder') {
    const inside = await picturesMatching('**/*', name);
    if (inside.length === 0)
      throw new PictureError(`${name}: this folder has no picture (looked for ${EXTENSIONS})`);
    return inside.map((path) => join(name, path));
  }
  if (!isDynamicPattern(name)) {
    throw new PictureError(`${name || 'the picture with an empty path'} does not exist`);
  }
  const matching = await picturesMatching(name);
  if (matching.length === 0) throw new PictureError(`${name}: no picture matches (looked for ${EXTENSIONS})`);
  return matching;
}

const EXTENSIONS = [...PICTURE_EXTENSIONS].map((extension) => `.${extension}`).join(' ');

async function picturesMatching(pattern: string, cwd = process.cwd()): Promise<string[]> {
  const paths = await glob(pattern, { cwd, absolute: isAbsolute(pattern), expandDirectories: false });
  return paths.filter((path) => PICTURE_EXTENSIONS.has(extname(path).slice(1).toLowerCase())).sort();
}

/** Whatever is there and is no folder counts as a file: reading it tells more than could be told here. */
async function kindOf(path: string): Promise<'file' | 'folder' | 'nothing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'nothing' : 'file';
  }
}
