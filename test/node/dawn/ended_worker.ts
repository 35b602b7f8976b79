// Ends worker threads while they use the GPU, in a process of its own, for a fault would end it:
//   node ended_worker.js terminate | exit
// Each worker opens a device, computes and reads back, over and over, and is ended at another moment. Says "alive" if the
// process has outlived them all. Only a worker that ends itself compiles in between: Dawn's compiler does not survive
// `terminate`, as the README says.

import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { runOnce } from '../../../src/gpu/recorder.js';
import { Tensor } from '../../../src/gpu/tensor.js';
import { Gpu } from '../../../src/node/gpu.js';

/** Milliseconds after the first result. */
const MOMENTS = [40, 90];

/** Some tenths of a second of work for a CPU. Another constant is another kernel to compile. */
const slow = (constant: number) => `
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3u) {
  var sum = f32(gid.x);
  for (var i = 0u; i < 1000000u; i++) {
    sum = sum * 0.5 + ${constant}.0;
  }
  y[gid.x] = sum;
}`;

async function work(moment: number): Promise<void> {
  const gpu = await Gpu.open();
  const y = await Tensor.create(gpu, 'y', [256]);
  for (let i = 0; ; i++) {
    const constant = workerData.how === 'exit' ? i : 1;
    await runOnce(gpu, 'slow', (recorder) =>
      recorder.dispatch('slow', { name: 'slow', wgsl: slow(constant) }, [y], [4, 1, 1]),
    );
    const [found] = await y.read();
    if (found !== 2 * constant) throw new Error(`${found} is not ${2 * constant}`);
    if (i > 0) continue;
    parentPort?.postMessage('computing');
    if (workerData.how === 'exit') setTimeout(() => process.exit(0), moment);
  }
}

if (!isMainThread) await work(workerData.moment);
else {
  const how = process.argv[2];
  for (const moment of MOMENTS) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { how, moment } });
    const ended = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    if (how === 'terminate') {
      await sleep(moment);
      await worker.terminate();
    }
    await ended;
  }
  process.stdout.write('alive\n');
}
