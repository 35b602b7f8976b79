// A data set in folders: one folder a class, perhaps in train/, val/ and test/.

import { join } from 'node:path';
import { UsageError } from '../../errors.js';
import { listed, pictures } from '../../text.js';
import type { Part } from '../../train/dataset.js';
import { foreignPictures, foreignText } from '../image/foreign.js';
import { filesBelow, isPictureName, leadsBack, listFolder } from '../image/walk.js';
import type { ClassFiles, Survey } from './found.js';
import { partNamed } from './found.js';

/** @throws UsageError where a folder may not be read or two are the same part; the signal's reason */
export async function surveyFolder(path: string, signal?: AbortSignal): Promise<Survey> {
  const top = await listFolder(path);
  const divisions = await divisionsOf(path, top.folders);
  const isDivided = divisions.size > 0;
  const found: Found = { strays: isDivided ? top.files.filter(isPictureName) : [], others: [] };
  const parts: Partial<Record<Part, ClassFiles>> = {};
  for (const [part, folder] of isDivided ? divisions : [['train', ''] as const]) {
    const classes = await classFolders(path, folder, found, signal);
    parts[part] = part === 'train' ? classes : withPictures(classes);
  }
  const besides = isDivided ? top.folders.filter((folder) => !partNamed(folder)) : [];
  return {
    name: path,
    folder: path,
    isTable: false,
    isDivided,
    parts,
    ...found,
    notes: notesOn(found, besides),
  };
}

function notesOn({ strays, others }: Found, besides: readonly string[]): string[] {
  const notes: string[] = [];
  if (besides.length > 0) {
    const folders = listed(besides.map((folder) => `${folder}/`));
    notes.push(`left out, for beside train/ only val/ and test/ are looked into: ${folders}`);
  }
  if (strays.length > 0) {
    notes.push(`left out, for lying in no class folder: ${pictures(strays.length)}, ${listed(strays)}`);
  }
  const foreign = foreignPictures(others);
  if (foreign.length > 0) notes.push(`left out: ${foreignText(foreign)}`);
  return notes;
}

interface Found {
  readonly strays: string[];
  readonly others: string[];
}

/**
 * Which folders are parts. One alone that has no folders in it is a class that happens to be called "test".
 *
 * @throws UsageError for two folders that are the same part
 */
async function divisionsOf(path: string, folders: readonly string[]): Promise<Map<Part, string>> {
  const named = folders.filter((folder) => partNamed(folder));
  if (named.length === 1 && (await listFolder(join(path, named[0]!))).folders.length === 0) return new Map();
  const divisions = new Map<Part, string>();
  for (const folder of named) {
    const part = partNamed(folder)!;
    const other = divisions.get(part);
    if (other)
      throw new UsageError(`${path} has ${other}/ and ${folder}/, which both mean ${part}; keep one`);
    divisions.set(part, folder);
  }
  return divisions;
}

/** The class folders of a part with their pictures: those without a picture as well, but for links that lead back. */
async function classFolders(
  root: string,
  part: string,
  found: Found,
  signal?: AbortSignal,
): Promise<Map<string, string[]>> {
  const path = join(root, part);
  const prefix = part && `${part}/`;
  const { folders, links } = await listFolder(path);
  const classes = new Map<string, string[]>();
  for (const name of folders) {
    if (!links.has(name) || !(await leadsBack(path, name))) classes.set(name, []);
  }
  for await (const file of filesBelow(path, { signal })) {
    const end = file.indexOf('/');
    if (isPictureName(file))
      (classes.get(file.slice(0, Math.max(0, end))) ?? found.strays).push(`${prefix}${file}`);
    else if (end > 0) found.others.push(`${prefix}${file}`);
  }
  return classes;
}

function withPictures(classes: ClassFiles): ClassFiles {
  return new Map([...classes].filter(([, files]) => files.length > 0));
}
