// vgg16 bench ladder: from the naive kernel to the fastest, rung by rung.

import { Argument, type Command } from 'commander';
import { isOurs } from '../../bench/engine.js';
import { benchLadder, LADDER_NAMES, LADDERS, type Ladder, ladderRows } from '../../bench/ladder.js';
import { TFJS_NAMES, type TfjsName } from '../../bench/peers/engines.js';
import type { BenchReport } from '../../bench/report.js';
import { ladderBars } from '../../bench/svg/bars.js';
import { rooflineSvg } from '../../bench/svg/roofline.js';
import { type ExitCode, UsageError } from '../../errors.js';
import { pixels } from '../arguments.js';
import { alignedRows } from '../table.js';
import type { Terminal } from '../terminal.js';
import { addBenchOptions, type BenchFlags, batch as batchOf } from './options.js';
import { type Benchmark, runBenchmark } from './run.js';
import { headingOf, leftOutLines, msText, nmseText, peakLine, timesText } from './text.js';

interface LadderFlags extends BenchFlags<TfjsName> {
  readonly batch: number;
  readonly side: number;
  readonly rungs?: readonly string[];
  readonly roofline?: string;
}

const EXAMPLES = `
Examples:
  $ vgg16 bench ladder conv3x3
  $ vgg16 bench ladder conv3x3 --side 64 --rungs 03_register_blocked,04_vec4
  $ vgg16 bench ladder linear --batch 32
  $ vgg16 bench ladder conv3x3-dk --side 64 --batch 8

Times all of VGG16's layers of the kind, each alone: thirteen convolutions, the
gradients by their kernels (dk), or fc1 to fc3. The share of the peak is of what
the adapter was seen to do in registers; GFLOP/s are of the formula, so that
Winograd, which multiplies less, may have more than all of it.`;

export function addLadder(bench: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = bench
    .command('ladder')
    .summary('rung by rung, from naive to fastest')
    .description('Times the rungs of a ladder of kernels, from the naive one to the fastest.')
    .addArgument(new Argument('<ladder>', 'which').choices(LADDER_NAMES))
    .option('--batch <n>', 'pictures at a time', batchOf, 1)
    .option('--side <px>', 'height and width of the pictures', pixels, 224)
    .option('--rungs <names>', 'only these', (text: string) => text.split(','))
    .option('--roofline <file>', "draw the rungs' layers under the adapter's roofline");
  addBenchOptions(command, TFJS_NAMES, { rounds: 3, tuned: false })
    .addHelpText('after', EXAMPLES)
    .action(async (ladder: Ladder) => finish(await climb(ladder, command.optsWithGlobals(), terminal)));
}

function climb(ladder: Ladder, flags: LadderFlags, terminal: Terminal): Promise<ExitCode> {
  const { batch, side, svg, roofline } = flags;
  const rungs = rungsOf(ladder, flags.rungs);
  const benchmark: Benchmark = {
    name: `ladder ${ladder}`,
    settings: { batch, side },
    peak: true,
    measure: (gpu, { onStep, signal }) => benchLadder(gpu, ladder, rungs, { ...flags, signal, onStep }),
    text: (report) => textOf(report, terminal),
    drawings: [
      [svg, ladderBars],
      [roofline, rooflineSvg],
    ],
  };
  return runBenchmark(benchmark, flags, terminal);
}

function rungsOf(ladder: Ladder, wanted: readonly string[] | undefined): readonly string[] {
  const rungs = LADDERS[ladder];
  const unknown = wanted?.find((name) => !rungs.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`${ladder} has no rung "${unknown}"; it has ${rungs.join(' ')}`);
  return rungs.filter((rung) => !wanted || wanted.includes(rung));
}

function textOf(report: BenchReport, { colours }: Terminal): string {
  const rows = ladderRows(report);
  const peak = report.peak!.gflops;
  const tfjs = rows.find(({ engine }) => engine === 'tfjs-webgpu');
  const cells = rows.map(({ engine, ms, gflops, nmse }, i) => {
    const before = rows[i - 1];
    const isRung = isOurs(engine);
    return [
      engine,
      msText(ms),
      gflops.toPrecision(3),
      // The peak is the adapter's, under which not everybody runs.
      isRung || engine === 'tfjs-webgpu' ? `${((100 * gflops) / peak).toFixed(1)} %` : '',
      isRung && before ? timesText(before.ms / ms) : '',
      tfjs ? timesText(tfjs.ms / ms) : '',
      nmseText({ engine, nmse }, colours),
    ];
  });
  const heading = ['rung', 'ms', 'GFLOP/s', 'of peak', 'gain', tfjs ? 'tfjs-webgpu is 1x' : '', 'NMSE'];
  const right = { align: 'right' } as const;
  return [
    ...headingOf(report),
    peakLine(report),
    '',
    ...alignedRows([heading, ...cells], [{}, right, right, right, right, right, right]),
    ...(report.leftOut.length > 0 ? ['', ...leftOutLines(report)] : []),
  ].join('\n');
}
