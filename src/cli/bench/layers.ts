// vgg16 bench layers: every layer of VGG16 alone.

import type { Command } from 'commander';
import { plannedLayers } from '../../bench/layer_task.js';
import { benchLayers } from '../../bench/layers.js';
import { TFJS_NAMES, type TfjsName } from '../../bench/peers/engines.js';
import type { BenchReport, BenchResult } from '../../bench/report.js';
import { layersBars } from '../../bench/svg/bars.js';
import { rooflineSvg } from '../../bench/svg/roofline.js';
import { type ExitCode, UsageError } from '../../errors.js';
import { pixels } from '../arguments.js';
import { alignedRows } from '../table.js';
import type { Terminal } from '../terminal.js';
import { addBenchOptions, type BenchFlags, batch as batchOf } from './options.js';
import { type Benchmark, runBenchmark } from './run.js';
import { headingOf, leftOutLines, msText, nmseText, peakLine, timesText } from './text.js';

interface LayersFlags extends BenchFlags<TfjsName> {
  readonly batch: number;
  readonly side: number;
  readonly layers?: readonly string[];
  readonly roofline?: string;
}

const EXAMPLES = `
Examples:
  $ vgg16 bench layers
  $ vgg16 bench layers --layers fc1,fc2,fc3 --peers tfjs-webgpu
  $ vgg16 bench layers --svg layers.svg --roofline roofline.svg

Each layer is computed alone, from a buffer on the device to another; short ones
are repeated, so that starting them does not count. Pooling is timed as a layer
of its own, which in the whole network it is not. GFLOP/s are of the formula:
what Winograd saves is not taken off.`;

export function addLayers(bench: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = bench
    .command('layers')
    .summary('each layer alone')
    .description('Times each layer of VGG16 alone.')
    .option('--batch <n>', 'pictures at a time', batchOf, 1)
    .option('--side <px>', 'height and width of the pictures', pixels, 224)
    .option('--layers <names>', 'only these, as `vgg16 summary` lists them', (text: string) =>
      text.split(','),
    )
    .option('--roofline <file>', "draw the layers under the adapter's roofline");
  addBenchOptions(command, TFJS_NAMES, { rounds: 3 })
    .addHelpText('after', EXAMPLES)
    .action(async () => finish(await layers(command.optsWithGlobals(), terminal)));
}

function layers(flags: LayersFlags, terminal: Terminal): Promise<ExitCode> {
  const { batch, side, svg, roofline } = flags;
  checkLayers(flags.layers, side);
  const benchmark: Benchmark = {
    name: 'layers',
    settings: { batch, side },
    peak: true,
    tuned: ['f32'],
    measure: (gpu, { choices, ...context }) =>
      benchLayers(gpu, { ...flags, ...context, choices: choices.get('f32') }),
    text: (report) => textOf(report, terminal),
    drawings: [
      [svg, layersBars],
      [roofline, rooflineSvg],
    ],
  };
  return runBenchmark(benchmark, flags, terminal);
}

function checkLayers(wanted: readonly string[] | undefined, side: number): void {
  const names: string[] = plannedLayers(side).map(({ name }) => name);
  for (const name of wanted ?? []) {
    if (!names.includes(name))
      throw new UsageError(`there is no layer "${name}"; there are ${names.join(' ')}`);
  }
}

function textOf(report: BenchReport, { colours }: Terminal): string {
  const { results } = report;
  const engines = [...new Set(results.map(({ engine }) => engine))];
  const others = engines.slice(1);
  const names = [...new Set(results.map(({ scope }) => scope))];
  const of = (scope: string, engine: string) =>
    results.find((result) => result.scope === scope && result.engine === engine);
  const ms = (result: BenchResult | undefined) => (result ? msText(result.medianMs) : '-');
  const rows = names.map((scope) => {
    const ours = of(scope, engines[0]!);
    const theirs = others.flatMap((engine) => {
      const result = of(scope, engine);
      return [ms(result), result && ours ? timesText(result.medianMs / ours.medianMs) : '-'];
    });
    const gflops = ours ? (ours.flops! / ours.medianMs / 1e6).toPrecision(3) : '-';
    return [scope, ms(ours), gflops, ours ? nmseText(ours, colours) : '-', ...theirs];
  });
  const heading = [
    'layer',
    'ours ms',
    'GFLOP/s',
    'NMSE',
    ...others.flatMap((name) => [`${name} ms`, 'gain']),
  ];
  const right = { align: 'right' } as const;
  const columns = [{}, ...heading.slice(1).map(() => right)];
  return [
    ...headingOf(report),
    peakLine(report),
    '',
    ...alignedRows([heading, ...rows], columns),
    ...(report.leftOut.length > 0 ? ['', ...leftOutLines(report)] : []),
  ].join('\n');
}
