// The network on Winograd's rungs: kernels transformed once and kept, pooling fused where nobody asks for what is pooled.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VGG16 } from '../../src/node/vgg16.js';
import { maxAbsError, nmse } from '../../src/reference/compare.js';
import { noise } from '../support/expected.js';
import { useGpu } from '../support/gpu.js';
import { writeRandomVgg16 } from '../support/random_vgg16.js';

const gpu = useGpu();
/** Sides are even in the first block and odd in the second; deeper blocks would only compile more of the same. */
const LAYERS = ['block1_conv2', 'block1_pool', 'block2_conv2', 'block2_pool'] as const;

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-winograd-'));
  path = join(folder, 'base.safetensors');
  await writeRandomVgg16(path, { widths: [16, 16, 16, 16, 16], hidden: 8, classes: 4, top: false, seed: 3 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each([
  { dtype: 'f32', layers: LAYERS },
  // How kernels are kept matters to their transform alone: the first block will do.
  { dtype: 'f16', layers: LAYERS.slice(0, 2) },
] as const)(
  'agrees with the direct rung, layer by layer, kernels kept as $dtype',
  async ({ dtype, layers }) => {
    const pictures = [noise(70, 38, 1), noise(70, 38, 2)];
    const direct = await VGG16.load({
      ...{ weights: path, gpu: gpu(), dtype },
      rungs: { conv3x3: '01_naive' },
    });
    const expected = await direct.forward(pictures, layers);
    direct.dispose();

    const model = await VGG16.load({ weights: path, gpu: gpu(), dtype });
    const results = await model.forward(pictures, layers);
    for (const layer of layers) {
      expect(nmse(results.get(layer)!, expected.get(layer)!)).toBeLessThan(1e-10);
    }
    // Without the convolutions' own results, those that pooling reads are never written.
    const { liveBytes } = gpu();
    const pools = layers.filter((layer) => layer.endsWith('_pool'));
    const pooled = await model.forward(pictures, pools);
    for (const [layer, values] of pooled) expect(maxAbsError(values, results.get(layer)!)).toBe(0);
    expect(gpu().liveBytes).toBeLessThan(liveBytes);
    // The transformed kernels are there already, whatever the pictures.
    const { liveBuffers } = gpu();
    await model.forward([noise(64, 64, 3)], pools);
    expect(gpu().liveBuffers).toBe(liveBuffers);
    model.dispose();
    expect(gpu().liveBuffers).toBe(0);
  },
);
