// One device for a whole test file: whatever adapter there is, SwiftShader out of npm if nothing else.

import { afterAll, beforeAll } from 'vitest';
import { Gpu, type GpuOptions } from '../../src/gpu/gpu.js';

/** Opens a device before the tests of the calling file and disposes of it after them. */
export function useGpu(options: GpuOptions = {}): () => Gpu {
  let gpu: Gpu | undefined;
  beforeAll(async () => {
    gpu = await Gpu.open(options);
  });
  afterAll(() => gpu?.dispose());
  return () => {
    if (!gpu) throw new Error('the device is open only while tests run');
    return gpu;
  };
}
