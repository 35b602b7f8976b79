// vgg16 bench train-step: a whole training step, of a head or of convolutions with one.

import { type Command, Option } from 'commander';
import type { BenchReport } from '../../bench/report.js';
import { enginesBars } from '../../bench/svg/bars.js';
import {
  benchTrainStep,
  SCOPES,
  type Scope,
  TRAINING_PEERS,
  type TrainingPeer,
} from '../../bench/train_step.js';
import type { ExitCode } from '../../errors.js';
import { count, number, pixels } from '../arguments.js';
import type { Terminal } from '../terminal.js';
import { addBenchOptions, type BenchFlags, batch as batchOf } from './options.js';
import { type Benchmark, runBenchmark } from './run.js';
import { enginesTable, headingOf, leftOutLines } from './text.js';

interface TrainStepFlags extends Omit<BenchFlags, 'peers'> {
  readonly peers: readonly TrainingPeer[];
  readonly scope: Scope;
  readonly side: number;
  readonly width: number;
  readonly inputs: number;
  readonly hidden: number;
  readonly classes: number;
  readonly batch?: number;
  readonly steps: number;
}

const EXAMPLES = `
Examples:
  $ vgg16 bench train-step
  $ vgg16 bench train-step --inputs 512 --hidden 64 --batch 128
  $ vgg16 bench train-step --scope all --side 64 --batch 8

A step is a batch from the host's memory, forward, backward, and SGD with
momentum. A turn is some steps, from the first batch to a loss on the host. NMSE
is that of the losses of the first steps against float64; with convolutions, of
a network of the same layers with a sixteenth of the channels. The peer pytorch
is what python3 has: on CUDA where that is there.

--scope head trains two dense layers on features; block5 and all train these
convolutions with a linear head on their average.`;

export function addTrainStep(bench: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = bench
    .command('train-step')
    .summary('a training step')
    .description('Times a training step: forward, backward and update.')
    .addOption(new Option('--scope <what>', 'what is trained').choices([...SCOPES]).default('head'))
    .option('--side <px>', 'of the pictures, with block5 and all', pixels, 64)
    .option('--width <x>', 'channels, in those of the paper, with block5 and all', number, 1)
    .option('--inputs <n>', 'features of a picture, with head', count, 25088)
    .option('--hidden <n>', 'neurons of the hidden layer, with head', count, 256)
    .option('--classes <n>', 'classes', count, 10)
    .option('--batch <n>', 'pictures in a step (default: 32, with block5 and all 8)', batchOf)
    .option('--steps <n>', 'steps in a turn', count, 4);
  addBenchOptions(command, TRAINING_PEERS, { peers: ['tfjs-webgpu'], tuned: false })
    .addHelpText('after', EXAMPLES)
    .action(async () => finish(await trainStep(command.optsWithGlobals(), terminal)));
}

function trainStep(flags: TrainStepFlags, terminal: Terminal): Promise<ExitCode> {
  const { scope, side, width, inputs, hidden, classes, steps, peers, svg } = flags;
  const batch = flags.batch ?? (scope === 'head' ? 32 : 8);
  const { colours } = terminal;
  const benchmark: Benchmark = {
    name: 'train-step',
    settings:
      scope === 'head'
        ? { inputs, hidden, classes, batch, steps }
        : { scope, side, width, classes, batch, steps },
    measure: (gpu, { onStep, signal }) => benchTrainStep(gpu, { ...flags, batch, peers, signal, onStep }),
    text: (report: BenchReport) =>
      [
        ...headingOf(report),
        '',
        ...enginesTable(report.results, 'tfjs-webgpu', colours),
        ...(report.leftOut.length > 0 ? ['', ...leftOutLines(report)] : []),
      ].join('\n'),
    drawings: [[svg, enginesBars]],
  };
  return runBenchmark(benchmark, flags, terminal);
}
