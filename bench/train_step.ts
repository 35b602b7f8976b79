// npm run bench:train-step: a whole training step of a head, beside TensorFlow.js on the same device.
//
// A step is a batch from the host's memory, forward, backward and SGD with momentum. Both engines begin with the same weights and take
// the same batches; their losses are first held against a float64 reference. Then they take turns; a turn's time is the wall
// clock's from the first batch to a loss on the host, and the median of the turns counts.
//
//   --rounds 5   --steps 4   --batch 32   --inputs 25088   --hidden 256   --classes 10   --json FILE   --adapter NAME

import { parseArgs } from 'node:util';
import { type Batch, type HeadLayer, TfjsTraining } from '../src/bench/peers/tfjs_training.js';
import { seededRandom } from '../src/bench/random.js';
import { ReferenceHead } from '../src/bench/reference_head.js';
import { table } from '../src/bench/table.js';
import { UsageError } from '../src/errors.js';
import { Gpu } from '../src/gpu/gpu.js';
import { median } from '../src/median.js';
import { HeadTrainer } from '../src/train/head/head_trainer.js';
import { writeResults } from './support/results.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '4' },
    batch: { type: 'string', default: '32' },
    inputs: { type: 'string', default: '25088' },
    hidden: { type: 'string', default: '256' },
    classes: { type: 'string', default: '10' },
    adapter: { type: 'string' },
    json: { type: 'string' },
  },
});

function count(name: 'rounds' | 'steps' | 'batch' | 'inputs' | 'hidden' | 'classes'): number {
  const value = Number(options[name]);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new UsageError(`--${name} is ${options[name]}; it must be a whole number of at least 1`);
  return value;
}
const [rounds, steps, batch] = [count('rounds'), count('steps'), count('batch')];
const [inputs, hidden, classes] = [count('inputs'), count('hidden'), count('classes')];

/** Small enough for random batches to be learnt without the loss running away. */
const SGD = { lr: 1e-3, momentum: 0.9 } as const;
/** Float32 sums of 25,088 products, through a few steps; a wrong gradient changes the second loss by a part in a hundred. */
const MAX_RELATIVE_ERROR = 1e-4;
const STEPS_CHECKED = 3;

/** Features as a ReLU leaves them, half of them zero, scaled so that the first losses are near log(classes). */
function makeBatches(): Batch[] {
  const random = seededRandom(1);
  return Array.from({ length: Math.max(steps, STEPS_CHECKED) }, () => ({
    x: Float32Array.from({ length: batch * inputs }, () => Math.max(0, random.normal())),
    labels: Uint32Array.from({ length: batch }, () => random.below(classes)),
  }));
}

/** The layers of a head as it now is. */
function layersOf(trainer: HeadTrainer): Promise<HeadLayer[]> {
  const widths = [inputs, hidden, classes];
  return Promise.all(
    ['fc1', 'fc2'].map(async (name, i) => ({
      kernel: await trainer.read(`${name}.kernel`),
      bias: await trainer.read(`${name}.bias`),
      inputs: widths[i]!,
      outputs: widths[i + 1]!,
    })),
  );
}

interface Engine {
  readonly name: string;
  /** Steps on these batches. @returns their mean loss, or the last's */
  train(batches: readonly Batch[]): Promise<number>;
}

function ours(trainer: HeadTrainer): Engine {
  return {
    name: 'vgg16-webgpu',
    async train(batches) {
      for (const { x, labels } of batches) await trainer.step(x, labels, SGD.lr);
      return (await trainer.readTotals()).loss;
    },
  };
}

async function check(engines: readonly Engine[], reference: ReferenceHead, batches: readonly Batch[]) {
  for (const [step, one] of batches.slice(0, STEPS_CHECKED).entries()) {
    const wanted = reference.step(one);
    for (const { name, train } of engines) {
      const loss = await train([one]);
      if (!(Math.abs(loss - wanted) <= MAX_RELATIVE_ERROR * wanted))
        throw new Error(`${name} has the loss ${loss} in step ${step + 1}, the float64 reference ${wanted}`);
    }
  }
}

const gpu = await Gpu.open({ adapter: options.adapter });
const trainer = await HeadTrainer.create(
  gpu,
  { inputs, hidden: [hidden], classes },
  {
    ...{ batch, dropout: 0, labelSmoothing: 0, seed: 1 },
    optimiser: { name: 'sgd', momentum: SGD.momentum, nesterov: false, weightDecay: 0 },
  },
);
const layers = await layersOf(trainer);
const peer = await TfjsTraining.create({ device: gpu.device, adapterInfo: gpu.info }, layers, SGD);
const engines: Engine[] = [
  ours(trainer),
  { name: peer.name, train: (batches: readonly Batch[]) => peer.train(batches) },
];
const batches = makeBatches();
await check(engines, new ReferenceHead(layers, SGD), batches);

const turns = new Map(engines.map(({ name }) => [name, [] as number[]]));
for (let round = 0; round < rounds; round++) {
  for (const { name, train } of engines) {
    const start = performance.now();
    await train(batches.slice(0, steps));
    turns.get(name)!.push((performance.now() - start) / steps);
  }
}

// Forward, and backward without the gradient by the features: two numbers a multiplication and addition.
const weights = inputs * hidden + hidden * classes;
const gflop = (2 * batch * (2 * weights + hidden * classes)) / 1e9;
const results = [...turns].map(([engine, ms]) => ({
  engine,
  medianMs: median(ms),
  minMs: Math.min(...ms),
  maxMs: Math.max(...ms),
}));
console.log(
  `Adapter: ${gpu.info.description} (${gpu.info.source})\n` +
    `A step of ${inputs} -> ${hidden} -> ${classes}, batch ${batch}: ${gflop.toFixed(2)} GFLOP; ` +
    `median of ${rounds} turns of ${steps} steps\n`,
);
const rows = results.map(({ engine, medianMs, minMs, maxMs }) => [
  engine,
  ...[medianMs, minMs, maxMs].map((ms) => ms.toFixed(1)),
  ((1000 * batch) / medianMs).toFixed(0),
  ((1000 * gflop) / medianMs).toFixed(2),
]);
console.log(table(['engine', 'ms a step', 'least', 'most', 'pictures/s', 'GFLOP/s'], rows));
const [mine, theirs] = results as [(typeof results)[number], (typeof results)[number]];
console.log(
  `\n${mine.engine} is ${(theirs.medianMs / mine.medianMs).toFixed(2)} times as fast as ${theirs.engine}.`,
);
if (options.json)
  await writeResults(options.json, gpu.info, { inputs, hidden, classes, batch, rounds, steps, results });
peer.dispose();
trainer.dispose();
gpu.dispose();
