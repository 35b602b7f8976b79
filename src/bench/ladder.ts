// The rungs of a ladder, from naive to fastest, on VGG16's own layers.

import type { Gpu } from '../gpu/gpu.js';
import { CONV3X3_RUNGS } from '../kernels/conv3x3/rungs.js';
import { CONV3X3_BACKWARD_RUNGS, type Conv3x3BackwardRung } from '../kernels/conv3x3_backward/rungs.js';
import { GEMV_MAX_BATCH, LINEAR_RUNGS, type LinearRung } from '../kernels/linear/linear.js';
import type { Measured } from './e2e.js';
import { kernelGradientTask, ourKernelGradient } from './kernel_gradient.js';
import { plannedLayers } from './layer_task.js';
import { computedByLayer, type LayersOptions, layerByLayer } from './layers.js';
import { ourLayer } from './our_layer.js';
import type { BenchReport } from './report.js';

/** `conv3x3-dk` is that of the gradient by a convolution's kernel. */
export type Ladder = 'conv3x3' | 'conv3x3-dk' | 'linear';

/** Each ladder's rungs, slowest first. */
export const LADDERS: Readonly<Record<Ladder, readonly string[]>> = {
  conv3x3: CONV3X3_RUNGS,
  'conv3x3-dk': CONV3X3_BACKWARD_RUNGS,
  linear: Object.keys(LINEAR_RUNGS),
};

export const LADDER_NAMES = Object.keys(LADDERS) as Ladder[];

/** @param rungs  some of the ladder's */
export function benchLadder(
  gpu: Gpu,
  ladder: Ladder,
  rungs: readonly string[],
  options: Omit<LayersOptions, 'layers'>,
): Promise<Measured> {
  const kind = ladder === 'linear' ? 'linear' : 'conv3x3';
  const layers = plannedLayers(options.side)
    .filter(({ operation }) => operation === kind)
    .map(({ name }) => name);
  if (ladder === 'conv3x3-dk') {
    return computedByLayer(
      gpu,
      { ...options, layers },
      {
        task: kernelGradientTask,
        ours: (task) =>
          (rungs as readonly Conv3x3BackwardRung[]).map((rung) => [
            rung,
            () => ourKernelGradient(gpu, task, { rung }),
          ]),
        theirs: (peer, { x, dy, sizes }) => peer.prepareKernelGradient(x, dy, sizes),
      },
    );
  }
  return layerByLayer(gpu, { ...options, layers }, (task) =>
    rungs
      .filter((rung) => suitsBatch(rung, options.batch))
      .map((rung) => [rung, () => ourLayer(gpu, task, { rungs: { [ladder]: rung } })]),
  );
}

/** A gemv's sums are written out, row by row: it takes forever to compile for more, and is not meant for them. */
function suitsBatch(rung: string, batch: number): boolean {
  return (rung as LinearRung) !== '03_gemv' || batch <= GEMV_MAX_BATCH;
}

/** What all layers together come to, engine by engine, in the order in which they were measured. */
export interface LadderRow {
  readonly engine: string;
  /** Of all layers, one after another. */
  readonly ms: number;
  readonly gflops: number;
  /** The largest of any layer. */
  readonly nmse: number | null;
}

/** Engines that could not do all of the layers have no row. */
export function ladderRows({ results }: Pick<BenchReport, 'results'>): LadderRow[] {
  const layers = new Set(results.map(({ scope }) => scope));
  return [...new Set(results.map(({ engine }) => engine))].flatMap((engine) => {
    const own = results.filter((result) => result.engine === engine);
    if (own.length < layers.size) return [];
    const sum = (of: (result: (typeof own)[number]) => number) =>
      own.reduce((total, result) => total + of(result), 0);
    const ms = sum(({ medianMs }) => medianMs);
    const errors = own.map(({ nmse }) => nmse);
    const nmse = errors.includes(null) ? null : Math.max(...(errors as number[]));
    return [{ engine, ms, gflops: sum(({ flops }) => flops ?? 0) / ms / 1e6, nmse }];
  });
}
