// Rows on disk: what is written is read, what is damaged is not, and a disk that refuses stops nothing.

import { mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type CacheKey,
  decodeEntry,
  encodeEntry,
  FeatureStore,
  folderOf,
} from '../../../src/node/features/store.js';

const ROW = Float32Array.of(1.5, -0, 3e-40, 4);
const NAME = 'abcdef0123';

describe('an entry', () => {
  it('is read back bit for bit, wherever it lies in memory', () => {
    const entry = encodeEntry(ROW);
    const shifted = Buffer.concat([Buffer.alloc(3), entry]).subarray(3);
    const target = new Float32Array(6);
    expect(decodeEntry(shifted, target.subarray(1, 5))).toBe(true);
    expect(target).toEqual(Float32Array.of(0, 1.5, -0, 3e-40, 4, 0));
  });

  it('is refused for any changed byte and any other length, and nothing is read', () => {
    const entry = encodeEntry(ROW);
    const target = new Float32Array(4);
    for (let i = 0; i < entry.length; i++) {
      const changed = Buffer.from(entry);
      changed[i]! ^= 0x10;
      expect(decodeEntry(changed, target), `byte ${i}`).toBe(false);
    }
    for (const length of [0, 3, entry.length - 1]) {
      expect(decodeEntry(entry.subarray(0, length), target)).toBe(false);
    }
    expect(decodeEntry(Buffer.concat([entry, entry]), target)).toBe(false);
    expect(decodeEntry(entry, new Float32Array(3))).toBe(false);
    expect(target.every((value) => value === 0)).toBe(true);
  });
});

describe('folderOf', () => {
  it('differs for everything that decides a row', () => {
    const key: CacheKey = {
      ...{ adapter: 'one', kernels: '04_vec4', fingerprint: 'a1', preprocess: 'caffe', dtype: 'f32' },
      ...{ layer: 'block5_pool', pool: 'avg', size: 224 },
    };
    const others: Partial<CacheKey>[] = [
      { adapter: 'another' },
      { kernels: '01_naive' },
      { fingerprint: 'a2' },
      { preprocess: 'torchvision' },
      { dtype: 'f16' },
      { layer: 'block4_pool' },
      { pool: 'flatten' },
      { size: 112 },
    ];
    const folders = [{}, ...others].map((other) => folderOf('cache', { ...key, ...other }));
    expect(new Set(folders).size).toBe(1 + others.length);
    expect(folders[0]).toMatch(/^cache[\\/]features[\\/][0-9a-f]{32}$/);
  });
});

describe('FeatureStore', () => {
  let folder: string;
  const notes: string[] = [];
  const note = (text: string) => notes.push(text);
  const temporaries = async () =>
    (await readdir(join(folder, 'tmp'))).filter((name) => name.startsWith('vgg16-features-'));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'store-'));
    await mkdir(join(folder, 'tmp'));
    vi.stubEnv('TMPDIR', join(folder, 'tmp'));
    notes.length = 0;
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  it('finds what another has put, whole, and leaves nothing unfinished', async () => {
    const cache = join(folder, 'cache', 'features', 'key');
    const stores = await Promise.all([1, 2].map(() => FeatureStore.open(cache, note)));
    const target = new Float32Array(4);
    expect(await stores[0]!.get(NAME, target)).toBe(false);
    await Promise.all(stores.map((store) => store.put(NAME, ROW)));
    for (const store of stores) {
      target.fill(0);
      expect(await store.get(NAME, target)).toBe(true);
      expect(target).toEqual(ROW);
      expect(store.outlives).toBe(true);
      await store.close();
    }
    expect(await readdir(cache)).toEqual(['ab', 'unfinished']);
    expect(await readdir(join(cache, 'unfinished'))).toEqual([]);
    expect(await temporaries()).toEqual([]);
    expect(notes).toEqual([]);
  });

  it('takes a row cut short for none, and writes it again', async () => {
    const store = await FeatureStore.open(join(folder, 'cache'), note);
    await store.put(NAME, ROW);
    const path = join(folder, 'cache', 'ab', NAME);
    const { length } = await readFile(path);
    await truncate(path, length - 1);
    expect(await store.get(NAME, new Float32Array(4))).toBe(false);
    await store.put(NAME, ROW);
    expect(await store.get(NAME, new Float32Array(4))).toBe(true);
  });

  it('removes what a killed process left unfinished, once nobody can be at it any more', async () => {
    const unfinished = join(folder, 'cache', 'unfinished');
    await mkdir(unfinished, { recursive: true });
    for (const name of ['old', 'new']) await writeFile(join(unfinished, name), 'half');
    const yesterday = Date.now() / 1000 - 86400;
    await utimes(join(unfinished, 'old'), yesterday, yesterday);
    await FeatureStore.open(join(folder, 'cache'), note);
    expect(await readdir(unfinished)).toEqual(['new']);
  });

  it('without a cache keeps rows until it is closed', async () => {
    const store = await FeatureStore.open(undefined, note);
    expect(store.outlives).toBe(false);
    await store.put(NAME, ROW);
    expect(await temporaries()).toHaveLength(1);
    expect(await store.get(NAME, new Float32Array(4))).toBe(true);
    await store.remove(NAME);
    expect(await store.get(NAME, new Float32Array(4))).toBe(false);
    await store.close();
    expect(await temporaries()).toEqual([]);
  });

  it('goes on in a temporary folder where the cache cannot be written, and says so once', async () => {
    // A file where the folder would be: nobody can write there, not even root.
    await writeFile(join(folder, 'cache'), '');
    const store = await FeatureStore.open(join(folder, 'cache', 'key'), note);
    const names = ['aa01', 'ab02', 'ac03'];
    await Promise.all(names.map((name) => store.put(name, ROW)));
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/^cannot write .*cache.*; features are kept for this run only$/);
    expect(store.outlives).toBe(false);
    for (const name of names) expect(await store.get(name, new Float32Array(4))).toBe(true);
    await store.close();
    expect(await temporaries()).toEqual([]);
  });

  it('keeps what it has where the disk refuses halfway, and nothing where no disk takes anything', async () => {
    const cache = join(folder, 'cache');
    const store = await FeatureStore.open(cache, note);
    await store.put('aa01', ROW);
    await rm(join(cache, 'unfinished'), { recursive: true });
    await writeFile(join(cache, 'unfinished'), '');
    vi.stubEnv('TMPDIR', join(folder, 'missing'));
    await Promise.all([store.put('ab02', ROW), store.put('ac03', ROW)]);
    await store.put('ad04', ROW);
    expect(notes).toHaveLength(2);
    expect(notes[1]).toMatch(/^cannot write .*missing.*computed again each time$/);
    expect(await store.get('aa01', new Float32Array(4))).toBe(true);
    for (const name of ['ab02', 'ac03', 'ad04']) {
      expect(await store.get(name, new Float32Array(4))).toBe(false);
    }
    await store.close();
  });
});
