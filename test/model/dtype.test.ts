// Weights kept as f16 on the GPU: the network with rounded kernels, in half the memory.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { UsageError, WeightsError } from '../../src/errors.js';
import { canRun } from '../../src/kernels/conv3x3/rungs.js';
import { columnsPerPiece } from '../../src/kernels/linear/pieces.js';
import { layersOf, PAPER_WIDTHS } from '../../src/network/layers.js';
import { Gpu } from '../../src/node/gpu.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { openWeights } from '../../src/node/weights/open.js';
import { writeSafetensors } from '../../src/node/weights/safetensors.js';
import { nmse } from '../../src/reference/compare.js';
import { decodeFloats, encodeFloats, readFloats } from '../../src/weights/floats.js';
import { expected, expectSame, noise } from '../support/expected.js';
import { useGpu } from '../support/gpu.js';
import { type RandomVgg16, writeRandomVgg16 } from '../support/random_vgg16.js';

// Every width is off the grid of quads somewhere, and some are odd: two columns share a word.
const NARROW: RandomVgg16 = { widths: [4, 6, 8, 9, 11], hidden: 17, classes: 7, featureSide: 2, seed: 11 };
const ALL = layersOf(PAPER_WIDTHS).map(({ name }) => name);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-dtype-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The same file with each tensor's values changed, as F32. */
async function changed(
  path: string,
  change: (name: string, values: Float32Array) => Float32Array,
): Promise<string> {
  const source = await openWeights(path);
  const tensors = [...source.tensors.values()].map(({ name, shape }) => ({
    ...{ name, shape, dtype: 'F32' as const },
    data: (async function* () {
      yield encodeFloats(change(name, await readFloats(source, name)), 'F32');
    })(),
  }));
  const to = `${path}.changed.safetensors`;
  await writeSafetensors(to, tensors, source.metadata);
  await source.close();
  return to;
}

/** The file that a network with f16 kernels is the same as: biases stay as they are. */
const withRoundedKernels = (path: string) =>
  changed(path, (name, values) =>
    name.endsWith('.weight') ? decodeFloats(encodeFloats(values, 'F16'), 'F16') : values,
  );

async function written(name: string, options: Partial<RandomVgg16> = {}): Promise<string> {
  const path = join(folder, `${name}.safetensors`);
  await writeRandomVgg16(path, { ...NARROW, ...options });
  return path;
}

describe.each([
  { how: 'widened by what the adapter has', without: [] },
  { how: 'unpacked, without shader-f16', without: ['shader-f16'] },
] as const)('f16 $how', ({ without }) => {
  const gpu = useGpu({ without });

  it.each(['F32', 'F16', 'BF16'] as const)(
    'of an %s file: every layer is that of the rounded kernels',
    async (dtype) => {
      const path = await written(dtype, { dtype });
      const model = await VGG16.load({ weights: path, gpu: gpu(), dtype: 'f16' });
      await expectSame(model, await withRoundedKernels(path), [noise(64, 64, 1), noise(64, 64, 2)], ALL);
      model.dispose();
      expect(gpu().liveBuffers).toBe(0);
    },
  );
});

describe('f16', () => {
  const gpu = useGpu();

  it('is streamed in chunks that begin with even rows, though they could hold one more', async () => {
    // fc2 has 2049 rows of 8196 bytes: 1023 of them fit into 8 MB, and 1022 are taken, three times.
    const path = await written('chunks', { hidden: 2049 });
    const model = await VGG16.load({ weights: path, gpu: gpu(), dtype: 'f16' });
    await expectSame(model, await withRoundedKernels(path), [noise(64, 64, 4)], ['fc1', 'fc2', 'softmax']);
    model.dispose();
  });

  it('is about as far from the exact weights as f16 is from f32', async () => {
    const path = await written('exact');
    const picture = noise(64, 64, 5);
    const model = await VGG16.load({ weights: path, gpu: gpu(), dtype: 'f16' });
    const scores = (await model.forward([picture], ['fc3'])).get('fc3')!;
    const error = nmse(scores, (await expected(path, [picture])).get('fc3')!);
    // A rounded weight is off by at most 2^-11 of it, 2^-12.8 in the mean square (evenly spread, mantissas as well);
    // in a sum errors add as their squares, and sixteen layers' as well: 16 * 2^-25.6. The rest is what cancels.
    expect(error).toBeLessThan(10 * 16 * 2 ** -25.6);
    expect(error).toBeGreaterThan(2 ** -25.6 / 10);
    model.dispose();
  });

  it.each(['01_naive', '02_tiled'] as const)('uses rung %s of both ladders', async (rung) => {
    const path = await written(rung);
    const rungs = { conv3x3: rung, linear: rung };
    const model = await VGG16.load({ weights: path, gpu: gpu(), dtype: 'f16', rungs });
    await expectSame(model, await withRoundedKernels(path), [noise(64, 64, 3)], ALL);
    model.dispose();
  });

  it('multiplies matrices of f16 where that is asked for, and rounds what each layer reads', async ({
    skip,
  }) => {
    skip(!canRun(gpu(), '07_subgroup_matrix', 'f16'), 'no subgroup matrices here');
    const path = await written('matrices');
    const picture = noise(64, 64, 6);
    const rungs = { conv3x3: '07_subgroup_matrix' } as const;
    const model = await VGG16.load({ weights: path, gpu: gpu(), dtype: 'f16', rungs });
    const features = (await model.forward([picture], ['block5_pool'])).get('block5_pool')!;
    const error = nmse(
      features,
      (await expected(await withRoundedKernels(path), [picture])).get('block5_pool')!,
    );
    // As above, of what thirteen convolutions read; more cancels, since rounded numbers of one sign meet weights of both.
    expect(error).toBeLessThan(100 * 13 * 2 ** -25.6);
    expect(error).toBeGreaterThan(2 ** -25.6 / 10);
    model.dispose();
    expect(gpu().liveBuffers).toBe(0);
  });

  it('is needed for that', async () => {
    const path = await written('no matrices');
    const nothing = await Gpu.open({ adapter: 'null' });
    const model = await VGG16.load({
      weights: path,
      gpu: nothing,
      rungs: { conv3x3: '07_subgroup_matrix' },
    });
    await expect(model.forward([noise(64, 64, 6)], ['block1_pool'])).rejects.toThrow(
      "block1_conv1: 07_subgroup_matrix needs kernels kept as f16, not f32: load the network with dtype 'f16'",
    );
    model.dispose();
    nothing.dispose();
  });

  it('takes half of the memory, but for biases', async () => {
    const path = await written('memory');
    const bytes = async (dtype: 'f32' | 'f16') => {
      const model = await VGG16.load({ weights: path, gpu: gpu(), dtype });
      const { liveBytes } = gpu();
      model.dispose();
      return liveBytes;
    };
    // Padded to quads: the convolutions' outputs 4, 8, 8, 12, 12, the dense layers' 20, 20, 8.
    const convs = [
      4 * 4,
      4 * 4,
      4 * 8,
      8 * 8,
      8 * 8,
      8 * 8,
      8 * 8,
      8 * 12,
      12 * 12,
      12 * 12,
      12 * 12,
      12 * 12,
      12 * 12,
    ];
    const kernels = 9 * convs.reduce((a, b) => a + b) + 4 * 12 * 20 + 20 * 20 + 20 * 8;
    const biases = 2 * (4 + 8) + 3 * (8 + 12 + 12) + 20 + 20 + 8;
    expect(await bytes('f32')).toBe(4 * kernels + 4 * biases);
    expect(await bytes('f16')).toBe(2 * kernels + 4 * biases);
  });

  it('needs half as many pieces, and is as right in them', async () => {
    expect(
      columnsPerPiece({ maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 32 }, 25088, 4096),
    ).toBe(1336);
    expect(
      columnsPerPiece({ maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 32 }, 25088, 4096, 'f16'),
    ).toBe(2672);
    const path = await written('pieces', { hidden: 362 });
    // Enough for a picture's activations, not for fc2's 364 x 364 numbers: 88 columns of them as f16, 44 as f32.
    const lesser = await Gpu.open({ atMost: { maxStorageBufferBindingSize: 64 * 64 * 4 * 4 } });
    const create = vi.spyOn(lesser.device, 'createBuffer');
    const model = await VGG16.load({ weights: path, gpu: lesser, dtype: 'f16' });
    const labels = create.mock.calls.map(([{ label }]) => label);
    expect(labels.filter((label) => label === 'fc1.kernel').length).toBe(1);
    expect(labels.filter((label) => label === 'fc2.kernel').length).toBe(5);
    await expectSame(model, await withRoundedKernels(path), [noise(64, 64, 6)], ['fc1', 'fc2', 'fc3']);
    lesser.dispose();
  });

  it('refuses a weight that would be infinite, naming tensor and place, and takes it as f32', async () => {
    const path = await changed(await written('large'), (name, values) => {
      // Rounds down to 65504: it fits.
      if (name === 'features.0.weight') values[3] = 65519;
      // Biases are f32.
      if (name === 'features.0.bias') values[0] = 1e6;
      if (name === 'classifier.3.weight') values[20] = -65520;
      return values;
    });
    const load = (dtype?: 'f16') => VGG16.load({ weights: path, gpu: gpu(), dtype });
    await expect(load('f16')).rejects.toThrow(WeightsError);
    await expect(load('f16')).rejects.toThrow(
      `${path}: tensor "classifier.3.weight": element 20 is -65520, which does not fit f16 (65504 at most); ` +
        'dtype f32 has a place for it',
    );
    expect(gpu().liveBuffers).toBe(0);
    (await load()).dispose();
  });

  it('still says NaN of NaN', async () => {
    const path = await changed(await written('nan'), (name, values) => {
      if (name === 'features.2.weight') values[5] = Number.NaN;
      return values;
    });
    await expect(VGG16.load({ weights: path, gpu: gpu(), dtype: 'f16' })).rejects.toThrow(
      'tensor "features.2.weight": element 5 is NaN; the file is damaged, or its training diverged',
    );
  });

  it('and f32 are all there is', async () => {
    for (const dtype of ['f64', 'F16', 'toString', '']) {
      const loading = VGG16.load({ gpu: gpu(), dtype: dtype as 'f16' });
      await expect(loading).rejects.toThrow(UsageError);
      await expect(loading).rejects.toThrow(`dtype is "${dtype}"; it must be f32 or f16`);
    }
    expect(gpu().liveBuffers).toBe(0);
  });
});
