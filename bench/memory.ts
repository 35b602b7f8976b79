// npm run bench:memory: what loading a whole VGG16, 553 MB, holds in the host's memory beside what the adapter holds.
//
// On an adapter with memory of its own, the process's peak is the host's share. A software adapter's memory is the
// process's as well: it is taken off, which overstates the host's share by what the driver itself holds.
//
// Prints JSON. Linux only: the peak is VmHWM of /proc/self/status.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memory, resetPeak } from '../src/bench/memory.js';
import { FULL_VGG16, writeRandomVgg16 } from '../src/bench/random_vgg16.js';
import { Gpu, VGG16 } from '../src/index.js';

const folder = await mkdtemp(join(tmpdir(), 'vgg16-memory-'));
try {
  const weights = process.argv[2] ?? join(folder, 'random.safetensors');
  if (!process.argv[2]) await writeRandomVgg16(weights, { ...FULL_VGG16, seed: 1 });
  const gpu = await Gpu.open();
  const idle = await memory('VmRSS');
  await resetPeak(); // writing the file above does not count
  const start = performance.now();
  const model = await VGG16.load({ weights, gpu });
  const seconds = (performance.now() - start) / 1000;
  const adapterBytes = gpu.liveBytes;
  const peak = await memory('VmHWM');
  const hostBytes = peak - (gpu.info.isSoftware ? adapterBytes : 0);
  console.log(
    JSON.stringify({ adapter: gpu.info.description, seconds, idle, adapterBytes, peak, hostBytes }),
  );
  model.dispose();
  gpu.dispose();
} finally {
  await rm(folder, { recursive: true, force: true });
}
