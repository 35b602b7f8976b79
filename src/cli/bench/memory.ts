// vgg16 bench memory: how memory, and time, grow with the batch and the pictures.

import { type Command, Option } from 'commander';
import { benchGrowth, USUAL_SIDE } from '../../bench/growth.js';
import { PEER_NAMES } from '../../bench/peers/engines.js';
import type { BenchReport } from '../../bench/report.js';
import type { ExitCode } from '../../errors.js';
import { byteText } from '../../text.js';
import { pixels } from '../arguments.js';
import { alignedRows } from '../table.js';
import type { Terminal } from '../terminal.js';
import { addBenchOptions, type BenchFlags, batches } from './options.js';
import { type Benchmark, runBenchmark } from './run.js';
import { headingOf, leftOutLines, msText } from './text.js';

interface MemoryFlags extends BenchFlags {
  readonly batch: readonly number[];
  readonly side: readonly number[];
}

const BATCHES = [1, 2, 4, 8, 16, 32, 64];
const SIDES = [64, 128, 224, 320, 512];

const EXAMPLES = `
Examples:
  $ vgg16 bench memory
  $ vgg16 bench memory --peers none --batch 1,64 --side 224,512

The thirteen convolutions and five poolings: batches of pictures of ${USUAL_SIDE} px,
then one picture at a time of other sizes. Memory is what an engine holds on its
device: weights, activations and whatever it keeps for later. \`e2e --cold\` tells
what whole processes hold.`;

export function addMemory(bench: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = bench
    .command('memory')
    .summary('how memory and time grow')
    .description('Tells how memory and time grow with the batch and with the size of pictures.')
    .addOption(
      new Option('--batch <n,...>', 'pictures in a pass')
        .argParser(batches)
        .default(BATCHES, BATCHES.join(',')),
    )
    .addOption(
      new Option('--side <px,...>', 'heights and widths of pictures')
        .argParser((text) => text.split(',').map(pixels))
        .default(SIDES, SIDES.join(',')),
    );
  addBenchOptions(command, PEER_NAMES, { rounds: 3, peers: ['tfjs-webgpu'], drawn: false })
    .addHelpText('after', EXAMPLES)
    .action(async () => finish(await grow(command.optsWithGlobals(), terminal)));
}

function grow(flags: MemoryFlags, terminal: Terminal): Promise<ExitCode> {
  const { batch, side: sides } = flags;
  const benchmark: Benchmark = {
    name: 'memory',
    settings: {},
    tuned: ['f32'],
    measure: (gpu, { choices, ...context }) =>
      benchGrowth(gpu, { ...flags, batches: batch, sides, ...context, choices: choices.get('f32') }),
    text: textOf,
    drawings: [],
  };
  return runBenchmark(benchmark, flags, terminal);
}

function textOf(report: BenchReport): string {
  const { results } = report;
  const rows = results.map(({ engine, batch, side, medianMs, deviceBytes }) => [
    engine,
    `${side} px`,
    String(batch),
    msText(medianMs),
    msText(medianMs / batch),
    // Pictures of other sizes are more or less work; a pixel always is the same.
    ((1e6 * medianMs) / (batch * side! ** 2)).toFixed(0),
    deviceBytes === undefined ? '' : byteText(deviceBytes),
  ]);
  const heading = ['engine', 'picture', 'batch', 'ms', 'ms a picture', 'ns a pixel', 'memory'];
  const right = { align: 'right' } as const;
  return [
    ...headingOf(report),
    '',
    ...alignedRows([heading, ...rows], [{}, right, right, right, right, right, right]),
    ...(report.leftOut.length > 0 ? ['', ...leftOutLines(report)] : []),
  ].join('\n');
}
