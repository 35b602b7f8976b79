// A shape to try choices on: its tensors, and what they must come to.

import type { Dispatch } from '../gpu/dispatch.js';
import type { Tensor } from '../gpu/tensor.js';
import { type Expected, faultOf } from './check.js';
import type { Contender } from './contest.js';
import type { Workbench } from './workbench.js';

/** What a launch gives: dispatches, and memory of its own. */
export interface Launched {
  readonly dispatches: readonly Dispatch[];
  readonly scratch: readonly Tensor[];
}

/** Owns the tensors of a shape. */
export interface Trial<Choice> {
  makeReady(choice: Choice): Promise<Contender>;
  dispose(): void;
}

/** Tensors that go together. */
export class Tensors {
  readonly #owned: Tensor[] = [];

  async own(created: Promise<Tensor>): Promise<Tensor> {
    const tensor = await created;
    this.#owned.push(tensor);
    return tensor;
  }

  dispose(): void {
    for (const tensor of this.#owned) tensor.dispose();
  }
}

/**
 * A launch, warmed up, that writes y, and other tensors before it. They are full of what shows where its first run fails to write.
 *
 * @throws GpuError, having disposed of the launch's memory
 */
export async function contenderOf(
  { gpu, nan, huge, stopwatch }: Workbench,
  { dispatches, scratch }: Launched,
  [y, ...before]: readonly [Tensor, ...Tensor[]],
  expected: () => Expected,
  bound: number,
): Promise<Contender> {
  let repeats = 1;
  const dispose = () => {
    for (const tensor of scratch) tensor.dispose();
  };
  try {
    await stopwatch.warmUp(dispatches);
    await nan.fill(gpu, y);
    for (const tensor of before) await huge.fill(gpu, tensor);
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    dispose,
    async time() {
      const ms = await stopwatch.time(dispatches, repeats);
      repeats = stopwatch.repeatsFor(ms);
      return ms;
    },
    async fault() {
      return faultOf(await y.read(), expected(), bound);
    },
  };
}
