// A small VGG16, tuned: what is chosen is right, is kept, and is taken by whatever loads it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { UsageError } from '../../src/errors.js';
import type { Conv3x3Choice } from '../../src/kernels/conv3x3/candidates.js';
import {
  Choices,
  type ChoicesRecord,
  type ConvEntry,
  choicesKeyOf,
  type DenseEntry,
  recordOf,
} from '../../src/network/choices.js';
import { layersOf, planLayers } from '../../src/network/layers.js';
import { Gpu } from '../../src/node/gpu.js';
import { tuneNetwork } from '../../src/node/tune_network.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { shapesOf } from '../../src/tune/shapes.js';
import { tune } from '../../src/tune/tune.js';
import { expectSame, noise } from '../support/expected.js';
import { useGpu } from '../support/gpu.js';
import { type RandomVgg16, writeRandomVgg16 } from '../support/random_vgg16.js';

const NARROW: RandomVgg16 = { widths: [4, 6, 8, 9, 20], hidden: 18, classes: 7, featureSide: 1, seed: 1 };

const gpu = useGpu();
let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-tune-'));
  path = join(folder, 'narrow.safetensors');
  await writeRandomVgg16(path, { ...NARROW, metadata: { preprocess: 'torchvision' } });
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

const load = (tuned?: boolean | ChoicesRecord) => VGG16.load({ weights: path, gpu: gpu(), tuned });

describe('tuning', () => {
  it('chooses what is right, keeps it, and loading takes it', async () => {
    vi.stubEnv('VGG16_CACHE', join(folder, 'cache'));
    const model = await load(false);
    const { widths } = model;
    const said: number[] = [];
    const { shapes } = await tuneNetwork(gpu(), widths, {
      ...{ dtype: 'f32', height: 32, width: 32, until: 'block2_pool', batches: [2] },
      onProgress: (done, total) => said.push(done / total),
    });
    expect(shapes.map(({ layers }) => layers)).toEqual([
      ['block1_conv1'],
      ['block1_conv2'],
      ['block2_conv1'],
      ['block2_conv2'],
    ]);
    expect(shapes.flatMap(({ outcome }) => outcome.leftOut)).toEqual([]);
    expect([said[0], said.at(-1)]).toEqual([0, 1]);
    for (const { outcome } of shapes)
      expect(outcome.winner!.ms).toBeLessThanOrEqual(outcome.winner!.defaultMs);
    model.dispose();

    const tuned = await load(true);
    expect(tuned.choices.conv3x3.map(({ choice }) => choice)).toEqual(
      shapes.map(({ outcome }) => outcome.winner!.choice),
    );
    await expectSame(tuned, path, [noise(32, 32, 1), noise(32, 32, 2)], ['block1_conv1', 'block2_pool']);
    tuned.dispose();
    // Tests say so for all, in their environment.
    const untuned = await load();
    expect(untuned.choices.isEmpty).toBe(true);
    untuned.dispose();
    expect(gpu().liveBuffers).toBe(0);
  });

  it('chooses for dense layers, in pieces too, and weights of f16', async () => {
    using lesser = await Gpu.open({ atMost: { maxStorageBufferBindingSize: 64 * 48 * 2 } });
    const shape = { N: 2, D: 64, O: 96 };
    const dense = [{ operation: 'linear', shape, layers: ['fc1'] }] as const;
    const [tuned] = await tune(lesser, dense, { dtype: 'f16' });
    expect(tuned!.outcome.leftOut).toEqual([]);
    expect(tuned!.outcome.winner).toBeDefined();
    expect(lesser.liveBuffers).toBe(0);
  });

  it('takes no null backend and no batch that has no room', async () => {
    using none = await Gpu.open({ adapter: 'null' });
    const model = await load(false);
    const options = { dtype: 'f32', height: 32, width: 32, until: 'block2_pool' } as const;
    await expect(tuneNetwork(none, model.widths, { ...options, batches: [1] })).rejects.toThrow(UsageError);
    await expect(tuneNetwork(gpu(), model.widths, { ...options, batches: [1e6] })).rejects.toThrow(
      /^a batch of 1000000 pictures of 32 x 32 px: the adapter can hold \d+$/,
    );
    model.dispose();
  });
});

describe('a plan', () => {
  /** Kernels that are not the default, and of which most serve several layers: CPUs are slow to compile. */
  const OTHERS: readonly Conv3x3Choice[] = [
    { rung: '05_winograd_4x4', tiling: { BM: 64 } },
    { rung: '05_winograd_2x2' },
    { rung: '05_winograd_4x4' },
  ];

  /** For each layer another kernel. */
  async function odd(model: VGG16, batch: number): Promise<ChoicesRecord> {
    const layers = planLayers(model.widths, 32, 32, 'softmax');
    const conv3x3 = shapesOf(layers, batch).flatMap(({ operation, shape }, i): ConvEntry[] => {
      if (operation !== 'conv3x3') return [];
      // One that does not pool, where there is pooling.
      const choice = i === 3 ? { rung: '03_register_blocked' as const } : OTHERS[i % OTHERS.length]!;
      return [{ shape, choice, ms: 1, defaultMs: 1 }];
    });
    const linear = shapesOf(layers, batch).flatMap(({ operation, shape }): DenseEntry[] => {
      if (operation !== 'linear' || batch < 4) return [];
      return [{ shape, choice: { rung: '04_register_blocked', workgroups: 256 }, ms: 1, defaultMs: 1 }];
    });
    return recordOf(choicesKeyOf(gpu(), 'f32'), new Choices(conv3x3, linear));
  }

  it('takes every choice, and is right: all layers against float64', async () => {
    const plain = await load(false);
    const record = await odd(plain, 4);
    plain.dispose();
    const model = await load(record);
    expect(model.choices.conv3x3).toHaveLength(record.conv3x3.length);
    const all = layersOf(model.widths).map(({ name }) => name);
    const pictures = [1, 2, 3, 4].map((seed) => noise(32, 32, seed));
    const kernels = vi.spyOn(gpu().pipelines, 'get');
    await expectSame(model, path, pictures, all);
    // And with what is pooled fused, where nobody asks for it.
    await expectSame(model, path, pictures, ['block3_pool', 'softmax']);
    const names = new Set(kernels.mock.calls.map(([{ name }]) => name));
    kernels.mockRestore();
    expect([...names].filter((name) => /^(conv3x3|linear)/.test(name)).sort()).toEqual([
      'conv3x3/03_register_blocked',
      ...['filter', 'input', 'output'].map((pass) => `conv3x3/05_winograd_2x2_${pass}`),
      ...['filter', 'input', 'output'].map((pass) => `conv3x3/05_winograd_4x4_${pass}`),
      'conv3x3/05_winograd_product',
      'linear/03_gemv_sum',
      'linear/04_register_blocked',
      'linear/04_transpose',
    ]);
    model.dispose();
    expect(gpu().liveBuffers).toBe(0);
  });

  it('of a short batch rounds as that of a whole one, where it is told to', async () => {
    const plain = await load(false);
    const model = await load(await odd(plain, 32));
    const picture = noise(32, 32, 1);
    const forward = async (of: VGG16, choicesFor: number) =>
      (await of.forward([picture], ['block5_pool'], { choicesFor })).get('block5_pool')!;
    expect(await forward(model, 1)).toEqual(await forward(plain, 1));
    expect(await forward(model, 32)).not.toEqual(await forward(plain, 1));
    const kernels = (of: VGG16, batch: number) => of.kernels(batch, 32, 32, 'block5_pool');
    expect(kernels(model, 1)).toBe(kernels(plain, 1));
    expect(kernels(plain, 32)).toBe(kernels(plain, 1));
    expect(kernels(model, 32)).not.toBe(kernels(plain, 32));
    for (const one of [plain, model]) one.dispose();
  });

  it('takes the rungs that are named, whatever was chosen', async () => {
    const plain = await load(false);
    const tuned = await odd(plain, 1);
    plain.dispose();
    const rungs = { conv3x3: '03_register_blocked' } as const;
    const model = await VGG16.load({ weights: path, gpu: gpu(), tuned, rungs });
    const kernels = vi.spyOn(gpu().pipelines, 'get');
    await model.forward([noise(32, 32, 1)], ['block2_conv2']);
    const names = new Set(kernels.mock.calls.map(([{ name }]) => name));
    kernels.mockRestore();
    expect([...names].filter((name) => name.startsWith('conv3x3'))).toEqual(['conv3x3/03_register_blocked']);
    expect(model.kernels(1, 32, 32, 'block2_conv2').match(/0\d_\w+/g)).toEqual(
      Array(4).fill('03_register_blocked'),
    );
    model.dispose();
  });

  it('leaves choices aside that are not for this driver, and a note says so', async () => {
    const plain = await load(false);
    const model = await load({ ...(await odd(plain, 1)), driver: 'Mesa 9' });
    expect(model.choices.isEmpty).toBe(true);
    expect(model.notes.at(-1)).toMatch(
      /^what was chosen before is of the driver "Mesa 9", this is .*; it is left aside$/,
    );
    for (const one of [plain, model]) one.dispose();
  });
});
