// What vgg16 tune has to say: tables for people, facts for programs.

import type { LayerName } from '../architecture.js';
import type { Gpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import type { Conv3x3Choice } from '../kernels/conv3x3/candidates.js';
import type { LinearChoice } from '../kernels/linear/candidates.js';
import type { Choices, ConvShape, DenseShape } from '../network/choices.js';
import { choicesKeyOf } from '../network/choices.js';
import type { TunedNetwork } from '../node/tune_network.js';
import type { TunedShape } from '../tune/tune.js';
import { alignedRows } from './table.js';
import type { Colours } from './terminal.js';

type Choice = Conv3x3Choice | LinearChoice;

/** What either has beside its rung. */
type Options = Omit<Conv3x3Choice, 'rung'> & Omit<LinearChoice, 'rung'>;

/** A layer and what was chosen for it. */
interface Row {
  readonly layer: LayerName;
  readonly shape: ConvShape | DenseShape;
  readonly winner: { readonly choice: Choice; readonly ms: number; readonly defaultMs: number } | null;
}

/** `06_subgroup BN=64, 32 MiB`; `03_gemv, 512 workgroups`. */
export function choiceText(choice: Choice): string {
  const { tiling = {}, scratchBytes, workgroups }: Options = choice as Options;
  const tiles = Object.entries(tiling).map(([name, value]) => ` ${name}=${value}`);
  const scratch = scratchBytes === undefined ? '' : `, ${scratchBytes / 2 ** 20} MiB`;
  return `${choice.rung}${tiles.join('')}${scratch}${workgroups === undefined ? '' : `, ${workgroups} workgroups`}`;
}

function shapeText(shape: ConvShape | DenseShape): string {
  if ('D' in shape) return `${shape.D} -> ${shape.O}`;
  return `${shape.H}x${shape.W}x${shape.C} -> ${shape.O}${shape.pooled ? ', pooled' : ''}`;
}

function rowsOf(shapes: readonly TunedShape[]): { batch: number; rows: Row[] }[] {
  const batches = [...new Set(shapes.map(({ shape }) => shape.N))];
  return batches.map((batch) => ({
    batch,
    rows: shapes
      .filter(({ shape }) => shape.N === batch)
      .flatMap(({ layers, shape, outcome }) =>
        layers.map((layer) => ({ layer, shape, winner: outcome.winner ?? null })),
      )
      // A shape that comes again stands where its first layer is.
      .sort((a, b) => (a.layer < b.layer ? -1 : 1)),
  }));
}

function totalsOf(rows: readonly Row[]): { defaultMs: number; ms: number } {
  const sum = (of: 'ms' | 'defaultMs') => rows.reduce((total, { winner }) => total + (winner?.[of] ?? 0), 0);
  return { defaultMs: sum('defaultMs'), ms: sum('ms') };
}

/** A table for each batch. */
export function tunedTables({ shapes }: TunedNetwork, colours: Colours): string {
  return rowsOf(shapes)
    .map(({ batch, rows }) => {
      const { defaultMs, ms } = totalsOf(rows);
      const title = colours.bold(batch === 1 ? 'One picture' : `${batch} pictures`);
      const cells = rows.map(({ layer, shape, winner }) => [layer, ...cellsOf(shape, winner)]);
      const total = ['all', '', msText(defaultMs), msText(ms), gainText(defaultMs, ms), ''];
      const [head, ...lines] = table(['layer', ...HEADS], [...cells, total]);
      const last = lines.pop()!;
      return [title, colours.dim(head!), ...lines, colours.bold(last)].join('\n');
    })
    .join('\n\n');
}

/** What was chosen, by shape. */
export function choicesTable({ conv3x3, linear }: Choices, colours: Colours): string {
  const entries = [...conv3x3, ...linear].map(({ shape, ...winner }) => [
    String(shape.N),
    ...cellsOf(shape, winner),
  ]);
  const [head, ...lines] = table(['batch', ...HEADS], entries);
  return [colours.dim(head!), ...lines].join('\n');
}

/** What `--json` prints. */
export function tunedFacts(gpu: Gpu, dtype: TensorDtype, { path, shapes }: TunedNetwork): object {
  return {
    file: path,
    ...choicesKeyOf(gpu, dtype),
    batches: rowsOf(shapes).map(({ batch, rows }) => ({
      batch,
      layers: rows.map(({ winner, ...row }) => ({ ...row, ...(winner ?? { choice: null }) })),
      totals: totalsOf(rows),
    })),
    leftOut: shapes.flatMap(({ layers, shape, outcome }) =>
      outcome.leftOut.map((left) => ({ layer: layers[0], batch: shape.N, ...left })),
    ),
  };
}

const HEADS = ['shape', 'default ms', 'ms', 'gain', 'kernel'];

function cellsOf(shape: ConvShape | DenseShape, winner: Row['winner']): string[] {
  if (!winner) return [shapeText(shape), '', '', '', 'none that is right'];
  const { choice, ms, defaultMs } = winner;
  return [shapeText(shape), msText(defaultMs), msText(ms), gainText(defaultMs, ms), choiceText(choice)];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const right = { align: 'right' } as const;
  return alignedRows([head, ...rows], [{}, {}, right, right, right, {}]).map((row) => row.trimEnd());
}

function msText(ms: number): string {
  return ms < 10 ? ms.toFixed(3) : ms.toFixed(1);
}

/** Times as fast; nothing where the default stays. */
function gainText(defaultMs: number, ms: number): string {
  return ms === defaultMs ? '' : (defaultMs / ms).toFixed(2);
}
