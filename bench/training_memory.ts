// npm run bench:training-memory: what a training step of the whole VGG16 takes on the GPU, by the planner's own count, and what it would take if
// every tensor had memory of its own. On Dawn's null backend: nothing is computed, and no GPU is needed.
//
//   --side 224   --batch 8   --scope all|block5   --json FILE

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { PAPER_WIDTHS, planLayers } from '../src/network/layers.js';
import { Parameters } from '../src/network/parameters.js';
import { Gpu } from '../src/node/gpu.js';
import type { HeadShape } from '../src/train/head/head_shape.js';
import { stepMemories } from '../src/train/step_plan.js';
import { trainedShapes } from '../src/train/trainer.js';
import type { TrainerOptions } from '../src/train/trainer_options.js';

const { values } = parseArgs({
  options: {
    side: { type: 'string', default: '224' },
    batch: { type: 'string', default: '8' },
    scope: { type: 'string', default: 'all' },
    json: { type: 'string' },
  },
});
const [side, batch] = [Number(values.side), Number(values.batch)];
const gpu = await Gpu.open({ adapter: 'null' });
const all = planLayers({ ...PAPER_WIDTHS, dense: new Map() }, side, side, 'block5_pool');
const layers = values.scope === 'all' ? all : all.filter(({ name }) => name.startsWith(values.scope));
const shape: HeadShape = { inputs: 512, hidden: [], classes: 10, body: { layers, pool: 'avg' } };
const options: TrainerOptions = {
  ...{ batch, dropout: 0, labelSmoothing: 0, seed: 0 },
  optimiser: { name: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 },
};
const parameters = await Parameters.create(gpu, trainedShapes(shape, options));
const rows = await stepMemories(gpu, shape, parameters, options);
const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20).toLocaleString('en');
process.stdout.write(
  '| images at a time | activations | weights, gradients, moments, MiB | all else, MiB | if nothing shared memory, MiB |\n' +
    '| ---: | --- | ---: | ---: | ---: |\n',
);
for (const { rows: atOnce, recomputes, parameters: own, rest, unshared } of rows) {
  const how = recomputes ? 'computed twice' : 'kept';
  process.stdout.write(
    `| ${atOnce} | ${how} | ${mebibytes(own)} | ${mebibytes(rest)} | ${mebibytes(unshared)} |\n`,
  );
}
if (values.json)
  await writeFile(
    values.json,
    `${JSON.stringify({ side, batch, scope: values.scope, rows }, undefined, 2)}\n`,
  );
parameters.dispose();
gpu.dispose();
