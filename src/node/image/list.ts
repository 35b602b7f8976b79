// Which pictures are meant by what stands on a command line: files, folders, globs.

import { stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { PictureError } from '../../errors.js';
import { PICTURE_EXTENSIONS } from './decode.js';
import { foreignPictures, foreignText } from './foreign.js';
import { filesBelow, isLeftBehind, isPictureName } from './walk.js';

/**
 * The files that `names` stand for, each path once, where it is named first.
 *
 * A file is taken whatever its name. A folder stands for the pictures in it and in its subfolders, by the same walk as
 * for `vgg16 train`; a glob for the pictures it matches: files with one of PICTURE_EXTENSIONS in upper or lower case, in
 * the order of their paths. Hidden files and what systems leave behind (`isLeftBehind`) are left out unless the glob
 * names them. In a glob, `**` follows no links, as in a shell. What exists is no glob, so that `photo[1].jpg` is found.
 *
 * @param onError  told of each name that stands for nothing, and of each folder that may not be read
 * @param onNote  told of pictures in a folder that are left out because their format cannot be decoded
 * @returns paths, relative where the name was
 */
export async function listPictures(
  names: readonly string[],
  onError: (error: PictureError) => void,
  onNote: (text: string) => void = () => {},
): Promise<string[]> {
  const found = new Map<string, string>();
  for (const name of names) {
    try {
      for (const path of await expand(name, onError, onNote)) {
        const place = resolve(path);
        if (!found.has(place)) found.set(place, path);
      }
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      onError(error);
    }
  }
  return [...found.values()];
}

async function expand(
  name: string,
  onError: (error: PictureError) => void,
  onNote: (text: string) => void,
): Promise<string[]> {
  const kind = await kindOf(name);
  if (kind === 'file') return [name];
  if (kind === 'folder') return picturesBelow(name, onError, onNote);
  if (/^https?:\/\//i.test(name)) {
    throw new PictureError(`${name} is a web address; download the picture and name its file`);
  }
  if (!isDynamicPattern(name)) {
    throw new PictureError(`${name || 'the picture with an empty path'} does not exist`);
  }
  const matching = await picturesMatching(name);
  if (matching.length === 0) throw new PictureError(`${name}: no picture matches (looked for ${EXTENSIONS})`);
  return matching;
}

const EXTENSIONS = [...PICTURE_EXTENSIONS].map((extension) => `.${extension}`).join(' ');

async function picturesBelow(
  folder: string,
  onError: (error: PictureError) => void,
  onNote: (text: string) => void,
): Promise<string[]> {
  const found: string[] = [];
  const others: string[] = [];
  let unreadable = 0;
  const onUnreadable = ({ message }: Error) => {
    unreadable++;
    onError(new PictureError(message));
  };
  for await (const file of filesBelow(folder, { onError: onUnreadable })) {
    (isPictureName(file) ? found : others).push(file);
  }
  const foreign = foreignPictures(others).sort();
  if (found.length === 0 && unreadable === 0) {
    const instead = foreign.length > 0 ? `, only ${foreignText(foreign)}` : '';
    throw new PictureError(`${folder}: this folder has no picture (looked for ${EXTENSIONS})${instead}`);
  }
  if (foreign.length > 0) onNote(`${folder}: left out: ${foreignText(foreign)}`);
  return found.sort().map((file) => join(folder, file));
}

async function picturesMatching(pattern: string): Promise<string[]> {
  const paths = await glob(pattern, {
    absolute: isAbsolute(pattern),
    expandDirectories: false,
    followSymbolicLinks: !pattern.includes('**'),
  });
  const said = new Set(pattern.toLowerCase().split('/'));
  const isMeant = (part: string) =>
    !isLeftBehind(part) || part.startsWith('.') || said.has(part.toLowerCase());
  return paths.filter((path) => isPictureName(path) && path.split('/').every(isMeant)).sort();
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
