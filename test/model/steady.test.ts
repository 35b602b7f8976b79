// Nothing grows: not the GPU's memory, not the host's.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VGG16 } from '../../src/node/vgg16.js';
import { useGpu } from '../support/gpu.js';
import { writeRandomVgg16 } from '../support/random_vgg16.js';

/** What SwiftShader computes fastest on a network this narrow. */
const RUNGS = { conv3x3: '04_vec4' } as const;

/** Readings of memory in a phase, and calls before each. */
const READINGS = 6;
const CALLS = 20;

/**
 * The lowest of several readings of resident memory, bytes, with calls before each. Lavapipe's heap is 30 MB larger for
 * a moment, every now and then; what leaks is there in the lowest reading as well.
 */
async function lowestMemory(call: () => Promise<void>): Promise<number> {
  let lowest = Infinity;
  for (let reading = 0; reading < READINGS; reading++) {
    for (let i = 0; i < CALLS; i++) await call();
    // vitest.config.ts starts Node with --expose-gc.
    globalThis.gc!();
    lowest = Math.min(lowest, process.memoryUsage().rss);
  }
  return lowest;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-steady-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('280 forward passes', () => {
  const gpu = useGpu();

  it('leave buffers and memory flat', async () => {
    const path = join(folder, 'narrow.safetensors');
    await writeRandomVgg16(path, { widths: [4, 4, 4, 4, 4], hidden: 8, classes: 4, featureSide: 4, seed: 1 });
    const model = await VGG16.load({ weights: path, gpu: gpu(), rungs: RUNGS });
    const picture = { width: 128, height: 128, data: new Uint8Array(128 * 128 * 3).fill(99) };
    // The first block has nearly all of the memory, and a fraction of the time.
    const framing = { resize: 'none', crop: 'none' } as const;
    const pass = () => model.features(picture, 'block1_pool', { framing, pool: 'avg' });
    const first = await pass();
    const again = async () => expect(await pass()).toEqual(first);

    // The heaps of Node and of the driver have to settle first.
    for (let i = 0; i < 2 * CALLS; i++) await again();
    const before = await lowestMemory(again);
    const { liveBuffers, liveBytes } = gpu();
    const after = await lowestMemory(again);
    expect(gpu().liveBuffers).toBe(liveBuffers);
    expect(gpu().liveBytes).toBe(liveBytes);
    // The memory of one forward pass, 600 kB, kept by every call, would be 72 MB; lavapipe's heap comes and goes by 30 MB.
    expect((after - before) / 2 ** 20).toBeLessThan(40);

    model.dispose();
    expect(gpu().liveBuffers).toBe(0);
    expect(gpu().liveBytes).toBe(0);
  });

  it('of changing sizes leave as many buffers as one', async () => {
    const path = join(folder, 'base.safetensors');
    await writeRandomVgg16(path, { widths: [4, 4, 4, 4, 4], hidden: 8, classes: 4, top: false, seed: 1 });
    const model = await VGG16.load({ weights: path, gpu: gpu(), rungs: RUNGS });
    const counts = new Set<number>();
    for (const side of [32, 48, 33, 64]) {
      const picture = { width: side, height: side, data: new Uint8Array(side * side * 3) };
      await model.features(picture, 'block1_pool', { framing: { resize: 'none', crop: 'none' } });
      counts.add(gpu().liveBuffers);
    }
    expect(counts.size).toBe(1);
    model.dispose();
  });
});
