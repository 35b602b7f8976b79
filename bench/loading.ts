// npm run bench:loading: how long it takes from the start of a process to the first result, for each file and for each build.
//
// Every measurement is a process of its own, which opens the adapter, loads the weights and computes one image: classes where
// the file has them, features otherwise. Builds take turns, so that a noisy machine is noisy for all; medians count. Mesa's cache of
// compiled shaders is off, so that every start compiles. Beside it stands the least that any program needs: reading the file,
// and one forward pass with everything loaded and compiled.
//
//   FILE ...            weights; `embedded` is the base in the package
//   --against DIST      another build's dist folder, the old one's for instance
//   --rounds 5   --json FILE   --adapter NAME

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { table } from '../src/bench/table.js';
import { UsageError } from '../src/errors.js';
import { Gpu } from '../src/index.js';
import { median } from '../src/median.js';
import { writeResults } from './support/results.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    against: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    adapter: { type: 'string' },
    json: { type: 'string' },
  },
});
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new UsageError(`--rounds is ${options.rounds}; it must be at least 1`);
const files = positionals.length > 0 ? positionals : ['embedded'];

/** What a process does. It knows nothing but the public face, which older builds have as well. */
const CHILD = `
import { open, readFile } from 'node:fs/promises';
const [index, weights, adapter] = process.argv.slice(2);
const { embeddedBasePath, Gpu, VGG16 } = await import(index);
const memory = async (what) => Number(new RegExp(what + ':\\\\s+(\\\\d+)').exec(await readFile('/proc/self/status', 'utf8').catch(() => ''))?.[1] ?? NaN) * 1024;
const picture = { width: 224, height: 224, data: Uint8Array.from({ length: 224 * 224 * 3 }, (_, i) => (i * 31) % 256) };
const gpu = await Gpu.open(adapter ? { adapter } : {});
const opened = await memory('VmRSS');
const path = weights === 'embedded' ? embeddedBasePath() : weights;
const model = await VGG16.load({ weights: path, gpu, tuned: false });
const loadedMs = performance.now();
const loadPeak = await memory('VmHWM');
const weightBytes = gpu.liveBytes;
const compute = () => (model.labels.length > 0 ? model.classify(picture) : model.features(picture, 'block5_pool'));
await compute();
const firstMs = performance.now();
await compute();
const passMs = performance.now() - firstMs;
const readStart = performance.now();
const file = await open(path);
const buffer = new Uint8Array(8 * 2 ** 20);
while ((await file.read(buffer)).bytesRead > 0);
await file.close();
const readMs = performance.now() - readStart;
model.dispose();
gpu.dispose();
console.log(JSON.stringify({ loadedMs, firstMs, passMs, readMs, memoryBytes: loadPeak - opened - weightBytes }));
`;

interface Start {
  /** From the start of the process until the weights were on the GPU, and until the first result, in milliseconds. */
  readonly loadedMs: number;
  readonly firstMs: number;
  /** Another forward pass; reading the file through. */
  readonly passMs: number;
  readonly readMs: number;
  /** The most that loading held, besides the open adapter and the weights on it; NaN but on Linux. */
  readonly memoryBytes: number;
}

const builds = new Map([
  ['this', resolve('dist')],
  ...(options.against ? [['old', resolve(options.against)] as const] : []),
]);
const child = resolve('.build/loading_child.mjs');
await writeFile(child, CHILD);

async function start(dist: string, file: string): Promise<Start> {
  const index = pathToFileURL(resolve(dist, 'index.js')).href;
  const weights = file === 'embedded' ? file : resolve(file);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [child, index, weights, options.adapter ?? ''],
    { env: { ...process.env, MESA_SHADER_CACHE_DISABLE: 'true', VGG16_TUNED: '0' } },
  );
  return JSON.parse(stdout) as Start;
}

const starts = new Map<string, Start[]>();
for (let round = 0; round < rounds; round++) {
  for (const file of files) {
    // Each build is the first in every second round.
    const order = round % 2 === 0 ? [...builds] : [...builds].reverse();
    for (const [name, dist] of order) {
      const key = `${file} ${name}`;
      const one = await start(dist, file);
      starts.set(key, [...(starts.get(key) ?? []), one]);
      console.error(`${basename(file)}, ${name} build: ${(one.firstMs / 1000).toFixed(2)} s`);
    }
  }
}

const medianOf = (file: string, build: string, of: keyof Start) =>
  median(starts.get(`${file} ${build}`)!.map((one) => one[of]));
const seconds = (ms: number) => (ms / 1000).toFixed(2);
const results = files.flatMap((file) =>
  [...builds.keys()].map((build) => {
    const of = (what: keyof Start) => medianOf(file, build, what);
    const least = of('readMs') + of('passMs');
    return {
      ...{ file: basename(file), build },
      ...{ loadedMs: of('loadedMs'), firstMs: of('firstMs'), readMs: of('readMs'), passMs: of('passMs') },
      ...{
        timesTheLeast: of('firstMs') / least,
        memoryBytes: Math.max(...starts.get(`${file} ${build}`)!.map((one) => one.memoryBytes)),
      },
    };
  }),
);
const rows = results.map(({ file, build, loadedMs, firstMs, readMs, passMs, timesTheLeast, memoryBytes }) => [
  ...[file, build, seconds(loadedMs), seconds(firstMs), seconds(readMs), seconds(passMs)],
  `${timesTheLeast.toFixed(2)}x`,
  `${(memoryBytes / 2 ** 20).toFixed(0)} MiB`,
]);
const gpu = await Gpu.open({ adapter: options.adapter });
console.log(
  `Adapter: ${gpu.info.description} (${gpu.info.source}); median of ${rounds}, in seconds from the start of the process\n`,
);
const titles = [
  '',
  'build',
  'loaded',
  'first result',
  'reading',
  'one pass',
  'first / (reading + pass)',
  'memory',
];
console.log(table(titles, rows));
if (options.json) await writeResults(options.json, gpu.info, { rounds, results });
gpu.dispose();
