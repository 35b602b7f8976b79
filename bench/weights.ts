// npm run bench:weights: what converting a whole VGG16, 553 MB, costs beside copying the file, and loading it beside
// reading it.
//
// Every round does everything once, so that a noisy machine is noisy for all; the median of the rounds counts. A copy
// and a conversion end when their bytes are on the disk (fsync). Memory is the process's peak above what it held when
// it had just started, the largest of all rounds. Linux only.
//
//   [FILE ...]   to be converted as well: model.pth model.h5
//   --rounds 3   --json FILE   --adapter NAME

import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { memory, resetPeak } from '../src/bench/first_pass.js';
import { table } from '../src/bench/table.js';
import { UsageError } from '../src/errors.js';
import { convertWeights, Gpu, VGG16 } from '../src/index.js';
import { median } from '../src/median.js';
import { writeAtomically } from '../src/node/atomic_file.js';
import { goldenPicture } from '../test/support/golden_weights.js';
import { FULL_VGG16, writeRandomVgg16 } from '../test/support/random_vgg16.js';
import { writeResults } from './support/results.js';

const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    adapter: { type: 'string' },
    json: { type: 'string' },
  },
});
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new UsageError(`--rounds is ${options.rounds}; it must be at least 1`);

/** What this project promises. */
const MOST_COPIES = 3;
const MOST_BYTES = 400e6;
const MOST_READS_AND_PASSES = 1.5;

const READ_BYTES = 8 * 2 ** 20;

const idle = await memory('VmRSS');

/** What is measured, and the milliseconds and peak bytes of each round. */
const costs = new Map<string, { readonly ms: number[]; readonly peaks: number[] }>();

async function measure<T>(what: string, action: () => Promise<T>): Promise<T> {
  await resetPeak();
  const start = performance.now();
  const result = await action();
  const ms = performance.now() - start;
  const cost = costs.get(what) ?? { ms: [], peaks: [] };
  costs.set(what, cost);
  cost.ms.push(ms);
  cost.peaks.push(await memory('VmHWM'));
  console.error(`${what}: ${(ms / 1000).toFixed(2)} s`);
  return result;
}

/** Calls `use` with all bytes of a file, piece by piece. */
async function readThrough(path: string, use: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  const file = await open(path, 'r');
  const buffer = new Uint8Array(READ_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer);
      if (bytesRead === 0) return;
      await use(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

const copied = (file: string) => `copy ${basename(file)}`;
const converted = (file: string, dtype: string) => `convert ${basename(file)} to ${dtype}`;

async function timeConversions(file: string, folder: string): Promise<void> {
  const out = join(folder, 'out');
  await measure(copied(file), () => writeAtomically(out, (append) => readThrough(file, append)));
  for (const dtype of ['f32', 'f16'] as const) {
    await measure(converted(file, dtype), () => convertWeights(file, out, { dtype, overwrite: true }));
  }
  await rm(out);
}

const READ = 'read the file';
const FIRST_RESULT = 'load it, to the first result';
const FORWARD = 'one forward pass';

async function timeLoading(weights: string, gpu: Gpu): Promise<void> {
  await measure(READ, () => readThrough(weights, async () => {}));
  const picture = goldenPicture();
  const model = await measure(FIRST_RESULT, async () => {
    const loaded = await VGG16.load({ weights, gpu });
    await loaded.classify([picture]);
    return loaded;
  });
  await measure(FORWARD, () => model.classify([picture]));
  model.dispose();
}

const folder = await mkdtemp(join(tmpdir(), 'vgg16-bench-weights-'));
try {
  const random = join(folder, 'random.safetensors');
  await writeRandomVgg16(random, { ...FULL_VGG16, seed: 1 });
  const inputs = [random, ...files];
  for (let round = 0; round < rounds; round++) {
    for (const file of inputs) await timeConversions(file, folder);
  }
  // Later, because what a software adapter holds is the process's memory, too.
  const gpu = await Gpu.open({ adapter: options.adapter });
  for (let round = 0; round < rounds; round++) await timeLoading(random, gpu);

  const ms = (what: string) => median(costs.get(what)!.ms);
  const results = [];
  const rows: string[][] = [];
  for (const file of inputs) {
    const { size } = await stat(file);
    for (const dtype of ['f32', 'f16'] as const) {
      const what = converted(file, dtype);
      const copies = ms(what) / ms(copied(file));
      const peakBytes = Math.max(...costs.get(what)!.peaks) - idle;
      const holds = copies <= MOST_COPIES && peakBytes <= MOST_BYTES;
      results.push({ what, bytes: size, ms: ms(what), copyMs: ms(copied(file)), copies, peakBytes, holds });
      rows.push([
        what,
        (ms(what) / 1000).toFixed(2),
        `${copies.toFixed(2)} copies`,
        `${(peakBytes / 1e6).toFixed(0)} MB`,
        holds ? 'holds' : 'FAILS',
      ]);
    }
  }
  const reads = ms(FIRST_RESULT) / (ms(READ) + ms(FORWARD));
  const holds = reads <= MOST_READS_AND_PASSES;
  results.push({
    ...{ what: FIRST_RESULT, ms: ms(FIRST_RESULT), readMs: ms(READ), forwardMs: ms(FORWARD) },
    ...{ readsAndPasses: reads, holds },
  });
  const shown = `${reads.toFixed(2)} readings and passes`;
  rows.push([FIRST_RESULT, (ms(FIRST_RESULT) / 1000).toFixed(2), shown, '', holds ? 'holds' : 'FAILS']);
  console.log(`Adapter: ${gpu.info.description} (${gpu.info.source}); median of ${rounds}\n`);
  console.log(table(['', 's', 'as much as', 'peak memory', 'promise'], rows));
  if (options.json) await writeResults(options.json, gpu.info, { rounds, results });
  if (results.some((result) => !result.holds)) process.exitCode = 1;
  gpu.dispose();
} finally {
  await rm(folder, { recursive: true, force: true });
}
