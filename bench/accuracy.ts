// npm run bench:accuracy: how well heads do on real photos, ants against bees, with default settings: several seeds each.
//
// The data is that of PyTorch's transfer-learning tutorial, 244 photos to train on and 153 to validate with; the larger class
// has 0.54 of those. `best` is the epoch that a run keeps, which the same photos chose; `last` is the last epoch, which nothing
// chose. Features are cached, so that a second run takes seconds.
//
//   --settings linear,linear-112,mlp-flatten,augmented   --seeds 5   --adapter NAME   --json FILE

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from '../src/bench/table.js';
import { UsageError } from '../src/errors.js';
import { findDataset, type TrainOptions, trainHead, VGG16 } from '../src/index.js';
import { testData } from './support/data.js';
import { writeResults } from './support/results.js';

const SETTINGS: Readonly<Record<string, TrainOptions>> = {
  linear: {},
  'linear-112': { size: 112 },
  'mlp-flatten': { head: 'mlp', pool: 'flatten' },
  augmented: { augment: ['flip', 'crop'] },
};

const { values: options } = parseArgs({
  options: {
    settings: { type: 'string', default: Object.keys(SETTINGS).join(',') },
    seeds: { type: 'string', default: '5' },
    adapter: { type: 'string' },
    json: { type: 'string' },
  },
});
const names = options.settings.split(',');
const unknown = names.find((name) => !(name in SETTINGS));
if (unknown !== undefined)
  throw new UsageError(`--settings ${unknown}: there is ${Object.keys(SETTINGS).join(', ')}`);
const seeds = Number(options.seeds);
if (!Number.isInteger(seeds) || seeds < 1)
  throw new UsageError(`--seeds is ${options.seeds}; it must be a whole number of at least 1`);
const data = testData();
if (!data) process.exit(0);

function spread(values: readonly number[]): { mean: number; least: number; most: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, least: Math.min(...values), most: Math.max(...values) };
}

interface Row {
  readonly setting: string;
  readonly options: TrainOptions;
  readonly best: readonly number[];
  readonly last: readonly number[];
}

async function measure(model: VGG16, setting: string, folder: string): Promise<Row> {
  const best: number[] = [];
  const last: number[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const dataset = await findDataset(folder, { seed });
    let shown = 0;
    const { evaluation, history } = await trainHead(model, dataset, {
      ...SETTINGS[setting],
      seed,
      onEvent: (event) => {
        if (event.type !== 'features' || event.done < shown + 50) return;
        shown = event.done;
        console.error(`${setting}, seed ${seed}: features ${event.done}/${event.total}`);
      },
    });
    best.push(evaluation.accuracy);
    last.push(history.at(-1)!.val_accuracy);
    console.error(`${setting}, seed ${seed}: ${evaluation.accuracy.toFixed(3)}`);
  }
  return { setting, options: SETTINGS[setting]!, best, last };
}

const model = await VGG16.load({ adapter: options.adapter });
try {
  const results: Row[] = [];
  for (const name of names) results.push(await measure(model, name, join(data, 'hymenoptera_data')));
  const text = (values: readonly number[]) => {
    const { mean, least, most } = spread(values);
    return `${mean.toFixed(3)} (${least.toFixed(3)} to ${most.toFixed(3)})`;
  };
  console.log(`Validation accuracy over ${seeds} seeds, mean (least to most)\n`);
  const rows = results.map(({ setting, best, last }) => [setting, text(best), text(last)]);
  console.log(table(['setting', 'best epoch', 'last epoch'], rows));
  if (options.json) await writeResults(options.json, model.gpu.info, { data: 'hymenoptera', seeds, results });
} finally {
  model.dispose();
}
