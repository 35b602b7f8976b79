// A shape to try choices on: what it computes with, and what it must come to.

import type { Plan } from '../gpu/plan.js';
import { Recorder } from '../gpu/recorder.js';
import type { Tensor } from '../gpu/tensor.js';
import { fused, type Operation, recordForward } from '../network/operation.js';
import type { Parameters } from '../network/parameters.js';
import { type Expected, faultOf } from './check.js';
import type { Contender } from './contest.js';
import type { Workbench } from './workbench.js';

/** A shape's input and weights, filled with the workbench's numbers. */
export interface Trial<Choice> {
  makeReady(choice: Choice): Promise<Contender>;
  dispose(): void;
}

/** Written to all memory before a run is checked. A pooling makes NaN of NaN and a number on some adapters only. */
const POISON = 1e30;

/** Of a shape. */
export interface TrialShape<Choice> {
  readonly x: Tensor;
  readonly parameters: Parameters;
  /** What is computed with a choice; fused where it can be, as in a network. */
  operationsOf(choice: Choice): Operation[];
  expected(): Expected;
  /** The NMSE against float64 that a choice may have. */
  boundOf(choice: Choice): number;
}

/** Takes over the tensors of the shape. */
export function trialOf<Choice>(bench: Workbench, shape: TrialShape<Choice>): Trial<Choice> {
  let known: Expected | undefined;
  const expected = () => (known ??= shape.expected());
  return {
    async makeReady(choice) {
      const plan = await planOf(bench, shape, choice);
      try {
        await bench.stopwatch.warmUp(plan);
      } catch (error) {
        plan.dispose();
        throw error;
      }
      let repeats = 1;
      return {
        dispose: () => plan.dispose(),
        async time() {
          const ms = await bench.stopwatch.time(plan, repeats);
          repeats = bench.stopwatch.repeatsFor(ms);
          return ms;
        },
        async fault() {
          await plan.poison(POISON);
          const results = await plan.run();
          return faultOf(results.get('y')!, expected(), shape.boundOf(choice));
        },
      };
    },
    dispose() {
      shape.x.dispose();
      shape.parameters.dispose();
    },
  };
}

async function planOf<Choice>(
  { gpu }: Workbench,
  { x, operationsOf }: TrialShape<Choice>,
  choice: Choice,
): Promise<Plan> {
  const operations = fused(operationsOf(choice), new Set());
  await Promise.all(operations.map((operation) => operation.ready?.()));
  const recorder = new Recorder(gpu, 'tuning');
  const recorded = recordForward(recorder, operations, x);
  recorder.read('y', recorded.at(-1)!.y);
  return recorder.finish();
}

/** Fills kernel and bias of a layer. @throws GpuError */
export async function fillLayer(
  { gpu, activations, weights }: Workbench,
  parameters: Parameters,
  name: string,
): Promise<void> {
  const { kernel, bias } = parameters.layer(name);
  for (const { k } of kernel.value.pieces) await weights.fill(gpu, k);
  await activations.fill(gpu, bias.value.whole);
  kernel.value.changed();
  bias.value.changed();
}
