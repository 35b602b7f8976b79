// Which file is meant where weights are named: a path, or a name for a file that this package knows where to find.

import { existsSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WeightsError } from '../../errors.js';
import { isUrl } from '../../realm.js';
import { checkpoint, KERAS_FILE } from '../../weights/foreign.js';
import { isPackaged, PACKAGED, type PackagedName, packagedPath } from '../embedded.js';
import { fetchWeights } from '../fetch/fetch.js';
import { KNOWN_SOURCES, type KnownSource } from '../fetch/manifest.js';
import { placesOf, usableFile } from '../fetch/weights_cache.js';

export function pathOf(file: string | URL): string {
  return isUrl(file) ? fileURLToPath(file) : file;
}

export interface LocatedWeights {
  readonly path: string;
  /** What is known of it, where it is one of the cache's. */
  readonly known?: KnownSource;
}

/** What a name stands for; undefined where there is a file of that name, or it is none of those known. */
export function namedSource(name: string): KnownSource | PackagedName | undefined {
  if (existsSync(name)) return undefined;
  return isPackaged(name) ? name : KNOWN_SOURCES.find((source) => source.name === name);
}

/**
 * The file that is meant: one of that name, or one in the package, or one that is known by name, which is fetched on
 * first use. What is none of these is taken for a file, which whoever opens it will miss.
 *
 * @param fetch  brings a file into the cache, where it is not there
 * @throws WeightsError for a word that is neither a file nor a known name; as `fetch`
 */
export async function locateWeights(
  name: string,
  fetch: (name: string) => Promise<{ readonly path: string }> = fetchWeights,
): Promise<LocatedWeights> {
  const named = namedSource(name);
  if (typeof named === 'string') return { path: packagedPath(named) };
  if (named !== undefined) return { path: (await fetch(named.name)).path, known: named };
  if (extname(name) === '' && basename(name) === name && !existsSync(name)) {
    const names = [...Object.keys(PACKAGED), ...KNOWN_SOURCES.map((source) => source.name)].join(', ');
    throw new WeightsError(`${name}: no such file or run, and none of \`vgg16 weights list\` (${names})`);
  }
  return { path: name };
}

/** The files that stand for their folder. */
const FILES_OF_FOLDERS = {
  'model.json': 'a TensorFlow.js model',
  'best.safetensors': 'a run',
  'model.safetensors': 'a model of the Hugging Face hub',
  'model.safetensors.index.json': 'one in several files',
  'pytorch_model.bin': 'an older one',
} as const;

/** The file that a folder stands for; any other path as it is. @throws WeightsError for a folder that has none */
export async function fileOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    if (await isFile(`${path}.index`)) {
      throw new WeightsError(`${path}: the prefix of a TensorFlow checkpoint's files: ${checkpoint()}`);
    }
  }
  if (!found?.isDirectory()) return path;
  for (const name of Object.keys(FILES_OF_FOLDERS)) {
    const within = join(path, name);
    if (await isFile(within)) return within;
  }
  const foreign = await foreignFolder(path);
  if (foreign !== undefined) throw new WeightsError(`${path}: ${foreign}`);
  const wanted = Object.entries(FILES_OF_FOLDERS).map(([name, what]) => `${name} (${what})`);
  throw new WeightsError(`${path}: a folder without ${wanted.join(', ').replace(/, (?!.*, )/, ' or ')}`);
}

/** What a folder holds that is known, though not read; undefined where nothing in it is. */
async function foreignFolder(path: string): Promise<string | undefined> {
  const holds = async (name: string) => (await stat(join(path, name)).catch(() => undefined)) !== undefined;
  if (await holds('saved_model.pb'))
    return `a TensorFlow SavedModel, which is not read: load it in Keras and ${KERAS_FILE}`;
  if (await holds('checkpoint')) return `a TensorFlow checkpoint: ${checkpoint()}`;
  return undefined;
}

/**
 * What a head that is trained on these weights says of where its base is: a path, or a name that is good on other
 * machines as well.
 */
export async function baseRefOf(path: string): Promise<string> {
  const file = await realPath(path);
  for (const name of Object.keys(PACKAGED) as PackagedName[]) {
    if (file !== undefined && file === (await realPathOfPackaged(name))) return name;
  }
  for (const source of KNOWN_SOURCES) {
    if (file === (await realPath(placesOf(source).file))) return source.name;
  }
  return resolve(path);
}

/**
 * The file that `baseRefOf` was made of, here.
 *
 * @param what    what it is, for the error: "head.safetensors: its base"
 * @param folder  what paths are relative to, should they be
 * @param advice  what else may be done, for the error
 * @throws WeightsError for a name that is good and whose file is not in the cache
 */
export async function pathOfRef(ref: string, what: string, folder: string, advice?: string): Promise<string> {
  if (isPackaged(ref)) return packagedPath(ref);
  const known = KNOWN_SOURCES.find(({ name }) => name === ref);
  if (!known) return resolve(folder, ref);
  const cached = await usableFile(known, placesOf(known));
  if (cached) return cached.path;
  throw new WeightsError(
    `${what}, ${ref}, is not in the cache; \`vgg16 weights fetch ${ref}\` fetches it${advice ? `, ${advice}` : ''}`,
  );
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Undefined where the package was bundled without it. */
async function realPathOfPackaged(name: PackagedName): Promise<string | undefined> {
  try {
    return await realPath(packagedPath(name));
  } catch (error) {
    if (error instanceof WeightsError) return undefined;
    throw error;
  }
}

/** The path without symbolic links; undefined where nothing is there. */
export function realPath(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}
