// Which file is meant where weights are named.

import { realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WeightsError } from '../../errors.js';
import { isUrl } from '../../realm.js';
import { checkpoint, foreignJson, KERAS_FILE } from '../../weights/foreign.js';
import { EMBEDDED, embeddedBasePath } from '../embedded.js';
import { KNOWN_SOURCES } from '../fetch/manifest.js';
import { placesOf, usableFile } from '../fetch/weights_cache.js';

export function pathOf(file: string | URL): string {
  return isUrl(file) ? fileURLToPath(file) : file;
}

/** The files that stand for their folder. */
const FILES_OF_FOLDERS = {
  'model.json': 'a TensorFlow.js model',
  'best.safetensors': 'a run',
  'model.safetensors': 'a model of the Hugging Face hub',
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
  if (await holds('model.safetensors.index.json'))
    return foreignJson({ weight_map: {} }).replace('the index of weights', 'weights');
  if (await holds('checkpoint')) return `a TensorFlow checkpoint: ${checkpoint()}`;
  return undefined;
}

/**
 * What a head that is trained on these weights says of where its base is: a path, or a name that is good on other
 * machines as well.
 */
export async function baseRefOf(path: string): Promise<string> {
  const file = await realPath(path);
  if (file === (await realPath(embeddedBasePath()))) return EMBEDDED;
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
  if (ref === EMBEDDED) return embeddedBasePath();
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

/** The path without symbolic links; undefined where nothing is there. */
export function realPath(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}
