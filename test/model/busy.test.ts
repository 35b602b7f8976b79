// While the results of one batch are looked at, the GPU has the next one.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { VGG16 } from '../../src/node/vgg16.js';
import { noise } from '../support/expected.js';
import { useGpu } from '../support/gpu.js';
import { writeRandomVgg16 } from '../support/random_vgg16.js';

const ANY = { resize: 'none', crop: 'none' } as const;
const OPTIONS = { framing: ANY, batch: 2 } as const;
/** Long enough for a batch of such pictures to be read and submitted. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 150));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-busy-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const gpu = useGpu();
let model: VGG16;
beforeAll(async () => {
  const path = join(folder, 'base.safetensors');
  await writeRandomVgg16(path, { widths: [4, 4, 4, 4, 4], hidden: 8, classes: 4, top: false, seed: 1 });
  model = await VGG16.load({ weights: path, gpu: gpu(), rungs: { conv3x3: '01_naive' } });
});

const pictures = (count: number) => Array.from({ length: count }, (_, i) => noise(32, 32, i));

describe('featuresEach', () => {
  it('has one batch more submitted than is looked at, and no more', async () => {
    const each = model.featuresEach(pictures(12), 'block2_pool', OPTIONS);
    await each.next();
    const submit = vi.spyOn(gpu().device.queue, 'submit');
    // Before the second result of the first batch is asked for, the second batch is on its way.
    await settled();
    expect(submit.mock.calls.length).toBeLessThanOrEqual(1);
    const before = gpu().liveBuffers;
    for (let i = 1; i < 8; i++) {
      const { value } = await each.next();
      expect(value!.index).toBe(i);
      await settled();
    }
    // Seven results later the fourth batch is looked at; the fifth is submitted, and no sixth.
    await vi.waitFor(() => expect(submit.mock.calls.length).toBeGreaterThanOrEqual(3), 10_000);
    await settled();
    expect(submit.mock.calls.length).toBeLessThanOrEqual(4);
    expect(gpu().liveBuffers).toBe(before);
    submit.mockRestore();
    await each.return(undefined);
  });

  it('submits a batch before the last one is read back', async () => {
    const events: string[] = [];
    const submit = vi.spyOn(gpu().device.queue, 'submit');
    submit.mockImplementation((buffers) => {
      events.push('submit');
      return Object.getPrototypeOf(gpu().device.queue).submit.call(gpu().device.queue, buffers);
    });
    const read = vi.spyOn(gpu(), 'readMapped').mockImplementation(async (...args) => {
      await settled();
      const result = await Object.getPrototypeOf(gpu()).readMapped.apply(gpu(), args);
      events.push('read');
      return result;
    });
    expect(await model.features(pictures(6), 'block1_pool', OPTIONS)).toHaveLength(6);
    read.mockRestore();
    submit.mockRestore();
    expect(events.slice(0, 3)).toEqual(['submit', 'submit', 'read']);
    expect(events.toSorted()).toEqual(['read', 'read', 'read', 'submit', 'submit', 'submit']);
  });

  it('gives what each batch gives alone', async () => {
    const all = pictures(7);
    const together = await model.features(all, 'block3_pool', OPTIONS);
    for (const [i, picture] of all.entries()) {
      expect(together[i]).toEqual(await model.features(picture, 'block3_pool', { framing: ANY }));
    }
  });

  it('of two callers at once, with different layers, gives each its own', async () => {
    const all = pictures(8);
    const [one, other] = await Promise.all([
      model.features(all, 'block1_pool', OPTIONS),
      model.features(all, 'block2_pool', OPTIONS),
    ]);
    expect(one).toEqual(await model.features(all, 'block1_pool', OPTIONS));
    expect(other).toEqual(await model.features(all, 'block2_pool', OPTIONS));
  });

  it('that is left early waits for what it has submitted, so that the model may go', async () => {
    const path = join(folder, 'base.safetensors');
    const own = await VGG16.load({ weights: path, adapter: process.env.VGG16_ADAPTER });
    for await (const { index } of own.featuresEach(pictures(8), 'block1_pool', OPTIONS)) {
      if (index === 1) break;
    }
    const done = vi.spyOn(own.gpu, 'destroyBuffer');
    own.dispose();
    // Nothing is on its way any more: memory is freed at once.
    expect(done).toHaveBeenCalled();
    expect(own.gpu.liveBuffers).toBe(0);
  });

  it('ends with the fault of a later picture only after the results before it', async () => {
    const bad = { width: 32, height: 32, data: new Uint8Array(5) };
    const seen: number[] = [];
    const run = async () => {
      for await (const { index } of model.featuresEach([...pictures(4), bad], 'block1_pool', OPTIONS)) {
        seen.push(index);
      }
    };
    await expect(run()).rejects.toThrow('bytes');
    expect(seen).toEqual([0, 1, 2, 3]);
  });
});
