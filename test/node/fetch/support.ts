// A cache of its own for each test, and fetching into it without patience.

import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { VggError } from '../../../src/errors.js';
import { type FetchedWeights, type FetchOptions, fetchWeights } from '../../../src/node/fetch/fetch.js';
import { knownSource } from '../../../src/node/fetch/manifest.js';
import { type Places, placesOf } from '../../../src/node/fetch/weights_cache.js';
import { HASTE, NAME } from './haste.js';
import { FILE } from './server.js';

export interface Cache {
  readonly places: Places;
  readonly notes: string[];
  fetch(options: FetchOptions): Promise<FetchedWeights>;
  /** The one line that fetching fails with. */
  failure(options: FetchOptions): Promise<string>;
  /** The names of the files in the folder. */
  names(): string[];
}

/**
 * An empty cache before each test. After each, whatever happened: what has the good name is good, and no lock is left.
 *
 * @param good  what may have the good name
 */
export function useCache(good: () => readonly Buffer[] = () => [FILE]): Cache {
  let folder: string;
  const notes: string[] = [];
  const places = () => placesOf(knownSource(NAME), folder);
  const fetch = (options: FetchOptions) =>
    fetchWeights(NAME, { folder, patience: HASTE, onNote: (line) => notes.push(line), ...options });
  beforeEach(async () => {
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']) {
      vi.stubEnv(name, undefined);
      vi.stubEnv(name.toLowerCase(), undefined);
    }
    for (const name of ['VGG16_WEIGHTS_URL', 'VGG16_OFFLINE']) vi.stubEnv(name, undefined);
    notes.length = 0;
    folder = await mkdtemp(join(tmpdir(), 'vgg16 fetch '));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    const names = readdirSync(folder);
    const { file } = places();
    if (names.some((name) => join(folder, name) === file)) {
      expect(good().some((bytes) => bytes.equals(readFileSync(file)))).toBe(true);
    }
    expect(names.filter((name) => /\.lock$|\.tmp-/.test(name))).toEqual([]);
    await rm(folder, { recursive: true });
  });
  return {
    get places() {
      return places();
    },
    notes,
    fetch,
    async failure(options) {
      const error = await fetch(options).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(VggError);
      const { message } = error as VggError;
      expect(message).not.toContain('\n');
      return message;
    },
    names: () => readdirSync(folder).sort(),
  };
}

/** After a download that succeeded. */
export function expectWhole({ names, places }: Cache): void {
  expect(readFileSync(places.file).equals(FILE)).toBe(true);
  expect(names()).toEqual(['vgg16.tv_in1k.safetensors', 'vgg16.tv_in1k.safetensors.json']);
}
