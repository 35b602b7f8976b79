// npm run bench:accuracy: how well heads and fine-tuned bases do on real photos, ants against bees: several seeds each.
//
// The data is that of PyTorch's transfer-learning tutorial, 244 photos to train on and 153 to validate with; the larger class
// has 0.54 of those. `best` is the epoch that a run keeps, which the same photos chose; `last` is the last epoch, which nothing
// chose. `head alone` is the best epoch of the same run before its blocks were trained. Features are cached, so that a second
// run of a head takes seconds; a fine-tuned run takes minutes, and hours at 224 px on a software adapter.
//
//   --settings linear,linear-112,mlp-flatten,augmented,block5-112,block5   --seeds 5   --adapter NAME   --json FILE
//   --options JSON: other training options for every setting, as {"lrBase":1e-5}

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from '../src/bench/table.js';
import { UsageError } from '../src/errors.js';
import { type EpochRow, findDataset, type TrainOptions, trainHead, VGG16 } from '../src/index.js';
import { testData } from './support/data.js';
import { writeResults } from './support/results.js';

const SETTINGS: Readonly<Record<string, TrainOptions>> = {
  linear: {},
  'linear-112': { size: 112 },
  'mlp-flatten': { head: 'mlp', pool: 'flatten' },
  augmented: { augment: ['flip', 'crop'] },
  'block5-112': { size: 112, unfreeze: 'block5' },
  block5: { unfreeze: 'block5' },
};
/** Those that take minutes per seed run only where they are named. */
const USUAL = Object.keys(SETTINGS).filter((name) => !SETTINGS[name]!.unfreeze);

const { values: options } = parseArgs({
  options: {
    settings: { type: 'string', default: USUAL.join(',') },
    options: { type: 'string', default: '{}' },
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
const more: TrainOptions = JSON.parse(options.options);
const data = testData();
if (!data) process.exit(0);

function spread(values: readonly number[]): { mean: number; least: number; most: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, least: Math.min(...values), most: Math.max(...values) };
}

interface Figures {
  readonly accuracy: number;
  readonly loss: number;
}

interface Row {
  readonly setting: string;
  readonly options: TrainOptions;
  readonly best: Figures[];
  readonly last: Figures[];
  /** Empty where no base is trained. */
  readonly headAlone: Figures[];
}

function figures({ val_accuracy, val_loss }: { val_accuracy: number; val_loss: number }): Figures {
  return { accuracy: val_accuracy, loss: val_loss };
}

async function measure(model: VGG16, setting: string, folder: string): Promise<Row> {
  const options = { ...SETTINGS[setting], ...more };
  const row: Row = { setting, options, best: [], last: [], headAlone: [] };
  for (let seed = 0; seed < seeds; seed++) {
    const dataset = await findDataset(folder, { seed });
    let shown = 0;
    const { best, history, headAlone } = await trainHead(model, dataset, {
      ...options,
      seed,
      onEvent: (event) => {
        if (event.type !== 'features' || event.done < shown + 50) return;
        shown = event.done;
        console.error(`${setting}, seed ${seed}: features ${event.done}/${event.total}`);
      },
    });
    row.best.push(figures(best));
    row.last.push(figures(history.at(-1)!));
    if (headAlone) row.headAlone.push(figures(headAlone));
    const before = headAlone ? `, head alone ${shortly(headAlone)}` : '';
    console.error(`${setting}, seed ${seed}: ${shortly(best)}${before}`);
  }
  return row;
}

function shortly({ epoch, val_accuracy, val_loss }: Pick<EpochRow, 'epoch' | 'val_accuracy' | 'val_loss'>) {
  return `${val_accuracy.toFixed(3)}, loss ${val_loss.toFixed(4)} (epoch ${epoch})`;
}

const model = await VGG16.load({ adapter: options.adapter });
try {
  const results: Row[] = [];
  for (const name of names) results.push(await measure(model, name, join(data, 'hymenoptera_data')));
  const text = (runs: readonly Figures[], what: keyof Figures) => {
    if (runs.length === 0) return '';
    const { mean, least, most } = spread(runs.map((run) => run[what]));
    return `${mean.toFixed(3)} (${least.toFixed(3)} to ${most.toFixed(3)})`;
  };
  for (const what of ['accuracy', 'loss'] as const) {
    console.log(`Validation ${what} over ${seeds} seeds, mean (least to most)\n`);
    const rows = results.map(({ setting, headAlone, best, last }) => [
      setting,
      ...[headAlone, best, last].map((runs) => text(runs, what)),
    ]);
    console.log(`${table(['setting', 'head alone', 'best epoch', 'last epoch'], rows)}\n`);
  }
  if (options.json) await writeResults(options.json, model.gpu.info, { data: 'hymenoptera', seeds, results });
} finally {
  model.dispose();
}
