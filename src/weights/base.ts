// The base of a head: which file is meant, and whether it is the one that the head was trained on.

import { realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convsUntil } from '../architecture.js';
import { WeightsError } from '../errors.js';
import { EMBEDDED, embeddedBasePath } from '../node/embedded.js';
import { KNOWN_SOURCES } from '../node/fetch/manifest.js';
import { placesOf, usableFile } from '../node/fetch/weights_cache.js';
import { isUrl } from '../realm.js';
import { fingerprintOf } from './fingerprint.js';
import type { HeadFile } from './head_file.js';
import { saysHead } from './head_metadata.js';
import { openAsItIs } from './open.js';
import type { OpenedWeights } from './opened.js';
import { quote } from './text.js';
import { describeVgg16, type Vgg16Weights } from './vgg16.js';

/** What a message says of naming another base. */
const NAME_ANOTHER = '--base FILE (base) names another';

/** An open base, found to be the right one. Whoever opened it closes it. */
export interface OpenedBase {
  readonly source: OpenedWeights;
  readonly weights: Vgg16Weights;
}

/**
 * Opens the base that a head was trained on.
 *
 * @param named  a file instead of the one that the head says
 * @throws WeightsError where it is missing, damaged, no base, or not the one that the head was trained on
 */
export async function openBase(head: HeadFile, named?: string | URL): Promise<OpenedBase> {
  const path = named === undefined ? await baseOf(head) : isUrl(named) ? fileURLToPath(named) : named;
  if (!(await exists(path))) {
    throw new WeightsError(`${head.path}: its base, ${path}, is not there; ${NAME_ANOTHER}`);
  }
  const source = await openAsItIs(path, { preprocess: head.preprocess });
  try {
    if (saysHead(source)) {
      throw new WeightsError(`${head.path}: its base, ${path}, is a head itself; ${NAME_ANOTHER}`);
    }
    const weights = describeVgg16(source);
    await checkBase(head, weights);
    return { source, weights };
  } catch (error) {
    await source.close();
    throw error;
  }
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

function baseOf({ path, base: { ref } }: HeadFile): Promise<string> {
  return pathOfRef(ref, `${path}: its base`, dirname(path), NAME_ANOTHER);
}

/** Other numbers below a head would make nonsense of it, and nobody would be told. */
async function checkBase({ path, features, base }: HeadFile, weights: Vgg16Weights): Promise<void> {
  const file = weights.source.path;
  if (weights.convs.length < convsUntil(features).length) {
    throw new WeightsError(
      `${path} stands on ${features}, but its base, ${file}, ends with ${weights.features}; ${NAME_ANOTHER}`,
    );
  }
  const found = await fingerprintOf(weights, features);
  if (found === base.fingerprint) return;
  throw new WeightsError(
    `${path} was trained on another base than ${file}: on ${quote(base.ref)} with the fingerprint ` +
      `${shortened(base.fingerprint)}, this one has ${shortened(found)}; ${NAME_ANOTHER}`,
  );
}

/** Enough of a fingerprint to tell two apart. */
export function shortened(fingerprint: string): string {
  return `${fingerprint.slice(0, 12)}…`;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function realPath(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}
