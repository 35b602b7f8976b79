// Engines compute one layer each in turn: checked first, then timed over as many repetitions as a clock needs.

import type { LayerTask } from './layer_task.js';
import type { ReadyLayer } from './our_layer.js';
import { type BenchResult, faultOf, type LeftOut } from './report.js';
import { type TurnOptions, takeTurns, timed } from './turns.js';

/** An engine's name and how it is made ready for the layer. */
export type LayerEngine = readonly [name: string, ready: () => Promise<ReadyLayer>];

/** A turn repeats what takes less, so that starting it does not count: the wait for a device alone takes a tenth of a millisecond. */
const MIN_TURN_MS = 20;
const MOST_REPETITIONS = 200;

/** @throws what is no fault of an engine or the device; the signal's reason */
export async function layerTurns(
  task: LayerTask,
  engines: readonly LayerEngine[],
  side: number,
  options: TurnOptions,
): Promise<{ results: BenchResult[]; leftOut: LeftOut[] }> {
  const { name: scope, batch, flops, bytes } = task;
  const leftOut: LeftOut[] = [];
  const ready = new Map<string, { layer: ReadyLayer; nmse: number; repetitions: number }>();
  try {
    for (const [engine, open] of engines) {
      options.signal?.throwIfAborted();
      let layer: ReadyLayer | undefined;
      try {
        layer = await open();
        const nmse = task.errorOf(await layer.run());
        const once = await timed(() => layer!.compute(1));
        const repetitions = Math.min(MOST_REPETITIONS, Math.ceil(MIN_TURN_MS / once));
        ready.set(engine, { layer, nmse, repetitions });
      } catch (error) {
        layer?.dispose();
        leftOut.push({ engine, scope, batch, ...faultOf(error) });
      }
    }
    const turns = new Map(
      [...ready].map(([engine, { layer, repetitions }]) => [
        engine,
        async () => (await timed(() => layer.compute(repetitions))) / repetitions,
      ]),
    );
    const { timings, failed } = await takeTurns(turns, options);
    for (const [engine, reason] of failed) leftOut.push({ engine, scope, batch, kind: 'failed', reason });
    const results = [...timings].map(([engine, timing]): BenchResult => {
      const { nmse } = ready.get(engine)!;
      const error = Number.isNaN(nmse) ? null : nmse;
      return { engine, scope, batch, side, ...timing, nmse: error, flops, bytes };
    });
    return { results, leftOut };
  } finally {
    for (const { layer } of ready.values()) layer.dispose();
  }
}
