// Pictures are read while the GPU computes: how far ahead, and what is said of the time in which the GPU has to wait.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { atMost } from '../../../src/ahead.js';
import type { ExtractOptions } from '../../../src/node/features/table.js';
import type { FeatureSpec, FeatureStats } from '../../../src/train/features/spec.js';
import { samplesOf } from '../training/pictures.js';
import { useNetwork } from '../training/support.js';

/** How long a picture takes to decode, ms, one after another; and how many are decoded. */
const decoding = { ms: 0, done: 0 };
const oneByOne = atMost(1);

vi.mock('../../../src/node/features/contents.js', async (original) => {
  const real = await original<typeof import('../../../src/node/features/contents.js')>();
  const withContents: typeof real.withContents = (sample, use) =>
    real.withContents(sample, (contents) => {
      const decode = async () => {
        if (decoding.ms > 0) await oneByOne(() => sleep(decoding.ms));
        decoding.done++;
        return contents.decode();
      };
      return use({ ...contents, decode });
    });
  return { ...real, withContents };
});
const { extractFeatures } = await import('../../../src/node/features/table.js');

const SPEC: FeatureSpec = {
  ...{ layer: 'block1_pool', pool: 'avg', size: 32, seed: 1 },
  ...{ views: 0, augment: [] },
};

const { model } = useNetwork();

/** Has `work` done where a pass through the network would be. */
function passesTake(work: () => Promise<unknown>) {
  return vi.spyOn(model(), 'forward').mockImplementation(async (pictures, [layer]) => {
    await work();
    return new Map([[layer!, new Float32Array((pictures as unknown[]).length * 16 * 16 * 4)]]);
  });
}

async function extract(count: number, options: Partial<ExtractOptions>): Promise<FeatureStats> {
  Object.assign(decoding, { done: 0 });
  const table = await extractFeatures(model(), samplesOf(count, 1), SPEC, {
    fingerprint: 'narrow',
    ...options,
  });
  await table.close();
  return table.stats;
}

afterEach(() => {
  vi.restoreAllMocks();
  decoding.ms = 0;
});

describe('extractFeatures', () => {
  it('decodes the next batches while a pass is under way, and no more than those', async () => {
    const [batch, count] = [3, 60];
    let finish!: () => void;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const forward = passesTake(() => finished);
    const extracting = extract(count, { batch });
    await vi.waitFor(() => expect(forward).toHaveBeenCalled());
    // The batch that is computed, and two more.
    await vi.waitFor(() => expect(decoding.done).toBeGreaterThanOrEqual(3 * batch), 10_000);
    await sleep(100);
    expect(decoding.done).toBeLessThan(count / 2);
    finish();
    expect(await extracting).toMatchObject({ computed: count, broken: 0 });
    expect(decoding.done).toBe(count);
  });

  it('says that the GPU waits for pictures where they are slow, and not where they are fast', async () => {
    passesTake(() => sleep(40));
    // A pass of 40 ms every 120 ms, but for the first, which no other is before: 2/3 of the time there is none.
    decoding.ms = 120;
    expect((await extract(8, { batch: 1 })).gpuIdleShare).toBeGreaterThan(0.5);
    decoding.ms = 0;
    expect((await extract(8, { batch: 1 })).gpuIdleShare).toBeLessThan(0.3);
  });
});
