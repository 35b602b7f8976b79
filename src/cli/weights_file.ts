// Which file is meant where a command takes weights: a file, or a name for one that this package knows where to find.

import { existsSync } from 'node:fs';
import { WeightsError } from '../errors.js';
import { embeddedBasePath } from '../weights/embedded.js';
import { KNOWN_SOURCES, type KnownSource } from '../weights/fetch/manifest.js';
import { placesOf } from '../weights/fetch/places.js';
import { usableFile } from '../weights/fetch/verify.js';
import { type OpenedWeights, openWeights } from '../weights/open.js';

/** The name of the ImageNet base that comes with the package. */
export const EMBEDDED = 'embedded';

export interface WeightsFile {
  readonly path: string;
  /** What is known of it, where it is one of the cache's. */
  readonly known?: KnownSource;
}

/** What a name stands for; undefined where there is a file of that name, or it is none of those known. */
export function namedSource(name: string): KnownSource | typeof EMBEDDED | undefined {
  if (existsSync(name)) return undefined;
  return name === EMBEDDED ? EMBEDDED : KNOWN_SOURCES.find((source) => source.name === name);
}

/**
 * The file that is meant: one of that name, or the embedded base, or what was fetched into the cache. What is none of
 * these is taken for a file, which whoever opens it will miss. Where nothing is named, the embedded base.
 *
 * @throws WeightsError for a name whose file was not fetched yet, or is not what it should be
 */
export async function weightsFile(name: string | undefined, signal?: AbortSignal): Promise<WeightsFile> {
  if (name === undefined) return { path: embeddedBasePath() };
  const named = namedSource(name);
  if (named === undefined) return { path: name };
  if (named === EMBEDDED) return { path: embeddedBasePath() };
  const usable = await usableFile(named, placesOf(named), signal);
  if (usable) return { path: usable.path, known: named };
  throw new WeightsError(
    `the ${name} weights are not in the cache; \`vgg16 weights fetch ${name}\` fetches them`,
  );
}

/** Keeps a file open for as long as `use` takes. @throws as `openWeights` and `use` */
export async function withWeights<T>(
  path: string,
  use: (source: OpenedWeights) => T | Promise<T>,
): Promise<T> {
  const source = await openWeights(path);
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}
