// Trained heads on any block of their base, against the float64 network, and as one file with it.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { costsOf } from '../../src/model/summary.js';
import { layersOf, planLayers } from '../../src/network/layers.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { convertWeights } from '../../src/node/weights/convert.js';
import { expectSame, noise } from '../support/expected.js';
import { useGpu } from '../support/gpu.js';
import { type RandomHead, writeRandomHead } from '../support/heads.js';
import { type RandomVgg16, writeRandomVgg16 } from '../support/random_vgg16.js';

const NARROW: RandomVgg16 = { widths: [4, 5, 6, 7, 9], hidden: 10, classes: 6, featureSide: 2, seed: 3 };
const ANY = { resize: 'none', crop: 'none' } as const;

let folder: string;
let base: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-trained-'));
  base = join(folder, 'base.safetensors');
  await writeRandomVgg16(base, NARROW); // whose own head is left out
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const gpu = useGpu();

async function load(options: Partial<RandomHead>): Promise<{ model: VGG16; path: string }> {
  const path = join(folder, 'best.safetensors');
  await writeRandomHead(path, { base, ...options });
  return { model: await VGG16.load({ weights: path, gpu: gpu() }), path };
}

describe('a head', () => {
  it.each([
    ['block5_pool', 'flatten', [9 * 2 * 2, 5, 3]],
    ['block4_pool', 'flatten', [7 * 4 * 4, 3]],
    ['block3_pool', 'avg', [6, 5, 3]],
    ['block1_pool', 'avg', [4, 3]],
  ] as const)('on %s, %s: every layer, batch 2', async (features, pool, units) => {
    const { model, path } = await load({ features, pool, units });
    const names = layersOf(model.widths).map(({ name }) => name);
    const head = [...(pool === 'avg' ? ['avgpool'] : []), ...units.slice(1).map((_, i) => `fc${i + 1}`)];
    expect(names.slice(names.indexOf(features) + 1)).toEqual([...head, 'softmax']);
    await expectSame(model, path, [noise(64, 64, 1), noise(64, 64, 2)], names);
    expect(model.labels.map(({ label }) => label)).toEqual(['ant', 'bee', 'kind 2']);
    expect(model).toMatchObject({ path, basePath: base, dtype: 'f32', preprocess: 'caffe', notes: [] });
    model.dispose();
    expect(gpu().liveBuffers).toBe(0);
  });

  it('on an earlier block has none of the later layers', async () => {
    const { model } = await load({ features: 'block2_pool', units: [5, 2] });
    await expect(model.features(noise(64, 64, 1), 'block3_conv1', { framing: ANY })).rejects.toThrow(
      /no layer "block3_conv1" in these weights; .* block2_pool avgpool fc1 softmax$/,
    );
    model.dispose();
  });

  it('sees pictures of the size that it was trained with, and says which it takes', async () => {
    const { model } = await load({
      features: 'block2_pool',
      pool: 'flatten',
      units: [5 * 15 * 15, 2],
      size: 63,
    });
    expect(model.inputSide).toBe(63);
    expect(await model.classify(noise(90, 70, 1))).toEqual(
      await model.classify(noise(90, 70, 1), { framing: { resize: 72, crop: 63 } }),
    );
    await expect(model.classify(noise(64, 64, 2), { framing: ANY })).rejects.toThrow(
      'the classifier takes pictures of 63 x 63 pixels; layers up to block2_pool take any size',
    );
    // Of 60 px, too, the second pooling leaves 15.
    expect(await model.classify(noise(60, 60, 2), { framing: ANY })).toHaveLength(2);
    model.dispose();
  });

  it('that averages sees them at its own size by default, and takes any', async () => {
    const { model } = await load({ features: 'block1_pool', units: [4, 2], size: 40 });
    expect(model.inputSide).toBeUndefined();
    const framing = { resize: 46, crop: 40 } as const;
    const picture = noise(60, 50, 1);
    expect(await model.classify(picture)).toEqual(await model.classify(picture, { framing }));
    expect(await model.classify(picture, { framing: ANY })).toHaveLength(2);
    model.dispose();
  });

  it('answers exactly as the one file that it is exported to, and as its run', async () => {
    const run = join(folder, 'runs', 'train');
    await mkdir(run, { recursive: true });
    const best = await writeRandomHead(join(run, 'best.safetensors'), {
      ...{ base, features: 'block4_pool', pool: 'flatten', units: [7 * 4 * 4, 5, 3] },
    });
    const one = join(folder, 'one.safetensors');
    await convertWeights(best, one, { dtype: 'f32' });
    const pictures = [noise(70, 64, 1), noise(64, 90, 2)];
    const answers = [];
    for (const weights of [best, run, one]) {
      const model = await VGG16.load({ weights, gpu: gpu() });
      answers.push(await model.classify(pictures));
      model.dispose();
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });

  it('reports all of its bytes while it is loaded, and no others', async () => {
    const path = await writeRandomHead(join(folder, 'some'), {
      base,
      features: 'block2_pool',
      units: [5, 2],
    });
    const seen: { loaded: number; total: number }[] = [];
    const model = await VGG16.load({ weights: path, gpu: gpu(), onProgress: (p) => seen.push(p) });
    const { total } = costsOf(model.widths, 64, 64, 'softmax');
    expect(seen.at(-1)).toEqual({ loaded: total.weightBytes, total: total.weightBytes });
    model.dispose();
  });
});

describe('a plan', () => {
  it('cut at a block counts what is left', () => {
    const widths = {
      convs: new Map([
        ['block1_conv1', 8],
        ['block1_conv2', 8],
      ]),
      dense: new Map([['fc1', 2] as const]),
      ...({
        activation: 'softmax',
        pool: 'flatten',
        featureSide: 16,
        features: 'block1_pool',
        size: 33,
      } as const),
    };
    expect(planLayers(widths, 33, 33, 'softmax').map(({ name, shape }) => [name, shape])).toEqual([
      ['block1_conv1', [33, 33, 8]],
      ['block1_conv2', [33, 33, 8]],
      ['block1_pool', [16, 16, 8]],
      ['fc1', [2]],
      ['softmax', [2]],
    ]);
    expect(() => planLayers({ ...widths, size: undefined }, 40, 40, 'fc1')).toThrow('32 x 32 pixels');
  });
});
