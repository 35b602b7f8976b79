// Weights named in code as on the command line: one rule for both.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { embeddedBasePath } from '../../../src/node/embedded.js';
import { VGG16 } from '../../../src/node/vgg16.js';
import { locateWeights } from '../../../src/node/weights/locate.js';
import { openWeights } from '../../../src/node/weights/open.js';
import { useGpu } from '../../support/gpu.js';
import { writeRandomVgg16 } from '../../support/random_vgg16.js';
import { sends, useServer } from '../fetch/server.js';

const server = useServer();
const gpu = useGpu();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16 names '));
  vi.stubEnv('VGG16_CACHE', folder);
  vi.stubEnv('VGG16_OFFLINE', undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe('a name', () => {
  it('that is known is fetched on first use, and found from then on', async () => {
    server.behave(sends());
    vi.stubEnv('VGG16_WEIGHTS_URL', new URL('.', server.url).href);
    const first = await openWeights('timm');
    await first.close();
    expect(first.path.startsWith(folder)).toBe(true);
    expect(first.tensors.get('classifier.0.weight')!.shape[0]).toBe(1000);
    const asked = server.asked.length;
    expect(asked).toBeGreaterThan(0);
    const again = await openWeights('timm');
    await again.close();
    expect(again.path).toBe(first.path);
    expect(server.asked).toHaveLength(asked);
  });

  it('that is known and not there is one line that says what to do, offline', async () => {
    vi.stubEnv('VGG16_OFFLINE', '1');
    await expect(VGG16.load({ weights: 'keras-notop', gpu: gpu() })).rejects.toThrow(
      /^no keras-notop weights in the cache, and offline: download https:.* by hand and save it as .*$/,
    );
  });

  it('that is none is no file and no name', async () => {
    await expect(VGG16.load({ weights: 'kerass', gpu: gpu() })).rejects.toThrow(
      'kerass: no such file or run, and none of `vgg16 weights list` (embedded, mini, torchvision, timm, keras, keras-notop)',
    );
  });

  it('of the embedded base is its file, without any fetching', async () => {
    const fetch = vi.fn();
    expect(await locateWeights('embedded', fetch)).toEqual({ path: embeddedBasePath() });
    expect(fetch).not.toHaveBeenCalled();
    using model = await VGG16.load({ weights: 'embedded', gpu: gpu() });
    expect(model.path).toBe(embeddedBasePath());
  });

  it('of a file is that file, even where the name is known', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      await writeRandomVgg16('keras', {
        widths: [1, 1, 1, 1, 1],
        hidden: 1,
        classes: 1,
        featureSide: 1,
        seed: 1,
        top: false,
      });
      expect(await locateWeights('keras')).toEqual({ path: 'keras' });
      const opened = await openWeights('keras');
      await opened.close();
      expect(opened.tensors.size).toBe(26);
    } finally {
      process.chdir(before);
    }
  });
});

describe('weights that are open already', () => {
  it('are loaded without opening them again, and stay open', async () => {
    const opened = await openWeights('embedded');
    try {
      for (let round = 0; round < 2; round++) {
        using model = await VGG16.load({ weights: opened, gpu: gpu() });
        expect(model.path).toBe(embeddedBasePath());
      }
      await expect(VGG16.load({ weights: opened, preprocess: 'unit', gpu: gpu() })).rejects.toThrow(
        'preprocess is an option of openWeights() where weights are open already',
      );
      await opened.read('features.0.bias', 0, new Uint8Array(2));
    } finally {
      await opened.close();
    }
    await expect(VGG16.load({ weights: {} as never, gpu: gpu() })).rejects.toThrow(
      'or what openWeights gives',
    );
  });
});
