// What an adapter can do at most, measured: the roof under which every kernel stands.

import type { Gpu } from '../gpu/gpu.js';
import { bindable } from '../gpu/limits.js';
import { Recorder } from '../gpu/recorder.js';
import { Tensor } from '../gpu/tensor.js';
import { FLOPS_PER_REPEAT, peakFma, peakRead } from '../kernels/peak/peak.js';
import { timed } from './turns.js';

export interface Peak {
  /** 10^9 floating point operations a second, f32, in registers. */
  readonly gflops: number;
  /** 10^9 bytes a second, read from a buffer. */
  readonly gbps: number;
}

/** A run shorter than this is mostly its start. */
const MIN_MS = 40;
const REPEATS = 1024;
/** Larger than the caches of most. */
const READ_BYTES = 256 * 2 ** 20;
/** Enough reads on their way at once for the fastest memories there are. */
const READ_THREADS = 2 ** 18;
/** The best of these: whatever disturbs a run makes it slower. */
const RUNS = 5;

/** Takes less than a second or two. @throws GpuError */
export async function measurePeak(gpu: Gpu): Promise<Peak> {
  return { gflops: await measureFlops(gpu), gbps: await measureBytes(gpu) };
}

/** More and more threads, until they take long enough to be timed. */
async function measureFlops(gpu: Gpu): Promise<number> {
  // Towards 1, so that no number overflows or becomes so small that it is slow.
  const ab = await Tensor.from(gpu, 'a and b', [8], new Float32Array(8).fill(0.5));
  const most = Math.floor(bindable(gpu.limits) / 16);
  try {
    for (let threads = 2 ** 12; ; threads *= 4) {
      const y = await Tensor.create(gpu, 'y', [4 * Math.min(threads, most)]);
      try {
        const ms = await fastest(gpu, (recorder) => peakFma(recorder, { ab, y, repeats: REPEATS }));
        if (ms >= MIN_MS || threads >= most) return ((y.size / 4) * REPEATS * FLOPS_PER_REPEAT) / ms / 1e6;
      } finally {
        y.dispose();
      }
    }
  } finally {
    ab.dispose();
  }
}

async function measureBytes(gpu: Gpu): Promise<number> {
  const bytes = Math.min(READ_BYTES, Math.floor(bindable(gpu.limits) / 16) * 16);
  const x = await Tensor.create(gpu, 'x', [bytes / 4]);
  const y = await Tensor.create(gpu, 'y', [4 * READ_THREADS]);
  try {
    const read = (recorder: Recorder) => peakRead(recorder, { x, y });
    const repeats = Math.max(1, Math.ceil(MIN_MS / (await fastest(gpu, read))));
    return (repeats * bytes) / (await fastest(gpu, read, repeats)) / 1e6;
  } finally {
    x.dispose();
    y.dispose();
  }
}

async function fastest(gpu: Gpu, record: (recorder: Recorder) => void, repeats = 1): Promise<number> {
  const recorder = new Recorder(gpu, 'peak');
  record(recorder);
  const plan = await recorder.finish();
  try {
    const run = () => timed(() => plan.repeat(repeats));
    await run();
    const times: number[] = [];
    for (let i = 0; i < RUNS; i++) times.push(await run());
    return Math.min(...times);
  } finally {
    plan.dispose();
  }
}
