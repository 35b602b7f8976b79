// vgg16 bench train-step: a whole training step of a head.

import type { Command } from 'commander';
import type { BenchReport } from '../../bench/report.js';
import { enginesBars } from '../../bench/svg/bars.js';
import { benchTrainStep } from '../../bench/train_step.js';
import type { ExitCode } from '../../errors.js';
import { count } from '../arguments.js';
import type { Terminal } from '../terminal.js';
import { addBenchOptions, type BenchFlags, batch as batchOf } from './options.js';
import { type Benchmark, runBenchmark } from './run.js';
import { enginesTable, headingOf, leftOutLines } from './text.js';

interface TrainStepFlags extends BenchFlags<'tfjs-webgpu'> {
  readonly inputs: number;
  readonly hidden: number;
  readonly classes: number;
  readonly batch: number;
  readonly steps: number;
}

const EXAMPLES = `
Examples:
  $ vgg16 bench train-step
  $ vgg16 bench train-step --inputs 512 --hidden 64 --batch 128

A step is a batch from the host's memory, forward, backward, and SGD with
momentum. A turn is some steps, from the first batch to a loss on the host. NMSE
is that of the losses of the first steps against float64.`;

export function addTrainStep(bench: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = bench
    .command('train-step')
    .summary('a training step of a head')
    .description('Times a training step of a head: forward, backward and update.')
    .option('--inputs <n>', 'features of a picture', count, 25088)
    .option('--hidden <n>', 'neurons of the hidden layer', count, 256)
    .option('--classes <n>', 'classes', count, 10)
    .option('--batch <n>', 'pictures in a step', batchOf, 32)
    .option('--steps <n>', 'steps in a turn', count, 4);
  addBenchOptions(command, ['tfjs-webgpu'], { peers: ['tfjs-webgpu'], tuned: false })
    .addHelpText('after', EXAMPLES)
    .action(async () => finish(await trainStep(command.optsWithGlobals(), terminal)));
}

function trainStep(flags: TrainStepFlags, terminal: Terminal): Promise<ExitCode> {
  const { inputs, hidden, classes, batch, steps, peers, svg } = flags;
  const { colours } = terminal;
  const peer = peers.includes('tfjs-webgpu');
  const benchmark: Benchmark = {
    name: 'train-step',
    settings: { inputs, hidden, classes, batch, steps },
    measure: (gpu, { onStep, signal }) => benchTrainStep(gpu, { ...flags, peer, signal, onStep }),
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
