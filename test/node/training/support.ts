// A small network with random weights to train heads on.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { VGG16 } from '../../../src/node/vgg16.js';
import { useGpu } from '../../support/gpu.js';
import { type RandomVgg16, writeRandomVgg16 } from '../../support/random_vgg16.js';

export const NETWORK: RandomVgg16 = {
  widths: [4, 4, 8, 8, 8],
  hidden: 8,
  classes: 3,
  seed: 35,
  top: false,
  metadata: { preprocess: 'torchvision' },
};

/** A network, its device, and a folder, open while the tests of the calling file run. */
export function useNetwork(options: Partial<RandomVgg16> = {}): {
  model(): VGG16;
  path(...names: string[]): string;
} {
  const gpu = useGpu();
  let folder: string;
  let model: VGG16;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vgg16 train '));
    const weights = join(folder, 'base.safetensors');
    await writeRandomVgg16(weights, { ...NETWORK, ...options });
    model = await VGG16.load({ weights, gpu: gpu() });
  });
  afterAll(async () => {
    model?.dispose();
    await rm(folder, { recursive: true, force: true });
  });
  return { model: () => model, path: (...names) => join(folder, ...names) };
}
