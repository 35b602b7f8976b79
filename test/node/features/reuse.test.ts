// Answers by way of cached features: the same as without, and nothing that training computed is computed again.

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TrainedPool } from '../../../src/architecture.js';
import { UsageError } from '../../../src/errors.js';
import { framingForSize } from '../../../src/image/framing.js';
import type { Prediction } from '../../../src/model/predictions.js';
import { classifyReusing, featuresReusing } from '../../../src/node/features/reuse.js';
import { extractFeatures } from '../../../src/node/features/table.js';
import { evaluateModel } from '../../../src/node/training/evaluate.js';
import { VGG16 } from '../../../src/node/vgg16.js';
import { fingerprintOfFile } from '../../../src/node/weights/open.js';
import { noise } from '../../support/expected.js';
import { useGpu } from '../../support/gpu.js';
import { type RandomHead, writeRandomHead } from '../../support/heads.js';
import { writeRandomVgg16 } from '../../support/random_vgg16.js';

const COUNT = 5;
const SIZE = 64;

const gpu = useGpu();
let folder: string;
let base: string;
let pictures: string[];
let caches = 0;
const newCache = () => join(folder, `cache-${caches++}`);
const models: VGG16[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-reuse-'));
  base = join(folder, 'base.safetensors');
  await writeRandomVgg16(base, { widths: [4, 5, 6, 7, 9], hidden: 4, classes: 2, featureSide: 2, seed: 3 });
  pictures = await Promise.all(
    Array.from({ length: COUNT }, async (_, i) => {
      const { data, width, height } = noise(70 + 3 * i, 81 - 2 * i, i);
      const name = join(folder, `${i}.png`);
      await sharp(data, { raw: { width, height, channels: 3 } }).toFile(name);
      return name;
    }),
  );
});
afterEach(() => {
  for (const model of models.splice(0)) model.dispose();
  vi.restoreAllMocks();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function headOn(options: Partial<RandomHead>): Promise<VGG16> {
  const path = join(folder, 'head.safetensors');
  await writeRandomHead(path, { base, size: SIZE, ...options });
  const model = await VGG16.load({ weights: path, gpu: gpu() });
  models.push(model);
  return model;
}

async function answersOf(
  answers: AsyncIterable<{ readonly index: number; readonly predictions: Prediction[] }>,
): Promise<[number, Prediction[]][]> {
  const all: [number, Prediction[]][] = [];
  for await (const { index, predictions } of answers) all.push([index, predictions]);
  return all;
}

const trained = (model: VGG16, cacheFolder: string) =>
  fingerprintOfFile(model.basePath, model.widths.features).then((fingerprint) =>
    extractFeatures(
      model,
      pictures.map((picture) => ({ name: picture, picture, label: 0 })),
      {
        layer: model.widths.features,
        pool: model.widths.pool as TrainedPool,
        size: SIZE,
        views: 0,
        augment: [],
        seed: 7,
      },
      { fingerprint, cacheFolder },
    ),
  );

describe('classifyReusing', () => {
  it.each([
    ['block5_pool', 'flatten', [9 * 2 * 2, 5, 3]],
    ['block3_pool', 'avg', [6, 3]],
  ] as const)(
    'on %s, %s: answers alike with a cache, without, and from training',
    async (features, pool, units) => {
      const model = await headOn({ features, pool, units });
      const forward = vi.spyOn(model, 'forward');
      const ask = (cacheFolder: string | undefined) =>
        answersOf(classifyReusing(model, pictures, { batch: 2 }, { cacheFolder }));
      const cacheFolder = newCache();
      const first = await ask(cacheFolder);
      expect(forward).toHaveBeenCalled();
      forward.mockClear();
      expect(await ask(cacheFolder)).toEqual(first);
      expect(forward).not.toHaveBeenCalled();
      expect(await ask(undefined)).toEqual(first);
      expect(forward).toHaveBeenCalled();
      // The network's own average is summed in another order.
      const own = await answersOf(model.classifyEach(pictures));
      for (const [i, [index, predictions]] of first.entries()) {
        expect([index, predictions.map(({ label }) => label)]).toEqual([
          own[i]![0],
          own[i]![1].map(({ label }) => label),
        ]);
        for (const [rank, { score }] of predictions.entries())
          expect(Math.abs(score - own[i]![1][rank]!.score)).toBeLessThan(1e-5);
      }
      const other = newCache();
      await (await trained(model, other)).close();
      forward.mockClear();
      expect(await ask(other)).toEqual(first);
      expect(forward).not.toHaveBeenCalled();
    },
  );

  it('computes from pixels where pictures are framed otherwise than for training', async () => {
    const model = await headOn({ features: 'block2_pool', pool: 'avg', units: [5, 3] });
    const some = pictures.slice(0, 2);
    const cacheFolder = newCache();
    const framing = { resize: 64, crop: [32, 64] } as const;
    const answers = await answersOf(classifyReusing(model, some, { framing }, { cacheFolder }));
    expect(answers).toEqual(await answersOf(model.classifyEach(some, { framing })));
    expect(await readdir(cacheFolder).catch(() => [])).toEqual([]);
    // A square of another size is another row.
    const sizes = [32, 64, 32].map(framingForSize);
    const [small, usual, again] = await Promise.all(
      sizes.map((framing) => answersOf(classifyReusing(model, some, { framing }, { cacheFolder }))),
    );
    expect(small).not.toEqual(usual);
    expect(again).toEqual(small);
    expect(await answersOf(classifyReusing(model, some, { size: 32 }, { cacheFolder }))).toEqual(small);
  });

  it('tells of pictures of which hardly anything is seen, by either way', async () => {
    const model = await headOn({ features: 'block2_pool', pool: 'avg', units: [5, 2] });
    const inputs = [noise(1, 1, 1), noise(3, 300, 2), noise(32, 32, 3)];
    const oddOnes = async (how: (onOdd: (note: string, index: number) => void) => AsyncGenerator) => {
      const odd: [number, string][] = [];
      for await (const _ of how((note, index) => odd.push([index, note])));
      return odd;
    };
    const expected = [
      [0, expect.stringContaining('it has only 1 x 1 px')],
      [1, expect.stringContaining('it has an extreme shape, 3 x 300 px')],
    ];
    expect(await oddOnes((onOdd) => model.classifyEach(inputs, { onOdd }))).toEqual(expected);
    const reuse = { cacheFolder: undefined };
    expect(await oddOnes((onOdd) => classifyReusing(model, inputs, { onOdd }, reuse))).toEqual(expected);
    // Whoever keeps pictures as they are knows their sizes.
    const whole = { framing: { resize: 'none', crop: 'none' } } as const;
    const features = (onOdd: (note: string, index: number) => void) =>
      model.featuresEach([noise(32, 320, 4)], 'block1_conv1', { ...whole, onOdd });
    expect(await oddOnes(features)).toEqual([]);
  });

  it('leaves out what is broken, tells how far it is, and stops when it is told to', async () => {
    const model = await headOn({ features: 'block2_pool', pool: 'avg', units: [5, 2] });
    const broken = join(folder, 'broken.png');
    await writeFile(broken, 'no picture');
    const inputs = [broken, pictures[0]!, broken, pictures[1]!, broken];
    const errors: number[] = [];
    const done: number[] = [];
    const options = {
      onError: (_: Error, index: number) => errors.push(index),
      onProgress: (count: number) => done.push(count),
    };
    const cacheFolder = newCache();
    const answers = await answersOf(classifyReusing(model, inputs, options, { cacheFolder }));
    expect([answers.map(([index]) => index), errors.sort(), done.at(-1)]).toEqual([[1, 3], [0, 2, 4], 5]);
    await expect(answersOf(classifyReusing(model, inputs, {}, { cacheFolder }))).rejects.toThrow(
      /broken\.png is not a picture/,
    );
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(answersOf(classifyReusing(model, inputs, { signal }, { cacheFolder }))).rejects.toThrow(
      'enough',
    );
  });
});

describe('VGG16.classifyRows', () => {
  it('refuses rows that do not fit, and options that it does not have', async () => {
    const model = await headOn({ features: 'block3_pool', pool: 'avg', units: [6, 3] });
    const ask = (numbers: number, options: object = {}) =>
      model.classifyRows(new Float32Array(numbers), { count: 2, batch: 2, size: SIZE, ...options });
    expect(await ask(12)).toHaveLength(6);
    await expect(ask(11)).rejects.toThrow(new UsageError('11 numbers are not 2 rows of 6'));
    await expect(ask(12, { sise: 64 })).rejects.toThrow(
      'classifyRows() has no option "sise"; did you mean size?',
    );
    await expect(ask(12, { count: 0 })).rejects.toThrow(
      'count is 0; it must be a whole number of at least 1',
    );
  });
});

describe('featuresReusing', () => {
  it('gives averages bit for bit as the network, cached or not', async () => {
    const model = await headOn({ features: 'block3_pool', pool: 'avg', units: [6, 3] });
    const cacheFolder = newCache();
    const options = { pool: 'avg', framing: framingForSize(SIZE) } as const;
    const own = await model.features(pictures, 'block2_pool', options);
    const forward = vi.spyOn(model, 'forward');
    for (const calls of [COUNT, 0]) {
      forward.mockClear();
      const rows: unknown[] = [];
      const asked = { ...options, batch: 1 };
      for await (const { features } of featuresReusing(model, pictures, 'block2_pool', asked, {
        cacheFolder,
      }))
        rows.push(features);
      expect(rows).toEqual(own);
      expect(forward).toHaveBeenCalledTimes(calls);
    }
  });
});

describe('evaluateModel', () => {
  it('scores alike from the cache, and computes nothing that is there', async () => {
    const model = await headOn({ features: 'block3_pool', pool: 'avg', units: [6, 3] });
    const cacheFolder = newCache();
    await (await trained(model, cacheFolder)).close();
    const classes = model.labels.map(({ label }) => label);
    const samples = pictures.map((picture, i) => ({ name: picture, picture, label: i % 3 }));
    const forward = vi.spyOn(model, 'forward');
    const cached = await evaluateModel(model, samples, { classes, reuse: { cacheFolder } });
    expect(forward).not.toHaveBeenCalled();
    const computed = await evaluateModel(model, samples, { classes, reuse: { cacheFolder: undefined } });
    expect(cached).toEqual(computed);
  });
});
