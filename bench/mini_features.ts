// npm run bench:mini [LAYER [JSON]]: what the small network's features are worth beside those of random numbers of the same shape. Heads learn from one
// artist's drawings and are examined on another's, of things that they have not seen drawn, as in `npm start`.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLASSES } from '../demo/classes.js';
import { ARTIST_NAMES, chooseDrawings, type Drawing, loadIconSets, readable } from '../demo/drawings.js';
import { rendered, renderingsFolder } from '../demo/render.js';
import { datasetOf, type Sample, trainHead, VGG16 } from '../src/index.js';
import { packagedPath } from '../src/node/embedded.js';
import { Gpu } from '../src/node/gpu.js';
import { writeRandomBase } from '../src/node/training/pretrain.js';

const SIZE = 32;
/** The layer that heads read; the last ones know CIFAR-10's classes and little else. */
const FEATURES = process.argv[2] ?? 'block3_pool';
const SEEDS = [0, 1, 2, 3, 4];
const COUNTS = { known: 30, unseen: 15 };
/** Channels of the small network, in those of the paper. */
const WIDTH = 0.25;

const gpu = await Gpu.open();
const folder = await mkdtemp(join(tmpdir(), 'vgg16-mini-'));
try {
  const sets = await loadIconSets();
  const accuracies = { mini: [] as number[], random: [] as number[], embedded: [] as number[] };
  for (const seed of SEEDS) {
    const choice = chooseDrawings(sets, COUNTS, seed);
    const [known, unseen] = [await samplesOf(choice.known), await samplesOf(choice.unseen)];
    const random = join(folder, `random-${seed}.safetensors`);
    await writeRandomBase(random, WIDTH, seed);
    for (const [name, weights] of [
      ['mini', packagedPath('mini')],
      ['random', random],
      ['embedded', packagedPath('embedded')],
    ] as const) {
      const model = await VGG16.load({ weights, gpu });
      try {
        const names = CLASSES.map((one) => one.name);
        const validate = known.filter((_, i) => i % 5 === 0);
        const parts = { train: known.filter((_, i) => i % 5 !== 0), val: validate, test: unseen };
        const { test } = await trainHead(model, datasetOf(names, parts), {
          size: SIZE,
          seed,
          cache: false,
          features: FEATURES,
        });
        accuracies[name].push(test!.accuracy);
      } finally {
        model.dispose();
      }
    }
    process.stderr.write(`seed ${seed} of ${SEEDS.length} done\n`);
  }
  const rows = Object.entries(accuracies).map(([name, all]) => {
    const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
    return { name, mean, least: Math.min(...all), most: Math.max(...all), all };
  });
  process.stdout.write('| features | unseen drawings right, mean (lowest to highest) |\n| --- | --- |\n');
  for (const { name, mean, least, most } of rows) {
    process.stdout.write(`| ${name} | ${mean.toFixed(3)} (${least.toFixed(3)} to ${most.toFixed(3)}) |\n`);
  }
  const result = {
    size: SIZE,
    ...COUNTS,
    seeds: SEEDS,
    classes: CLASSES.length,
    adapter: gpu.info.description,
    rows,
  };
  const out = process.argv[3];
  if (out) await writeFile(out, `${JSON.stringify(result, undefined, 2)}\n`);
} finally {
  gpu.dispose();
  await rm(folder, { recursive: true, force: true });
}

async function samplesOf(drawings: readonly Drawing[]): Promise<Sample[]> {
  const cache = renderingsFolder();
  return Promise.all(
    drawings.map(async (drawing) => ({
      name: `${readable(drawing.name)} (${ARTIST_NAMES[drawing.artist]})`,
      picture: await rendered(drawing, SIZE, cache, () => {}),
      label: drawing.label,
    })),
  );
}
