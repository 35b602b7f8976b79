// The whole network on narrow VGG16s against an independent float64 one.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LayerName } from '../../src/architecture.js';
import { layersOf, PAPER_WIDTHS } from '../../src/network/layers.js';
import { Gpu } from '../../src/node/gpu.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { nmse } from '../../src/reference/compare.js';
import { expected, expectSame, MAX_NMSE, noise } from '../support/expected.js';
import { useGpu } from '../support/gpu.js';
import { type RandomVgg16, writeRandomVgg16 } from '../support/random_vgg16.js';

// Every width is off the grid of quads somewhere: padding must neither leak in nor be read out.
const NARROW: RandomVgg16 = { widths: [4, 6, 8, 9, 12], hidden: 18, classes: 7, featureSide: 2, seed: 1 };
const ALL = layersOf(PAPER_WIDTHS).map(({ name }) => name);
const BASE = ALL.slice(0, ALL.indexOf('block5_pool') + 1);
const ANY = { resize: 'none', crop: 'none' } as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-forward-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

// One device for all, so that its compiled kernels serve all.
const gpu = useGpu();

describe('the whole network', () => {
  it.each([
    { name: 'torchvision F32', naming: 'torchvision', dtype: 'F32', preprocess: 'torchvision' },
    { name: 'timm F32, no metadata', naming: 'timm', dtype: 'F32', preprocess: undefined },
    { name: 'torchvision F16, caffe', naming: 'torchvision', dtype: 'F16', preprocess: 'caffe (BGR)' },
    { name: 'timm BF16', naming: 'timm', dtype: 'BF16', preprocess: 'torchvision' },
  ] as const)('$name: every layer, batch 2', async ({ name, naming, dtype, preprocess }) => {
    const path = join(folder, `${name}.safetensors`);
    await writeRandomVgg16(path, { ...NARROW, naming, dtype, metadata: preprocess ? { preprocess } : {} });
    const model = await VGG16.load({ weights: path, gpu: gpu() });
    await expectSame(model, path, [noise(64, 64, 1), noise(64, 64, 2)], ALL);
    model.dispose();
    expect(gpu().liveBuffers).toBe(0);
  });

  it('takes any size without a top, odd and not square', async () => {
    const path = join(folder, 'base.safetensors');
    await writeRandomVgg16(path, { ...NARROW, top: false });
    const model = await VGG16.load({ weights: path, gpu: gpu() });
    await expectSame(model, path, [noise(67, 33, 3)], BASE);
    expect(model.hasClassifier).toBe(false);
    await expect(model.classify(noise(64, 64, 4))).rejects.toThrow('no classifier');
    model.dispose();
  });

  it('cuts fc1 and fc2 into as many pieces as the adapter needs, and is as right', async () => {
    const path = join(folder, 'wide.safetensors');
    await writeRandomVgg16(path, { ...NARROW, hidden: 362 });
    // Enough for a picture's activations (64 x 64 x 4 floats), not for fc1 (4 * 12 x 364 floats) or fc2 (364 x 364).
    const limit = 64 * 64 * 4 * 4;
    const lesser = await Gpu.open({ atMost: { maxStorageBufferBindingSize: limit } });
    const model = await VGG16.load({ weights: path, gpu: lesser });
    const labels = (await labelsOfBuffers(lesser, () => VGG16.load({ weights: path, gpu: lesser }))).filter(
      (label) => label.endsWith('kernel'),
    );
    expect(labels.filter((label) => label === 'fc1.kernel').length).toBe(2);
    expect(labels.filter((label) => label === 'fc2.kernel').length).toBe(9);
    await expectSame(model, path, [noise(64, 64, 5)], ALL);
    // Twelve pictures do not fit into one binding: they go in several passes.
    const many = Array.from({ length: 12 }, (_, i) => noise(64, 64, i));
    const together = await model.classify(many, { framing: ANY, batch: 12 });
    const alone = await model.classify(many[11]!, { framing: ANY });
    expect(together.length).toBe(12);
    expect(together[11]).toEqual(alone);
    lesser.dispose();
  });
});

/** The labels of the buffers made while `work` runs. */
async function labelsOfBuffers(gpu: Gpu, work: () => Promise<VGG16>): Promise<string[]> {
  const create = vi.spyOn(gpu.device, 'createBuffer');
  (await work()).dispose();
  const labels = create.mock.calls.map(([descriptor]) => descriptor.label ?? '');
  create.mockRestore();
  return labels;
}

describe('VGG16', () => {
  let path: string;
  let model: VGG16;
  beforeAll(async () => {
    path = join(folder, 'classifier.safetensors');
    const classes = JSON.stringify(['ant', 'bee', 'cat', 'dog', 'eel', 'fox', 'gnu']);
    await writeRandomVgg16(path, { ...NARROW, metadata: { classes } });
    model = await VGG16.load({ weights: path, gpu: gpu() });
  });

  it('ranks classes by probability, under their names', async () => {
    const picture = noise(64, 64, 6);
    const predictions = await model.classify(picture, { topK: 3, framing: ANY });
    const probabilities = (await expected(path, [picture])).get('softmax')!;
    const order = [...probabilities.keys()].sort((a, b) => probabilities[b]! - probabilities[a]!).slice(0, 3);
    expect(predictions.map(({ index }) => index)).toEqual(order);
    expect(predictions.map(({ label }) => label)).toEqual(
      order.map((i) => ['ant', 'bee', 'cat', 'dog', 'eel', 'fox', 'gnu'][i]),
    );
    predictions.forEach(({ score, wnid }, i) => {
      expect(score).toBeCloseTo(probabilities[order[i]!]!, 5);
      expect(wnid).toBeNull();
    });
  });

  it('gives an array for an array, in order, whatever the batch', async () => {
    const pictures = [7, 8, 9, 10, 11].map((seed) => noise(90, 70, seed));
    const one = await Promise.all(pictures.map((picture) => model.classify(picture)));
    for (const batch of [2, 8]) expect(await model.classify(pictures, { batch })).toEqual(one);
    expect(await model.classify([])).toEqual([]);
  });

  it('gives the features of any layer, averaged if asked', async () => {
    const picture = noise(64, 64, 12);
    const wanted = await expected(path, [picture]);
    const features = await model.features(picture, 'block3_pool', { framing: ANY });
    expect(features.shape).toEqual([8, 8, 8]);
    expect(nmse(features.data, wanted.get('block3_pool')!)).toBeLessThanOrEqual(MAX_NMSE);
    const averaged = await model.features(picture, 'block3_pool', { framing: ANY, pool: 'avg' });
    expect(averaged.shape).toEqual([8]);
    const sums = new Float64Array(8);
    wanted.get('block3_pool')!.forEach((value, i) => {
      sums[i % 8]! += value / 64;
    });
    expect(nmse(averaged.data, sums)).toBeLessThanOrEqual(MAX_NMSE);
    const [dense] = await model.features([picture], 'fc2', { framing: ANY });
    expect(dense!.shape).toEqual([18]);
  });

  it('is one submit and one read-back a pass', async () => {
    const picture = noise(64, 64, 13);
    await model.classify(picture, { framing: ANY });
    const submit = vi.spyOn(gpu().device.queue, 'submit');
    const map = vi.spyOn(Object.getPrototypeOf(gpu().device.createBuffer({ size: 4, usage: 1 })), 'mapAsync');
    await model.classify(picture, { framing: ANY });
    expect(submit).toHaveBeenCalledTimes(1);
    expect(map).toHaveBeenCalledTimes(1);
    submit.mockRestore();
    map.mockRestore();
  });

  it('says what does not suit', async () => {
    const picture = noise(64, 64, 14);
    await expect(model.features(picture, 'block9_pool' as LayerName)).rejects.toThrow(
      'there is no layer "block9_pool"',
    );
    const other = model.classify(noise(96, 96, 15), { framing: ANY });
    await expect(other).rejects.toThrow('the classifier takes pictures of 64 x 64 pixels');
    const tiny = model.features(noise(31, 64, 16), 'block1_pool', { framing: ANY });
    await expect(tiny).rejects.toThrow('too small for VGG16');
    await expect(model.classify(picture, { topK: 0 })).rejects.toThrow('topK');
    await expect(model.classify(picture, { batch: 1.5 })).rejects.toThrow('batch');
  });

  it('refuses pixels that are not what they say', async () => {
    const picture = noise(64, 64, 17);
    const rgba = { ...picture, data: new Uint8Array(64 * 64 * 4) };
    await expect(model.forward([rgba], ['block1_pool'])).rejects.toThrow('RGBA');
    const short = { ...picture, data: picture.data.subarray(3) };
    await expect(model.forward([picture, short], ['block1_pool'])).rejects.toThrow('need 12288 bytes');
    await expect(model.forward([picture, noise(32, 64, 18)], ['block1_pool'])).rejects.toThrow('of one size');
    await expect(model.forward([], ['block1_pool'])).rejects.toThrow('needs a picture');
  });

  it('finishes a call that it is disposed of under, and leaves nothing behind', async () => {
    const before = gpu().liveBuffers;
    const other = await VGG16.load({ weights: path, gpu: gpu() });
    // The first call has begun when its plan allocates.
    const create = gpu().createBuffer.bind(gpu());
    const creating = vi.spyOn(gpu(), 'createBuffer');
    const begun = new Promise<void>((resolve) => {
      creating.mockImplementationOnce((request) => {
        resolve();
        return create(request);
      });
    });
    const running = other.classify(noise(64, 64, 19), { framing: ANY });
    const waiting = other.features(noise(64, 64, 20), 'block1_pool', { framing: ANY });
    const refused = expect(waiting).rejects.toThrow('disposed of');
    await begun;
    creating.mockRestore();
    other.dispose();
    other.dispose();
    expect((await running).length).toBe(5);
    await refused;
    expect(gpu().liveBuffers).toBe(before);
    await expect(other.classify(noise(64, 64, 21), { framing: ANY })).rejects.toThrow('disposed of');
  });

  it('gives nothing for nothing, even when told to stop', async () => {
    expect(await model.classify([], { signal: AbortSignal.abort() })).toEqual([]);
  });

  it('stops when told to', async () => {
    const controller = new AbortController();
    const pictures = Array.from({ length: 6 }, (_, i) => noise(64, 64, i));
    const onProgress = (done: number) => {
      if (done === 2) controller.abort(new Error('enough'));
    };
    const running = model.classify(pictures, {
      framing: ANY,
      batch: 2,
      onProgress,
      signal: controller.signal,
    });
    await expect(running).rejects.toThrow('enough');
    await expect(VGG16.load({ weights: path, gpu: gpu(), signal: controller.signal })).rejects.toThrow(
      'enough',
    );
    expect((await model.classify(pictures[0]!, { framing: ANY })).length).toBe(5);
  });

  it('measures every layer, where the adapter has a clock', async () => {
    const timings = await model.profile({ batch: 1, height: 64, width: 64 }, 'softmax', { passes: 1 });
    if (!gpu().features.has('timestamp-query')) return expect(timings).toBeUndefined();
    expect(timings!.map(({ layer }) => layer)).toEqual(ALL);
    expect(timings!.every(({ ms }) => ms >= 0)).toBe(true);
    expect(timings!.reduce((sum, { ms }) => sum + ms, 0)).toBeGreaterThan(0);
  });
});
