// vgg16 bench e2e: the whole network, and its halves.

import { type Command, Option } from 'commander';
import { benchCold } from '../../bench/cold.js';
import { benchE2e } from '../../bench/e2e.js';
import { SCOPES, type Scope } from '../../bench/engine.js';
import { plannedLayers } from '../../bench/layer_task.js';
import { PEER_NAMES, TFJS_NAMES } from '../../bench/peers/engines.js';
import { type BenchReport, faultOf, type LeftOut } from '../../bench/report.js';
import { enginesBars } from '../../bench/svg/bars.js';
import { type ExitCode, UsageError } from '../../errors.js';
import { BYTES_PER_VALUE, type TensorDtype } from '../../gpu/tensor.js';
import { CONV3X3_RUNGS, type Conv3x3Rung } from '../../kernels/conv3x3/rungs.js';
import { pixels } from '../arguments.js';
import type { Terminal } from '../terminal.js';
import { firstPassCommand } from './first.js';
import { addBenchOptions, type BenchFlags, batches, parseList } from './options.js';
import { type Benchmark, runBenchmark } from './run.js';
import { coldTable, enginesTable, headingOf, leftOutLines } from './text.js';

interface E2eFlags extends BenchFlags {
  readonly batch: readonly number[];
  readonly side: number;
  readonly scope: readonly Scope[];
  readonly dtype: readonly TensorDtype[];
  readonly rungs: readonly Conv3x3Rung[];
  readonly cold?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 bench e2e
  $ vgg16 bench e2e --batch 1,8,32 --scope convs --max-seconds 200
  $ vgg16 bench e2e --side 64 --peers none --rungs 03_register_blocked

convs is pixels to block5_pool, dense is fc1 to softmax, all is all of it. A
pass is timed from its input on the host (that of TensorFlow.js is on the device
before) to its results on the host. --cold starts a process for each engine,
with f32 weights from a file: 1.1 GB of temporary files. Caches of files and
shaders are full by then, as they are from the second start on. Where
onnxruntime-node is installed, its webgpu chooses the adapter itself.`;

export function addE2e(bench: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const dtypes = Object.keys(BYTES_PER_VALUE) as TensorDtype[];
  const command = bench
    .command('e2e')
    .summary('the whole network, and its halves')
    .description('Times passes through the whole network, and through its halves.')
    .addOption(new Option('--batch <n,...>', 'pictures in a pass').argParser(batches).default([1], '1'))
    .option('--side <px>', 'height and width of the pictures', pixels, 224)
    .addOption(
      new Option('--scope <names>', `of ${SCOPES.join(', ')}`)
        .argParser((text) => parseList(text, SCOPES))
        .default(SCOPES, 'all three'),
    )
    .addOption(
      new Option('--dtype <types>', `how our weights are kept, of ${dtypes.join(', ')}`)
        .argParser((text) => parseList(text, dtypes))
        .default(['f32'], 'f32'),
    )
    .addOption(
      new Option('--rungs <names>', 'rungs of conv3x3 to time besides the default')
        .argParser((text) => parseList(text, CONV3X3_RUNGS))
        .default([], 'none'),
    )
    .option('--cold', 'as well from the start of a process to its first result');
  addBenchOptions(command, PEER_NAMES)
    .addHelpText('after', EXAMPLES)
    .action(async () => finish(await e2e(command.optsWithGlobals(), terminal)));
}

function e2e(flags: E2eFlags, terminal: Terminal): Promise<ExitCode> {
  const { adapter, batch, side, scope: scopes, dtype: dtypes, rungs, peers, cold, svg } = flags;
  const { rounds, maxSeconds } = flags;
  // Refuses sizes that no engine takes.
  plannedLayers(side);
  if (cold && scopes.every((scope) => scope === 'dense'))
    throw new UsageError('--cold begins with pictures: add convs or all to --scope');
  const common = { side, scopes, rounds, maxSeconds };
  const benchmark: Benchmark = {
    name: 'e2e',
    settings: { side, dtype: dtypes.join(','), peers: peers.join(',') || 'none' },
    tuned: dtypes,
    async measure(gpu, context) {
      const warm = await benchE2e(gpu, { ...common, ...context, batches: batch, peers, dtypes, rungs });
      if (!cold) return warm;
      const starting = TFJS_NAMES.filter((name) => peers.includes(name));
      const how = { adapter, peers: starting, command: firstPassCommand, tuned: context.choices.has('f32') };
      // What was measured before is not lost with it.
      const started = await benchCold({ ...common, ...context, ...how }).catch((error) => {
        const fault = { engine: 'all', scope: 'all', batch: 1, start: 'cold' as const, ...faultOf(error) };
        return { results: [], leftOut: [fault] };
      });
      const others = peers.filter((name) => !starting.some((one) => one === name));
      const notStarted = others.map((engine): LeftOut => {
        const reason = 'starts are measured of TensorFlow.js alone';
        return { engine, scope: 'all', batch: 1, start: 'cold', kind: 'absent', reason };
      });
      return {
        results: [...warm.results, ...started.results],
        leftOut: [...warm.leftOut, ...started.leftOut, ...notStarted],
      };
    },
    text: (report) => textOf(report, terminal),
    drawings: [[svg, enginesBars]],
  };
  return runBenchmark(benchmark, flags, terminal);
}

const TITLES: Readonly<Record<Scope, string>> = {
  convs: 'convs: pixels to block5_pool',
  dense: 'dense: fc1 to softmax',
  all: 'all: pixels to softmax',
};

function textOf(report: BenchReport, terminal: Terminal): string {
  const { colours } = terminal;
  const lines = headingOf(report);
  for (const scope of SCOPES) {
    const ofScope = report.results.filter((result) => result.scope === scope);
    const warm = ofScope.filter(({ start }) => start !== 'cold');
    for (const batch of new Set(warm.map((result) => result.batch))) {
      const rows = warm.filter((result) => result.batch === batch);
      lines.push('', colours.bold(`${TITLES[scope]}, batch ${batch}`));
      lines.push(...enginesTable(rows, 'tfjs-webgpu', colours));
    }
    const cold = ofScope.filter(({ start }) => start === 'cold');
    if (cold.length === 0) continue;
    lines.push('', colours.bold(`${TITLES[scope]}, from the start of a process`));
    lines.push(...coldTable(cold, 'tfjs-webgpu', colours));
  }
  if (report.leftOut.length > 0) lines.push('', ...leftOutLines(report));
  return lines.join('\n');
}
