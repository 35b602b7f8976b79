// What the explorer page reads of a network: a safetensors file that holds all of it, and model.json, which tells of it.

import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { OutputError } from '../../errors.js';
import { packageFile } from '../embedded.js';
import { hashFile } from '../fetch/claims.js';
import { convertWeights } from '../weights/convert.js';
import { baseRefOf } from '../weights/locate.js';
import { type OpenOptions, openWeights } from '../weights/open.js';

const WEIGHTS = 'weights.safetensors';

export interface ModelFiles {
  /** The safetensors file. */
  readonly weights: string;
  /** The text of model.json. */
  readonly manifest: string;
  readonly notes: readonly string[];
  /** Removes what was written for this. */
  dispose(): Promise<void>;
}

/**
 * The files of a network: its own where that is a whole safetensors file, else a conversion in a temporary folder.
 *
 * @param name  of the network, for people
 * @throws as `convertWeights`
 */
export async function modelFiles(
  path: string,
  name: string,
  options: OpenOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<ModelFiles> {
  const { signal, ...open } = options;
  const source = await openWeights(path, open);
  const { notes, base } = source;
  // A head stands on another file's convolutions, unless it brought some of its own.
  const ref = base === undefined ? await baseRefOf(source.path) : base.isChanged ? undefined : base.ref;
  await source.close();
  const isAsked = open.preprocess !== undefined || open.activation !== undefined;
  // What was taken for granted is told by a note, and written down by a conversion.
  const isWhole = source.format === 'safetensors' && base === undefined && notes.length === 0 && !isAsked;
  const folder = isWhole ? undefined : await mkdtemp(join(tmpdir(), 'vgg16-explore-'));
  const dispose = async () => {
    if (folder) await rm(folder, { recursive: true, force: true });
  };
  try {
    const weights = folder ? join(folder, WEIGHTS) : source.path;
    if (folder) await convertWeights(path, weights, { ...open, signal });
    const { size } = await stat(weights);
    const { sha256 } = await hashFile(weights, { md5: false });
    const manifest = {
      name,
      file: WEIGHTS,
      bytes: size,
      sha256,
      notes,
      ...(ref !== undefined && { base: ref }),
    };
    return { weights, manifest: JSON.stringify(manifest, undefined, 2), notes, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** For others, the path of a base on this machine is its file's name. */
function withoutPath(manifest: string): string {
  const { base, ...rest } = JSON.parse(manifest) as { readonly base?: string };
  return JSON.stringify({ ...rest, ...(base !== undefined && { base: basename(base) }) }, undefined, 2);
}

/** The folder with the page itself. @throws OutputError where this package was installed or bundled without it */
export function pageFolder(): string {
  const folder = packageFile('dist/explorer');
  if (folder !== undefined && existsSync(join(folder, 'index.html'))) return folder;
  throw new OutputError(
    'the explorer page is not part of this installation; install the package again, or run: npm run build',
  );
}

/**
 * Writes the page and its network as a folder of static files.
 *
 * @throws OutputError where the folder is there and holds anything, or cannot be written
 */
export async function writeSite(
  folder: string,
  { weights, manifest }: ModelFiles,
  page = pageFolder(),
): Promise<readonly string[]> {
  try {
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length > 0)
      throw new OutputError(`${folder}: is not empty; name a new folder`);
    const files = await readdir(page);
    for (const file of files) await copyFile(join(page, file), join(folder, basename(file)));
    await copyFile(weights, join(folder, WEIGHTS));
    await writeFile(join(folder, 'model.json'), withoutPath(manifest));
    return [...files, WEIGHTS, 'model.json'];
  } catch (error) {
    if (error instanceof OutputError) throw error;
    throw new OutputError(`cannot write ${folder}: ${(error as Error).message}`, { cause: error });
  }
}
