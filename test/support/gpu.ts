// One device per process and kind: what a test has compiled, the next test need not compile again.

import { afterAll, beforeAll } from 'vitest';

import { Gpu, type GpuOptions } from '../../src/node/gpu.js';

const open = Gpu.open.bind(Gpu);
const shared = new Map<string, Promise<SharedGpu>>();

interface SharedGpu {
  readonly gpu: Gpu;
  /** Destroys all buffers that are left, as the device's end would. */
  free(): void;
}

async function openShared(options: GpuOptions): Promise<SharedGpu> {
  const gpu = await open(options);
  const alive = new Set<GPUBuffer>();
  const createBuffer = gpu.createBuffer.bind(gpu);
  const destroyBuffer = gpu.destroyBuffer.bind(gpu);
  gpu.createBuffer = async (request) => {
    const buffer = await createBuffer(request);
    alive.add(buffer);
    return buffer;
  };
  gpu.destroyBuffer = (buffer) => {
    alive.delete(buffer);
    destroyBuffer(buffer);
  };
  gpu.dispose = () => {};
  return { gpu, free: () => [...alive].forEach(gpu.destroyBuffer) };
}

function sharedOf(options: GpuOptions): Promise<SharedGpu> {
  const { adapter = process.env.VGG16_ADAPTER, ...others } = options;
  const key = JSON.stringify([adapter, others]);
  let opened = shared.get(key);
  if (!opened) {
    opened = openShared(options);
    // Drivers may come and go: that there was none is found out again.
    opened.catch(() => shared.delete(key));
    shared.set(key, opened);
  }
  return opened;
}

/**
 * The process's device for these options: whatever adapter there is, SwiftShader out of npm if nothing else. `dispose` leaves it
 * open, because other tests use it as well. Whoever loses a device or counts its pipelines opens one of their own.
 */
export async function sharedGpu(options: GpuOptions = {}): Promise<Gpu> {
  return (await sharedOf(options)).gpu;
}

/** Frees what is left on all shared devices. */
export async function freeSharedGpus(): Promise<void> {
  for (const opened of shared.values()) (await opened).free();
}

/** The shared device, which has no buffers yet, while the tests of the calling file run. */
export function useGpu(options: GpuOptions = {}): () => Gpu {
  let opened: SharedGpu | undefined;
  beforeAll(async () => {
    opened = await sharedOf(options);
  });
  afterAll(() => opened?.free());
  return () => {
    if (!opened) throw new Error('the device is open only while tests run');
    return opened.gpu;
  };
}
