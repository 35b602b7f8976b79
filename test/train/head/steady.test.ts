// Hundreds of steps: memory stays flat, the host does not run ahead of the GPU, and a GPU that goes away is said to be gone.

import { memoryUsage } from 'node:process';
import { expect, it } from 'vitest';
import { DeviceLostError } from '../../../src/errors.js';
import { Gpu } from '../../../src/node/gpu.js';
import { useGpu } from '../../support/gpu.js';
import { ADAMW, BATCH, createHead, randomBatch } from './heads.js';

const gpu = useGpu();

/** So wide that a batch has 256 KiB: kept by each of 500 steps, it would be 125 MiB. */
const WIDE = { inputs: 8192, hidden: [], classes: 3 };

/** Bytes by which the heap of lavapipe comes and goes, and half as many again. */
const MEMORY_NOISE = 45 * 2 ** 20;

/** Steps of which the last are readings of memory, some steps apart. */
const STEPS = 500;
const READINGS = 5;
const STEPS_A_READING = 40;

it('leaves buffers and memory as they are over 500 steps', async () => {
  using trainer = await createHead(gpu(), { dropout: 0.5, clipNorm: 1 }, WIDE);
  const { x, labels } = randomBatch(1, BATCH, WIDE);
  const take = async (steps: number) => {
    for (let step = 0; step < steps; step++) await trainer.step(x, labels, 0.01);
    await trainer.readTotals();
  };
  /** The lowest of several readings: the heaps of Node and of the driver are larger for a moment, now and then. */
  const residentMemory = async () => {
    let lowest = Number.POSITIVE_INFINITY;
    for (let reading = 0; reading < READINGS; reading++) {
      await take(STEPS_A_READING);
      // vitest.config.ts starts Node with --expose-gc.
      globalThis.gc!();
      lowest = Math.min(lowest, memoryUsage().rss);
    }
    return lowest;
  };
  await take(150);
  const before = await residentMemory();
  const { liveBuffers, liveBytes } = gpu();
  await take(STEPS - READINGS * STEPS_A_READING);
  const after = await residentMemory();
  expect(gpu()).toMatchObject({ liveBuffers, liveBytes });
  expect(after - before).toBeLessThan(MEMORY_NOISE);
}, 300_000);

it('gives all of its memory back', async () => {
  const before = { buffers: gpu().liveBuffers, bytes: gpu().liveBytes };
  const trainer = await createHead(gpu(), { dropout: 0.5, clipNorm: 1 });
  expect(gpu().liveBuffers).toBeGreaterThan(before.buffers);
  trainer.dispose();
  trainer.dispose();
  expect({ buffers: gpu().liveBuffers, bytes: gpu().liveBytes }).toEqual(before);
});

it('waits when the GPU is three steps behind', async () => {
  const { queue } = gpu().device;
  using trainer = await createHead(gpu(), { dropout: 0.5, clipNorm: 1 });
  const { x, labels } = randomBatch(1);
  const finish: (() => void)[] = [];
  Object.defineProperty(queue, 'onSubmittedWorkDone', {
    value: () => new Promise<undefined>((resolve) => finish.push(() => resolve(undefined))),
    configurable: true,
  });
  try {
    for (let step = 0; step < 3; step++) await trainer.step(x, labels, 0.01);
    let isTaken = false;
    const fourth = trainer.step(x, labels, 0.01).then(() => {
      isTaken = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isTaken).toBe(false);
    finish[0]!();
    await fourth;
    expect(trainer.stepsDone).toBe(4);
  } finally {
    Reflect.deleteProperty(queue, 'onSubmittedWorkDone');
  }
});

it('says that the device is gone', async () => {
  using lost = await Gpu.open();
  const trainer = await createHead(lost, { optimiser: ADAMW });
  const { x, labels } = randomBatch(1);
  await trainer.step(x, labels, 0.01);
  lost.device.destroy();
  await expect(trainer.step(x, labels, 0.01)).rejects.toThrow(DeviceLostError);
  await expect(trainer.read('fc1.kernel')).rejects.toThrow(DeviceLostError);
  expect(trainer.stepsDone).toBe(1);
});
