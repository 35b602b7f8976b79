import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { GpuError } from '../../../src/errors.js';
import { runOnce } from '../../../src/gpu/recorder.js';
import { Tensor } from '../../../src/gpu/tensor.js';
import { Gpu } from '../../../src/node/gpu.js';
import { VGG16 } from '../../../src/node/vgg16.js';
import { useProgram } from '../../support/program.js';

const run = promisify(execFile);

const ADD_ONE = `
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) gid: vec3u) { y[gid.x] += 1; }`;

/** Everything that waits for Dawn, once. */
async function addOne(gpu: Gpu): Promise<number[]> {
  const y = await Tensor.from(gpu, 'y', [4], new Float32Array([1, 2, 3, 4]));
  try {
    await runOnce(gpu, 'add', (recorder) =>
      recorder.dispatch('add', { name: 'add', wgsl: ADD_ONE }, [y], [1, 1, 1]),
    );
    return [...(await y.read())];
  } finally {
    y.dispose();
  }
}

describe('fake timers', () => {
  afterAll(() => vi.useRealTimers());

  it('do not stop a device: it is opened, compiles, computes, reads back and reports errors', async () => {
    vi.useFakeTimers();
    const faked = globalThis.setImmediate;
    const gpu = await Gpu.open();
    try {
      expect(await addOne(gpu)).toEqual([2, 3, 4, 5]);
      const bad = runOnce(gpu, 'bad', (recorder) =>
        recorder.dispatch('bad', { name: 'bad', wgsl: 'fn' }, [], [1, 1, 1]),
      );
      await expect(bad).rejects.toThrow(GpuError);
      expect(globalThis.setImmediate).toBe(faked);
    } finally {
      gpu.dispose();
    }
  });
});

describe.skipIf(process.platform !== 'linux')('a device', () => {
  it('leaves no thread behind when it is disposed of', async () => {
    const threads = async (cycles: number) => {
      for (let i = 0; i < cycles; i++) {
        const gpu = await Gpu.open();
        await addOne(gpu);
        gpu.dispose();
      }
      globalThis.gc!();
      await sleep(50);
      return readdirSync('/proc/self/task').length;
    };
    const few = await threads(2);
    expect(await threads(10)).toBeLessThan(few + 4);
  });
});

describe.skipIf(!process.env.FULL || process.platform !== 'linux')('100 loads of a model (FULL=1)', () => {
  it('leave neither threads nor memory behind', async () => {
    const picture = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3) };
    const loads = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const model = await VGG16.load();
        await model.features(picture, 'block1_conv1', { framing: { resize: 'none', crop: 'none' } });
        model.dispose();
        expect(model.gpu.liveBytes).toBe(0);
      }
      globalThis.gc!();
      await sleep(50);
      return { threads: readdirSync('/proc/self/task').length, rss: process.memoryUsage().rss };
    };
    // Memory grows over some thirty loads and then no more.
    await loads(30);
    const before = await loads(10);
    const after = await loads(80);
    expect(after.threads).toBeLessThan(before.threads + 4);
    expect(after.rss).toBeLessThan(1.25 * before.rss);
  }, 900_000);
});

describe('a worker thread', () => {
  const program = useProgram('test/node/dawn/ended_worker.ts');

  // A terminated worker is at one in some hundred moments within Dawn, which is still the end: hence `retry`.
  it.each(['terminate', 'exit'])('can be ended while it computes: %s', { retry: 2 }, async (how) => {
    const { stdout } = await run(process.execPath, [program, how]);
    expect(stdout).toBe('alive\n');
  });
});
