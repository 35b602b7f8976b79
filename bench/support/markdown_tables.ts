// Tables in Markdown out of results of `vgg16 bench`.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LADDERS, ladderRows } from '../../src/bench/ladder.js';
import type { BenchReport, BenchResult, LeftOut } from '../../src/bench/report.js';

const OURS = 'vgg16-webgpu';

/** How a reader is told of an engine. */
const ENGINES: Readonly<Record<string, string>> = {
  [OURS]: '**vgg16-webgpu**',
  'tfjs-webgpu': 'tfjs, webgpu',
  'tfjs-wasm': 'tfjs, wasm (SIMD, one thread)',
  'onnxruntime-cpu': 'ONNX Runtime, CPU',
  'pytorch-cpu': 'PyTorch, CPU',
  'pytorch-cuda': 'PyTorch, CUDA',
};

const SCOPES: Readonly<Record<string, string>> = {
  convs: 'thirteen convolutions, five poolings',
  dense: 'fc1 to fc3, softmax',
  all: 'all of it',
};

/** By the names that the Markdown files have for them; each is told how its file reaches the repository's root. */
export const TABLES: Readonly<Record<string, (root: string) => Promise<string>>> = {
  'e2e-lavapipe': (root) => of(root, 'e2e-lavapipe', enginesTable),
  'batches-lavapipe': (root) => of(root, 'batches-lavapipe', enginesTable),
  'e2e-swiftshader': (root) => of(root, 'e2e-swiftshader', enginesTable),
  'dense-lavapipe': (root) => of(root, 'dense-lavapipe', layersTable),
  'dense-swiftshader': (root) => of(root, 'dense-swiftshader', layersTable),
  'convs-lavapipe': (root) => of(root, 'convs-lavapipe', enginesTable),
  'train-step-lavapipe': (root) => of(root, 'train-step-lavapipe', trainStepTable),
  'train-step-all-lavapipe': (root) => of(root, 'train-step-all-lavapipe', trainStepTable),
  'memory-lavapipe': (root) => of(root, 'memory-lavapipe', growthTable),
  'memory-64-lavapipe': (root) => of(root, 'memory-64-lavapipe', growthTable),
  'ladder-conv3x3-lavapipe': (root) => of(root, 'ladder-conv3x3-lavapipe', ladderTable),
  'ladder-conv3x3-dk-lavapipe': (root) => of(root, 'ladder-conv3x3-dk-lavapipe', ladderTable),
  'e2e-h200': (root) => of(root, 'e2e-h200', enginesTable),
  'train-step-all-h200': (root) => of(root, 'train-step-all-h200', trainStepTable),
  'ladder-conv3x3-h200': (root) => of(root, 'ladder-conv3x3-h200', ladderTable),
  'ladder-conv3x3-dk-h200': (root) => of(root, 'ladder-conv3x3-dk-h200', ladderTable),
  'ladder-linear-lavapipe': (root) => of(root, 'ladder-linear-lavapipe', ladderTable),
};

async function of(root: string, name: string, table: (report: BenchReport) => string): Promise<string> {
  const report = JSON.parse(await readFile(join('bench', 'results', `${name}.json`), 'utf8')) as BenchReport;
  return `${table(report)}\n\n${source(`${root}bench/results/${name}.json`, report)}`;
}

/** On what, from which commit, and where all of it stands. */
function source(path: string, { adapter, driver, host, settings, commit }: BenchReport): string {
  const card = adapter.isSoftware ? '' : ` (${adapter.device})`;
  const side = settings.side === undefined ? '' : `${settings.side} px, `;
  const tuned = settings.tuned === true ? ', tuned' : '';
  return (
    `<sub>${driver}${card}, ${host.cores} cores of ${host.cpu}; ${side}medians of up to ${settings.rounds}${tuned}; ` +
    `commit ${commit}. [All numbers](${path}).</sub>`
  );
}

function markdown(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = heading.map((_, i) => (i === 0 ? '---' : '---:'));
  return [heading, rule, ...rows].map(line).join('\n');
}

function ms(value: number): string {
  if (value >= 99.95) return Math.round(value).toLocaleString('en');
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

function times(factor: number): string {
  return `${factor >= 9.95 ? factor.toFixed(1) : factor.toFixed(2)}x`;
}

/** A row for each scope and batch, a column for each engine; what others take is said in times of ours as well. */
function enginesTable({ results, leftOut }: BenchReport): string {
  const engines = [...new Set([...results, ...leftOut].map(({ engine }) => engine))];
  const keyOf = ({ scope, batch, start }: Pick<BenchResult, 'scope' | 'batch' | 'start'>) =>
    `${SCOPES[scope]}, ${start === 'cold' ? 'from the start of a process' : `batch ${batch}`}`;
  const keys = [...new Set(results.map(keyOf))];
  const rows = keys.map((key) => {
    const found = (engine: string) =>
      results.find((result) => result.engine === engine && keyOf(result) === key);
    const ours = found(OURS);
    return [
      key,
      ...engines.map((engine) => {
        const result = found(engine);
        if (!result) return missing(leftOut.find((one) => one.engine === engine && keyOf(one) === key));
        return timeCell(result, ours);
      }),
    ];
  });
  return markdown(['ms (in times of ours)', ...engines.map(nameOf)], rows);
}

function nameOf(engine: string): string {
  return ENGINES[engine] ?? engine;
}

/** Why there is no number. */
function missing(leftOut: LeftOut | undefined): string {
  return leftOut?.kind === 'failed' ? 'cannot' : leftOut?.kind === 'slow' ? 'too long' : '';
}

/** Engines that round to f16 the weights, or all that they multiply: the NMSE of the whole network is then 3e-7 to 6e-7. */
const ROUNDS_TO_F16 = /-f16|07_subgroup_matrix/;

/** What others take is said in times of ours as well, and what is wrong is not said as if it were right. */
function timeCell(result: BenchResult, ours: BenchResult | undefined): string {
  const most = ROUNDS_TO_F16.test(result.engine) ? 1e-5 : 1e-9;
  if (result.nmse === null || !((result.nmse ?? 0) <= most)) return `${ms(result.medianMs)}, wrong`;
  if (result === ours) return `**${ms(result.medianMs)}**`;
  return `${ms(result.medianMs)}${ours ? ` (${times(result.medianMs / ours.medianMs)})` : ''}`;
}

function layersTable({ results, leftOut }: BenchReport): string {
  const layers = [...new Set(results.map(({ scope }) => scope))];
  const engines = [...new Set(results.map(({ engine }) => engine))];
  const rows = layers.map((layer) => {
    const found = (engine: string) => results.find((r) => r.scope === layer && r.engine === engine);
    const ours = found(OURS)!;
    return [
      layer,
      ...engines.map((engine) => {
        const result = found(engine);
        if (!result) return missing(leftOut.find((one) => one.engine === engine && one.scope === layer));
        return timeCell(result, ours);
      }),
      ours.nmse!.toExponential(1),
    ];
  });
  const heading = ['ms (in times of ours)', ...engines.map(nameOf), 'NMSE of ours'];
  return markdown(heading, rows);
}

function trainStepTable({ results, settings }: BenchReport): string {
  const scope =
    settings.scope === undefined ? 'a head' : settings.scope === 'all' ? 'all convolutions' : settings.scope;
  const theirs = results.find(({ engine }) => engine !== OURS)!;
  return markdown(
    [`a training step of ${scope}`, 'ms', 'times as fast'],
    results.map(({ engine, medianMs }) => [nameOf(engine), ms(medianMs), times(theirs.medianMs / medianMs)]),
  );
}

/** Ours beside the peer on the same adapter, configuration by configuration. */
function growthTable({ results, leftOut }: BenchReport): string {
  const theirs = 'tfjs-webgpu';
  const hasPeer = results.some(({ engine }) => engine === theirs);
  const rows = results
    .filter(({ engine }) => engine === OURS)
    .map(({ batch, side, medianMs, deviceBytes }) => {
      const isSame = (other: { batch: number; side?: number; engine: string }) =>
        other.engine === theirs && other.batch === batch && other.side === side;
      const peer = results.find(isSame);
      return [
        `${side} px, batch ${batch}`,
        ms(medianMs),
        ms(medianMs / batch),
        ((1e6 * medianMs) / (batch * side! ** 2)).toFixed(0),
        `${Math.round(deviceBytes! / 1e6)} MB`,
        ...(hasPeer
          ? [
              peer ? ms(peer.medianMs) : missing(leftOut.find(isSame)),
              peer?.deviceBytes ? `${Math.round(peer.deviceBytes / 1e6)} MB` : '',
            ]
          : []),
      ];
    });
  const ofPeer = hasPeer ? ['tfjs-webgpu: ms', 'memory'] : [];
  const heading = ['', 'ms', 'ms a picture', 'ns a pixel', 'memory', ...ofPeer];
  return markdown(heading, rows);
}

function ladderTable(report: BenchReport): string {
  const { peak, benchmark } = report;
  const rungs = LADDERS[benchmark.replace('ladder ', '') as keyof typeof LADDERS];
  const rows = ladderRows(report);
  const tfjs = rows.find(({ engine }) => engine === 'tfjs-webgpu');
  const cells = rows.map(({ engine, ms: taken, gflops, nmse }, i) => {
    const isRung = rungs.includes(engine);
    return [
      isRung ? `\`${engine}\`` : nameOf(engine),
      ms(taken),
      gflops >= 999.5 ? Math.round(gflops).toLocaleString('en') : gflops.toPrecision(3),
      isRung || engine === 'tfjs-webgpu' ? `${((100 * gflops) / peak!.gflops).toFixed(0)} %` : '',
      isRung && i > 0 ? times(rows[i - 1]!.ms / taken) : '',
      ...(tfjs ? [times(tfjs.ms / taken)] : []),
      nmse?.toExponential(1) ?? '',
    ];
  });
  const compared = tfjs ? ['tfjs-webgpu is 1x'] : [];
  const heading = ['', 'ms', 'GFLOP/s', 'of the peak', 'gain', ...compared, 'NMSE'];
  return markdown(heading, cells);
}
