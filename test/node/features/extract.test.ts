// Features of pictures: the right ones, each computed once, whatever is broken, interrupted or damaged.

import { copyFile, mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { PictureError } from '../../../src/errors.js';
import { framingForSize } from '../../../src/image/framing.js';
import type { PictureInput } from '../../../src/image/picture.js';
import type { ExtractOptions } from '../../../src/node/features/table.js';
import { extractFeatures } from '../../../src/node/features/table.js';
import { VGG16 } from '../../../src/node/vgg16.js';
import type { Sample } from '../../../src/train/dataset.js';
import type { FeatureSpec, FeatureTable } from '../../../src/train/features/spec.js';
import { noise } from '../../support/expected.js';
import { useGpu } from '../../support/gpu.js';
import { writeRandomVgg16 } from '../../support/random_vgg16.js';

const COUNT = 7;
const SPEC: FeatureSpec = {
  ...{ layer: 'block2_pool', pool: 'flatten', size: 36, seed: 3 },
  ...{ views: 0, augment: [] },
};
const VARIED: FeatureSpec = { ...SPEC, views: 2, augment: ['flip', 'crop', 'rotate', 'color'] };
/** 36 px are 9 after two pools; five channels, which the GPU pads to eight. */
const WIDTH = 9 * 9 * 5;

describe('extractFeatures', () => {
  const gpu = useGpu();
  let folder: string;
  let model: VGG16;
  let samples: Sample[];
  let caches = 0;
  const newCache = () => join(folder, `cache-${caches++}`);
  const open: FeatureTable[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'extract-'));
    const weights = join(folder, 'narrow.safetensors');
    await writeRandomVgg16(weights, { widths: [4, 5, 6, 7, 8], hidden: 4, classes: 2, seed: 1, top: false });
    model = await VGG16.load({ weights, gpu: gpu() });
    samples = await Promise.all(
      Array.from({ length: COUNT }, async (_, i) => {
        const name = join(folder, `${i}.png`);
        const { data, width, height } = noise(50 + 3 * i, 61 - 2 * i, i);
        await sharp(data, { raw: { width, height, channels: 3 } }).toFile(name);
        return { name, picture: name, label: i % 2 };
      }),
    );
  });
  afterEach(async () => {
    for (const table of open.splice(0)) await table.close();
    vi.restoreAllMocks();
  });
  afterAll(async () => {
    model?.dispose();
    await rm(folder, { recursive: true });
  });

  async function extract(
    spec: FeatureSpec,
    options: Partial<ExtractOptions> = {},
    from: readonly Sample[] = samples,
  ): Promise<FeatureTable> {
    const table = await extractFeatures(model, from, spec, { fingerprint: 'narrow', batch: 3, ...options });
    open.push(table);
    return table;
  }
  async function rowsOf(table: FeatureTable, view = 0): Promise<Float32Array[]> {
    const rows = table.samples.map((_, sample) => ({ sample, view }));
    const target = new Float32Array(rows.length * table.width);
    await table.read(rows, target);
    return rows.map((_, i) => target.slice(i * table.width, (i + 1) * table.width));
  }
  const allRows = async (table: FeatureTable) =>
    Promise.all(Array.from({ length: 1 + table.views }, (_, view) => rowsOf(table, view)));
  const own = async (pool?: 'avg') => {
    const inputs = samples.map(({ picture }) => picture);
    const options = { framing: framingForSize(36), ...(pool && { pool }) };
    return (await model.features(inputs, 'block2_pool', options)).map(({ data }) => data);
  };

  it('gives what the model gives, bit for bit, flattened in the order H, W, C or averaged, with views or without', async () => {
    const flat = await extract(SPEC);
    expect(flat.width).toBe(WIDTH);
    expect(flat.samples).toEqual(samples);
    const expected = await own();
    expect(await rowsOf(flat)).toEqual(expected);
    expect(await rowsOf(await extract(VARIED, { batch: 4 }))).toEqual(expected);
    const averaged = await extract({ ...SPEC, pool: 'avg' });
    expect(averaged.width).toBe(5);
    expect(await rowsOf(averaged)).toEqual(await own('avg'));
  });

  it('varies each view of each picture in its own way, the same in another run, another for another seed', async () => {
    const table = await extract(VARIED);
    const views = await allRows(table);
    const texts = views.flat().map((row) => row.join());
    expect(new Set(texts).size).toBe(3 * COUNT);
    expect(await allRows(await extract(VARIED, { batch: 5, cacheFolder: newCache() }))).toEqual(views);
    const other = await allRows(await extract({ ...VARIED, seed: 4 }));
    expect(other[0]).toEqual(views[0]);
    expect(other[1]).not.toEqual(views[1]);
  });

  it('computes what the cache lacks and nothing else, whatever the pictures are called', async () => {
    const cacheFolder = newCache();
    const first = await extract(SPEC, { cacheFolder }, samples.slice(0, 4));
    expect(first.stats).toMatchObject({ computed: 4, cached: 0, broken: 0 });
    const forward = vi.spyOn(model, 'forward');
    const copy = join(folder, 'copy.png');
    await copyFile(samples[2]!.name, copy);
    const more = [...samples, { name: 'copy', picture: pathToFileURL(copy), label: 0 }];
    const seen: (readonly number[])[] = [];
    const onProgress: ExtractOptions['onProgress'] = (done, total, { computed, cached }) =>
      seen.push([done, total, computed, cached]);
    const second = await extract(SPEC, { cacheFolder, onProgress }, more);
    expect(second.stats).toMatchObject({ computed: 3, cached: 5, broken: 0 });
    expect(forward).toHaveBeenCalledTimes(1);
    expect(seen.at(-1)).toEqual([8, 8, 3, 5]);
    expect(seen.map(([done]) => done)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const rows = await rowsOf(second);
    expect(rows.slice(0, COUNT)).toEqual(await own());
    expect(rows[COUNT]).toEqual(rows[2]);
    // Other views and another pool of the same pictures are others.
    expect((await extract(VARIED, { cacheFolder })).stats).toMatchObject({
      computed: 2 * COUNT,
      cached: COUNT,
    });
    expect((await extract({ ...SPEC, pool: 'avg' }, { cacheFolder })).stats.cached).toBe(0);
    const other = await extract(SPEC, { cacheFolder, fingerprint: 'another' });
    expect(other.stats.cached).toBe(0);
  });

  it('takes encoded bytes and pixels, told apart by what they are', async () => {
    const encoded = await sharp(samples[0]!.name).toBuffer();
    const pixels = noise(50, 61, 0);
    const turned = { ...pixels, width: 61, height: 50 };
    const from = [encoded, pixels, turned].map((picture: PictureInput, i) => ({
      ...{ name: `given ${i}`, picture, label: 0 },
    }));
    const cacheFolder = newCache();
    const [a, b, c] = await rowsOf(await extract(SPEC, { cacheFolder }, from));
    expect(a).toEqual((await own())[0]);
    expect(b).toEqual(a);
    expect(c).not.toEqual(a);
    expect((await extract(SPEC, { cacheFolder }, from)).stats).toMatchObject({ computed: 0, cached: 3 });
    const broken: string[] = [];
    const onBroken: ExtractOptions['onBroken'] = (_, { message }) => broken.push(message);
    const short = { name: 'short', picture: { width: 9, height: 9, data: new Uint8Array(5) }, label: 0 };
    await extract(SPEC, { onBroken }, [...from, short]);
    expect(broken).toEqual(['short: 9 x 9 px need 243 bytes of RGB, its data has 5']);
  });

  it('leaves out what cannot be read, and stops where that is too much', async () => {
    const text = join(folder, 'text.jpg');
    await writeFile(text, 'no picture at all');
    const bad = [text, join(folder, 'missing.jpg'), folder].map((name) => ({
      name,
      picture: name,
      label: 0,
    }));
    const broken: string[] = [];
    const onBroken: ExtractOptions['onBroken'] = ({ name }, error) => {
      expect(error).toBeInstanceOf(PictureError);
      broken.push(name);
    };
    const table = await extract(SPEC, { onBroken }, [samples[0]!, bad[0]!, samples[1]!]);
    expect(table.samples).toEqual([samples[0], samples[1]]);
    expect(table.stats.broken).toBe(1);
    expect(await rowsOf(table)).toEqual((await own()).slice(0, 2));
    expect(broken).toEqual([text]);
    const temporary = join(folder, 'temporary');
    await mkdir(temporary);
    vi.stubEnv('TMPDIR', temporary);
    const buffers = gpu().liveBuffers;
    await expect(extract({ ...VARIED, views: 1 }, { memory: 0 }, [...samples, ...bad])).rejects.toThrow(
      /stopped: 2 of 10 pictures \(20 %\) .*text\.jpg is not a picture.*missing\.jpg does not exist; `vgg16 data check`/,
    );
    await expect(extract(SPEC, {}, bad.slice(0, 1))).rejects.toThrow('the only picture cannot be read');
    vi.unstubAllEnvs();
    expect(await readdir(temporary)).toEqual([]);
    expect(gpu().liveBuffers).toBeLessThanOrEqual(buffers);
    expect((await extract(SPEC, {}, [])).samples).toEqual([]);
  });

  it('goes on where it was interrupted', async () => {
    const cacheFolder = newCache();
    const stop = new AbortController();
    const interrupted = extract(SPEC, {
      ...{ cacheFolder, batch: 1, signal: stop.signal },
      onProgress: (done) => {
        if (done === 3) stop.abort(new Error('enough'));
      },
    });
    await expect(interrupted).rejects.toThrow('enough');
    const { stats } = await extract(SPEC, { cacheFolder });
    expect(stats.cached).toBeGreaterThanOrEqual(3);
    expect(stats.cached).toBeLessThan(COUNT);
    expect(stats.computed + stats.cached).toBe(COUNT);
  });

  it('computes damaged and lost rows again, when it begins and while it is read', async () => {
    const cacheFolder = newCache();
    const before = await extract(VARIED, { cacheFolder, memory: 0 });
    const expected = await allRows(before);
    const features = join(cacheFolder, 'features');
    const key = join(features, (await readdir(features))[0]!);
    const entries = (await readdir(key, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    expect(entries).toHaveLength(3 * COUNT);
    const paths = entries.map(({ parentPath, name }) => join(parentPath, name));
    for (const path of paths.slice(0, 4)) await truncate(path, 60);
    expect((await extract(VARIED, { cacheFolder, memory: 0 })).stats).toMatchObject({ computed: 4 });
    for (const path of paths.slice(3, 8)) await truncate(path, 60);
    for (const path of paths.slice(12, 14)) await rm(path);
    expect(await allRows(before)).toEqual(expected);
    expect((await extract(VARIED, { cacheFolder })).stats).toMatchObject({ computed: 0 });
  });

  it('needs no disk at all', async () => {
    await writeFile(join(folder, 'file'), '');
    vi.stubEnv('TMPDIR', join(folder, 'missing'));
    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    // Two rows fit into memory; the others are computed whenever they are read.
    const memory = 2 * 4 * WIDTH;
    const table = await extract(SPEC, { cacheFolder: join(folder, 'file'), memory, onNote });
    vi.unstubAllEnvs();
    expect(notes).toHaveLength(2);
    expect(await rowsOf(table)).toEqual(await own());
    expect(await rowsOf(table)).toEqual(await own());
  });

  it('does not take another picture for the one it was', async () => {
    const path = join(folder, 'changing.png');
    await copyFile(samples[0]!.name, path);
    const changing = [{ name: path, picture: path, label: 0 }, samples[1]!];
    vi.stubEnv('TMPDIR', join(folder, 'missing'));
    const table = await extract(SPEC, { memory: 0 }, changing);
    vi.unstubAllEnvs();
    await copyFile(samples[2]!.name, path);
    await expect(rowsOf(table)).rejects.toThrow('changing.png has changed since training began');
  });

  it('without a cache draws new views for each epoch, the same for the same epoch', async () => {
    const table = await extract(VARIED, { memory: 5 * 4 * WIDTH });
    const first = await allRows(table);
    await table.refreshViews(0);
    expect(await allRows(table)).toEqual(first);
    await table.refreshViews(4);
    const fourth = await allRows(table);
    expect(fourth[0]).toEqual(first[0]);
    for (const view of [1, 2]) {
      const rows = [...first[1]!, ...first[2]!].map((row) => row.join());
      for (const row of fourth[view]!) expect(rows).not.toContain(row.join());
    }
    await table.refreshViews(0);
    expect(await allRows(table)).toEqual(first);
    const resumed = await extract(VARIED, { batch: 2 });
    await resumed.refreshViews(4);
    expect(await allRows(resumed)).toEqual(fourth);
    const cached = await extract(VARIED, { cacheFolder: newCache() });
    await cached.refreshViews(4);
    expect(await allRows(cached)).toEqual(first);
  });

  it('reports how long it took, and no idle GPU where there was nothing to compute', async () => {
    const cacheFolder = newCache();
    const { stats } = await extract(SPEC, { cacheFolder });
    expect(stats.seconds).toBeGreaterThan(0);
    expect((await extract(SPEC, { cacheFolder })).stats.gpuIdleShare).toBe(0);
  });

  it('refuses what makes no sense', async () => {
    await expect(extract({ ...SPEC, size: 3 })).rejects.toThrow('3');
    await expect(extract({ ...SPEC, views: 1 })).rejects.toThrow('1 views need a way to vary pictures');
    await expect(extract({ ...VARIED, views: 0.5 })).rejects.toThrow('views is 0.5');
    const table = await extract(SPEC);
    const short = table.read([{ sample: 0, view: 0 }], new Float32Array(5));
    await expect(short).rejects.toThrow(`1 rows of ${WIDTH} numbers do not fit into 5`);
  });
});
