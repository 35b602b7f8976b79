// Heads of any depth, on the flattened or the averaged feature map, against the float64 network.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BASE_LAYERS } from '../../src/architecture.js';
import { costsOf } from '../../src/model/summary.js';
import { layersOf, PAPER_WIDTHS, planLayers, type Widths } from '../../src/network/layers.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { openWeights } from '../../src/node/weights/open.js';
import { nmse } from '../../src/reference/compare.js';
import { expected, expectSame, MAX_NMSE, noise } from '../support/expected.js';
import { useGpu } from '../support/gpu.js';
import { type RandomVgg16, writeRandomVgg16 } from '../support/random_vgg16.js';

// Widths off the grid of quads: padding must neither leak into an average or a dense layer nor be read out.
const NARROW: RandomVgg16 = { widths: [4, 5, 6, 7, 9], hidden: 10, classes: 6, featureSide: 2, seed: 3 };
const ANY = { resize: 'none', crop: 'none' } as const;
const BASE = BASE_LAYERS.map(({ name }) => name);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-heads-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const gpu = useGpu();

async function load(options: Partial<RandomVgg16>): Promise<{ model: VGG16; path: string }> {
  const path = join(folder, 'weights.safetensors');
  await writeRandomVgg16(path, { ...NARROW, ...options });
  return { model: await VGG16.load({ weights: path, gpu: gpu() }), path };
}

describe('a flattened head', () => {
  it.each([
    ['one layer', ['classifier.1']],
    ['one layer, bare', ['classifier']],
    ['two', ['classifier.0', 'classifier.2']],
    ['three, the last replaced', ['classifier.0', 'classifier.3', 'classifier.6.0']],
    [
      'four, the last two in place of one',
      ['classifier.0', 'classifier.3', 'classifier.6.0', 'classifier.6.3'],
    ],
  ])('of %s: every layer of it, batch 3', async (_, head) => {
    const { model, path } = await load({ head });
    const names = layersOf(model.widths).map(({ name }) => name);
    expect(names.slice(BASE.length)).toEqual([...head.map((_, i) => `fc${i + 1}`), 'softmax']);
    const pictures = [1, 2, 3].map((seed) => noise(64, 64, seed));
    await expectSame(model, path, pictures, names.slice(BASE.length - 1));
    expect(model.inputSide).toBe(64);
    await expect(model.classify(noise(96, 96, 4), { framing: ANY })).rejects.toThrow('64 x 64 pixels');
    model.dispose();
    expect(gpu().liveBuffers).toBe(0);
  });

  it('of one position a channel takes pictures of 32 x 32 pixels and no others', async () => {
    const { model, path } = await load({ head: ['classifier.0'], featureSide: 1 });
    await expectSame(model, path, [noise(32, 32, 5)], ['block5_pool', 'fc1', 'softmax']);
    expect(model.inputSide).toBe(32);
    await expect(model.classify(noise(64, 64, 6), { framing: ANY })).rejects.toThrow('32 x 32 pixels');
    model.dispose();
  });
});

describe('an averaged head', () => {
  it.each([
    ['one layer', ['classifier.0']],
    ['two', ['classifier.0', 'classifier.3']],
    ['four', ['classifier.0', 'classifier.3', 'classifier.6', 'classifier.9']],
  ])('of %s: every layer of it, pictures of any size, batch 2', async (_, head) => {
    const { model, path } = await load({ head, pool: 'avg' });
    const names = layersOf(model.widths).map(({ name }) => name);
    expect(names.slice(BASE.length)).toEqual(['avgpool', ...head.map((_, i) => `fc${i + 1}`), 'softmax']);
    for (const [width, height] of [
      [64, 64],
      [100, 70],
    ] as const) {
      const pictures = [1, 2].map((seed) => noise(width, height, seed));
      await expectSame(model, path, pictures, names.slice(BASE.length - 1));
    }
    model.dispose();
    expect(gpu().liveBuffers).toBe(0);
  });

  it('classifies pictures of different sizes, and gives the averages as features', async () => {
    const { model, path } = await load({ head: ['classifier.0', 'classifier.3'], pool: 'avg' });
    expect([model.inputSide, model.hasClassifier, model.labels.length]).toEqual([undefined, true, 6]);
    const pictures = [noise(64, 64, 1), noise(100, 70, 2)];
    const both = await model.classify(pictures, { framing: ANY, topK: 6 });
    const averages = await model.features(pictures, 'avgpool', { framing: ANY });
    for (const [i, picture] of pictures.entries()) {
      const wanted = await expected(path, [picture]);
      const scores = [...both[i]!].sort((a, b) => a.index - b.index).map(({ score }) => score);
      expect(nmse(scores, wanted.get('softmax')!)).toBeLessThanOrEqual(MAX_NMSE);
      expect(averages[i]!.shape).toEqual([9]);
      expect(nmse(averages[i]!.data, wanted.get('avgpool')!)).toBeLessThanOrEqual(MAX_NMSE);
    }
    await expect(model.classify(noise(31, 64, 3), { framing: ANY })).rejects.toThrow('too small for VGG16');
    const none = model.features(pictures[0]!, 'fc3', { framing: ANY });
    await expect(none).rejects.toThrow(
      /no layer "fc3" in these weights; .* block5_pool avgpool fc1 fc2 softmax$/,
    );
    await expect(model.forward([pictures[0]!], ['fc2', 'fc3'])).rejects.toThrow('no layer "fc3"');
    model.dispose();
  });
});

describe('a head behind another pooling', () => {
  it('of the largest numbers: every layer of it, pictures of any size', async () => {
    const { model, path } = await load({ head: ['classifier.0', 'classifier.3'], pool: 'max' });
    const names = layersOf(model.widths).map(({ name }) => name);
    expect(names.slice(BASE.length)).toEqual(['maxpool', 'fc1', 'fc2', 'softmax']);
    await expectSame(model, path, [noise(100, 70, 1), noise(100, 70, 2)], names.slice(BASE.length - 1));
    const { data } = await model.features(noise(64, 64, 3), 'block5_pool', { framing: ANY });
    const scores = await model.classifyRows(Float32Array.from(data), { count: 1, batch: 2, size: 64 });
    const wanted = (await expected(path, [noise(64, 64, 3)])).get('softmax')!;
    expect(nmse(scores, wanted)).toBeLessThanOrEqual(MAX_NMSE);
    model.dispose();
  });

  it('of averaged windows: every layer of it, pictures of one size', async () => {
    const { model, path } = await load({ head: ['classifier.0'], pool: 'avg2', featureSide: 2 });
    await expectSame(model, path, [noise(128, 128, 1)], ['block5_pool', 'avgpool', 'fc1', 'softmax']);
    expect(model.inputSide).toBe(128);
    expect(model.layers(128, 128, 'avgpool').at(-1)!.shape).toEqual([2, 2, 9]);
    // An odd row and column of the map are in no window.
    await expectSame(model, path, [noise(160, 160, 2)], ['avgpool', 'softmax']);
    await expect(model.classify(noise(64, 64, 6), { framing: ANY })).rejects.toThrow('128 x 128 pixels');
    model.dispose();
  });

  it.each(['max', 'avg2'] as const)('of %s has gradients', async (pool) => {
    const { model, path } = await load({ head: ['classifier.0'], pool, featureSide: 2 });
    const side = pool === 'max' ? 64 : 128;
    const of = { layer: 'fc1', channel: 3 } as const;
    const picture = noise(side, side, 5);
    const gradients = await model.gradients([picture], { of, by: 'block5_pool' });
    // The result is linear in the map, but for its bias.
    const { data: map } = await model.features(picture, 'block5_pool', { framing: ANY });
    const { data: scores } = await model.features(picture, 'fc1', { framing: ANY });
    const sum = map.reduce((total, value, i) => total + value * gradients.get('block5_pool')!.data[i]!, 0);
    const source = await openWeights(path);
    const biases = new Float32Array(NARROW.classes);
    await source.read('classifier.0.bias', 0, new Uint8Array(biases.buffer));
    await source.close();
    expect(sum + biases[3]!).toBeCloseTo(scores[3]!, 4);
    model.dispose();
  });
});

describe('what a head costs', () => {
  const AVERAGED: Widths = {
    ...PAPER_WIDTHS,
    dense: new Map([
      ['fc1', 256],
      ['fc2', 10],
    ]),
    pool: 'avg',
    featureSide: undefined,
  };

  it('is counted at any size', () => {
    const { layers, total } = costsOf(AVERAGED, 448, 224, 'softmax');
    expect(
      layers.slice(-4).map(({ layer, shape, parameters, flops }) => [layer, shape, parameters, flops]),
    ).toEqual([
      ['avgpool', [512], 0, 14 * 7 * 512],
      ['fc1', [256], 512 * 256 + 256, 2 * 512 * 256],
      ['fc2', [10], 256 * 10 + 10, 2 * 256 * 10],
      ['softmax', [10], 0, 4 * 10],
    ]);
    expect(total.parameters).toBe(14_714_688 + 131_328 + 2_570);
  });

  it('has ReLU in every dense layer but the last', () => {
    const dense = (widths: Widths) =>
      planLayers(widths, 224, 224, 'softmax')
        .filter(({ operation }) => operation === 'linear')
        .map(({ name, relu }) => [name, relu]);
    expect(dense(PAPER_WIDTHS)).toEqual([
      ['fc1', true],
      ['fc2', true],
      ['fc3', false],
    ]);
    expect(dense(AVERAGED)).toEqual([
      ['fc1', true],
      ['fc2', false],
    ]);
    expect(dense({ ...PAPER_WIDTHS, dense: new Map([['fc1', 10]]) })).toEqual([['fc1', false]]);
  });

  it('is nothing without one', () => {
    expect(layersOf({ ...AVERAGED, dense: new Map() })).toEqual(
      BASE_LAYERS.map(({ name, operation }) => ({ name, operation })),
    );
    expect(() => planLayers({ ...AVERAGED, dense: new Map() }, 224, 224, 'softmax')).toThrow(
      /no layer "softmax" in these weights; their layers are block1_conv1 .* block5_pool$/,
    );
  });
});
