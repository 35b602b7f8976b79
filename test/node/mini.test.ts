// The small network in the package: the file as released, with classes, and features of any size.

import { describe, expect, it } from 'vitest';
import { verifyPackaged } from '../../src/node/embedded.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { seededRandom } from '../../src/random.js';
import { useGpu } from '../support/gpu.js';

const gpu = useGpu();

describe('mini', () => {
  it('is the file as released', async () => {
    expect(await verifyPackaged('mini')).toMatch(/vgg16-mini\.safetensors$/);
  });

  it("has CIFAR-10's classes, and gives each its probability", async () => {
    using model = await VGG16.load({ weights: 'mini', gpu: gpu() });
    expect(model.labels.map(({ label }) => label)).toEqual(
      'airplane automobile bird cat deer dog frog horse ship truck'.split(' '),
    );
    expect([...model.widths.convs.values()]).toEqual([
      16, 16, 32, 32, 64, 64, 64, 128, 128, 128, 128, 128, 128,
    ]);
    const random = seededRandom(1);
    const data = Uint8Array.from({ length: 40 * 50 * 3 }, () => random.below(256));
    const answers = await model.classify({ width: 50, height: 40, data }, { topK: 10 });
    expect(answers.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5);
    expect(new Set(answers.map(({ label }) => label)).size).toBe(10);
  });
});
