// A convolution of the network computed alone: by each rung of the ladder, or by an edited kernel; checked, then timed.

import type { ConvName } from '../src/architecture.js';
import { type LayerTask, layerTask } from '../src/bench/layer_task.js';
import { ourLayer, type ReadyLayer } from '../src/bench/our_layer.js';
import { takeTurns, timed } from '../src/bench/turns.js';
import { VggError } from '../src/errors.js';
import type { Gpu } from '../src/gpu/gpu.js';
import { Recorder } from '../src/gpu/recorder.js';
import { conv3x3 } from '../src/kernels/conv3x3/conv3x3.js';
import { CONV3X3_RUNGS, DIRECT_RUNGS, type DirectRung } from '../src/kernels/conv3x3/rungs.js';
import { padToQuad } from '../src/kernels/shapes.js';
import type { Explored } from './network.js';

/** Pixels at which results are held against float64, besides the corners: as many as take no longer than a blink. */
const PIXELS_CHECKED = 6;
/** Rounding alone stays far below, a wrong tap or border far above. */
export const MAX_NMSE = 1e-9;
const ROUNDS = 5;
/** A turn takes about so long, so that a short kernel is repeated. */
const TURN_MS = 30;

/** What came of a way to compute the layer. */
export interface Outcome {
  readonly name: string;
  /** The normalised mean squared error against float64; NaN where a number is none. Undefined where it did not run. */
  readonly nmse: number | undefined;
  /** The median of some turns. */
  readonly ms: number | undefined;
  readonly gflops: number | undefined;
  /** Why it did not run. */
  readonly fault: string | undefined;
}

/** The layer with its own weights, on random numbers of its input's size. */
export async function taskOf(explored: Explored, layer: ConvName, size: number): Promise<LayerTask> {
  const planned = explored.model.layers(size, size, layer).at(-1)!;
  const { kernel, bias } = await explored.numbersOf(layer);
  const O = bias.length;
  const convs = [{ layer, kernel, bias, O, C: kernel.length / 9 / O }];
  return layerTask(planned, { convs, dense: [] }, 1, PIXELS_CHECKED);
}

/** Every rung of the ladder on a layer, in the ladder's order. */
export function runLadder(gpu: Gpu, task: LayerTask): Promise<Outcome[]> {
  return compare(
    task,
    CONV3X3_RUNGS.map((rung) => [rung, () => ourLayer(gpu, task, { rungs: { conv3x3: rung } })]),
  );
}

/** An edited kernel beside the rung that it was. */
export function runEdited(gpu: Gpu, task: LayerTask, rung: DirectRung, wgsl: string): Promise<Outcome[]> {
  return compare(task, [
    ['yours', () => edited(gpu, task, rung, wgsl)],
    [rung, () => edited(gpu, task, rung, DIRECT_RUNGS[rung])],
  ]);
}

/** Checks each, then times them in turns. */
async function compare(
  task: LayerTask,
  ways: readonly (readonly [name: string, make: () => Promise<ReadyLayer>])[],
): Promise<Outcome[]> {
  const ready = new Map<string, ReadyLayer>();
  const errors = new Map<string, number>();
  const faults = new Map<string, string>();
  try {
    for (const [name, make] of ways) {
      try {
        const layer = await make();
        ready.set(name, layer);
        errors.set(name, task.errorOf(await layer.run()));
      } catch (error) {
        if (!(error instanceof VggError)) throw error;
        faults.set(name, error.message);
      }
    }
    const turns = new Map<string, () => Promise<number>>();
    for (const [name] of errors) {
      const layer = ready.get(name)!;
      const once = await timed(() => layer.compute(1));
      const repeats = Math.min(200, Math.max(1, Math.round(TURN_MS / once)));
      turns.set(name, async () => (await timed(() => layer.compute(repeats))) / repeats);
    }
    const { timings, failed } = await takeTurns(turns, { rounds: ROUNDS, maxSeconds: 5 });
    return ways.map(([name]) => {
      const ms = timings.get(name)?.medianMs;
      return {
        name,
        ms,
        nmse: errors.get(name),
        gflops: ms === undefined ? undefined : task.flops / ms / 1e6,
        fault: faults.get(name) ?? failed.get(name),
      };
    });
  } finally {
    for (const layer of ready.values()) layer.dispose();
  }
}

/** @throws GpuError for a text that does not compile, with its line, or that lacks what the launcher needs */
async function edited(gpu: Gpu, task: LayerTask, rung: DirectRung, wgsl: string): Promise<ReadyLayer> {
  const { name, inputShape, shape, x, k, b, relu } = task;
  const [H, W, C] = inputShape as [number, number, number];
  const O = shape.at(-1)!;
  const [Cq, Oq] = [padToQuad(C), padToQuad(O)];
  const recorder = new Recorder(gpu, 'workbench');
  const y = recorder.persistent('y', [1, H, W, Oq]);
  conv3x3(recorder, {
    label: name,
    x: recorder.persistent('x', [1, H, W, Cq], padded(x, C, Cq)),
    k: recorder.persistent('k', [3, 3, Cq, Oq], padded(padded(k, O, Oq), C * Oq, Cq * Oq)),
    b: recorder.persistent('b', [Oq], padded(b, O, Oq)),
    y,
    ...{ relu, rung, wgsl },
  });
  const plan = await recorder.finish();
  return {
    async run() {
      await plan.poison(Number.NaN);
      await plan.run();
      const padding = await y.read();
      return padding.filter((_, i) => i % Oq < O);
    },
    compute: (times) => plan.repeat(times),
    dispose: () => plan.dispose(),
  };
}

/** Rows of `from` numbers as rows of `to`, with zeros behind. */
function padded(values: Float32Array, from: number, to: number): Float32Array<ArrayBuffer> {
  const rows = values.length / from;
  const result = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) result.set(values.subarray(row * from, (row + 1) * from), row * to);
  return result;
}
