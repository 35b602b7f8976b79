// npm run bench:features: how fast features are extracted, and how long the GPU waits for pictures meanwhile.
//
// Photos of 500 x 375 px are drawn and compressed first; CIFAR-10's pictures are taken where the data is. Each set is
// extracted into an empty cache, then read from it. `idle` is the share of the time, from the first forward pass to the
// last, in which none was under way; `gpu` the network's own share by the GPU's clock, where it has one.
//
//   --pictures 64   --size 224   --cifar 512   --batch 8   --weights FILE   --adapter NAME   --json FILE

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import sharp from 'sharp';
import yauzl from 'yauzl';
import { table } from '../src/bench/table.js';
import { UsageError } from '../src/errors.js';
import { VGG16 } from '../src/index.js';
import { extractFeatures } from '../src/node/features/table.js';
import { fingerprintOfFile } from '../src/node/weights/open.js';
import { seededRandom } from '../src/random.js';
import type { Sample } from '../src/train/dataset.js';
import type { FeatureSpec, FeatureStats } from '../src/train/features/spec.js';
import { testData } from './support/data.js';
import { writeResults } from './support/results.js';

const { values: options } = parseArgs({
  options: {
    pictures: { type: 'string', default: '64' },
    size: { type: 'string', default: '224' },
    cifar: { type: 'string', default: '512' },
    batch: { type: 'string', default: '8' },
    weights: { type: 'string' },
    adapter: { type: 'string' },
    json: { type: 'string' },
  },
});

function whole(name: 'pictures' | 'size' | 'cifar' | 'batch'): number {
  const value = Number(options[name]);
  if (!Number.isInteger(value) || value < 0)
    throw new UsageError(`--${name} is ${options[name]}; give a number`);
  return value;
}

/** As photos are: smooth in the large, with edges and a little noise, so that they take as long to decode. */
async function drawPhoto(path: string, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const small = Uint8Array.from({ length: 24 * 18 * 3 }, () => random.below(256));
  const grain = Uint8Array.from({ length: 500 * 375 * 3 }, () => 118 + random.below(20));
  const smooth = sharp(small, { raw: { width: 24, height: 18, channels: 3 } }).resize(500, 375, {
    fit: 'fill',
  });
  await sharp(await smooth.png().toBuffer())
    .composite([
      { input: Buffer.from(grain), raw: { width: 500, height: 375, channels: 3 }, blend: 'overlay' },
    ])
    .jpeg({ quality: 90 })
    .toFile(path);
}

/** The first pictures of the archive's training part, as files. */
async function unpackCifar(archive: string, folder: string, count: number): Promise<string[]> {
  const zip = await promisify<string, yauzl.Options, yauzl.ZipFile>(yauzl.open)(archive, {
    lazyEntries: true,
  });
  const paths: string[] = [];
  return new Promise((resolve, reject) => {
    zip.on('error', reject).on('end', () => resolve(paths));
    zip.on('entry', (entry: yauzl.Entry) => {
      if (!/^train\/.*\.jpe?g$/.test(entry.fileName)) return zip.readEntry();
      zip.openReadStream(entry, async (error, stream) => {
        if (error) return reject(error);
        const path = join(folder, `cifar-${paths.length}.jpg`);
        await writeFile(path, stream);
        paths.push(path);
        if (paths.length < count) zip.readEntry();
        else resolve(paths);
      });
    });
    zip.readEntry();
  });
}

interface Row extends FeatureStats {
  readonly set: string;
  readonly pictures: number;
  readonly size: number;
  readonly run: 'computed' | 'cached';
  readonly picturesPerSecond: number;
  /** Undefined for a GPU without a clock, and where nothing was computed. */
  readonly gpuShare: number | undefined;
}

async function measure(
  model: VGG16,
  fingerprint: string,
  set: string,
  paths: readonly string[],
  size: number,
  cacheFolder: string,
): Promise<Row[]> {
  const samples: Sample[] = paths.map((path) => ({ name: path, picture: path, label: 0 }));
  const spec: FeatureSpec = { layer: 'block5_pool', pool: 'avg', size, views: 0, augment: [], seed: 0 };
  // Compiles as well, so that extraction need not.
  const batch = Math.min(whole('batch'), paths.length);
  const layers = await model.profile({ batch, height: size, width: size }, 'block5_pool', { passes: 1 });
  const passSeconds = layers && layers.reduce((sum, { ms }) => sum + ms, 0) / 1000;
  const rows: Row[] = [];
  for (const run of ['computed', 'cached'] as const) {
    const features = await extractFeatures(model, samples, spec, { fingerprint, cacheFolder, batch });
    const { stats } = features;
    await features.close();
    const gpuSeconds = passSeconds && (passSeconds * stats.computed) / batch;
    const gpuShare = run === 'computed' && gpuSeconds ? gpuSeconds / stats.seconds : undefined;
    const picturesPerSecond = samples.length / stats.seconds;
    rows.push({ set, pictures: samples.length, size, run, picturesPerSecond, gpuShare, ...stats });
  }
  return rows;
}

const folder = await mkdtemp(join(tmpdir(), 'vgg16-bench-features-'));
const model = await VGG16.load({ weights: options.weights, adapter: options.adapter });
try {
  const fingerprint = await fingerprintOfFile(model.path, 'block5_pool');
  const paths = Array.from({ length: whole('pictures') }, (_, i) => join(folder, `photo-${i}.jpg`));
  for (const [i, path] of paths.entries()) await drawPhoto(path, i);
  await mkdir(join(folder, 'cifar'));
  const data = testData();
  const cifar = data && whole('cifar') > 0;
  const small = cifar
    ? await unpackCifar(join(data, 'cifar10-images.zip'), join(folder, 'cifar'), whole('cifar'))
    : [];
  const results: Row[] = [];
  for (const [set, files, size] of [
    ['photos 500 x 375', paths, whole('size')],
    ['CIFAR-10', small, 32],
  ] as const) {
    if (files.length > 0) {
      results.push(...(await measure(model, fingerprint, set, files, size, join(folder, `cache ${set}`))));
    }
  }
  const percent = (share: number | undefined) => (share === undefined ? '' : `${(100 * share).toFixed(1)} %`);
  console.log(`${model.gpu.info.description}\n`);
  console.log(
    table(
      ['set', 'pictures', 'px', 'run', 'pictures/s', 'seconds', 'idle', 'gpu'],
      results.map(({ set, pictures, size, run, picturesPerSecond, seconds, gpuIdleShare, gpuShare }) => [
        ...[set, String(pictures), String(size), run, picturesPerSecond.toFixed(1), seconds.toFixed(2)],
        ...[run === 'computed' ? percent(gpuIdleShare) : '', percent(gpuShare)],
      ]),
    ),
  );
  if (options.json) await writeResults(options.json, model.gpu.info, { layer: 'block5_pool', results });
} finally {
  model.dispose();
  await rm(folder, { recursive: true, force: true });
}
