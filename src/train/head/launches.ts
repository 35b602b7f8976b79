// Kernels that are made ready side by side, and the memory that they turn out to need.

import type { Dispatch } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { type Shape, Tensor } from '../../gpu/tensor.js';

/** What a launcher gives: its dispatches alone, or with memory that is to be disposed of after them. */
type Launch =
  | readonly Dispatch[]
  | { readonly dispatches: readonly Dispatch[]; readonly scratch: readonly Tensor[] };

/** A launch on its way. */
export type Launching = Promise<readonly Dispatch[]>;

/** Owns the tensors that are made through it. */
export class Launches {
  readonly #owned: Tensor[] = [];
  readonly #pending: Launching[] = [];

  constructor(private readonly gpu: Gpu) {}

  /** A new tensor of zeros. @throws GpuError */
  tensor(label: string, shape: Shape): Promise<Tensor> {
    return this.own(Tensor.create(this.gpu, label, shape));
  }

  async own(created: Promise<Tensor>): Promise<Tensor> {
    const tensor = await created;
    this.#owned.push(tensor);
    return tensor;
  }

  /** Takes over the memory of a launch that has been begun; others may be begun before it is ready. */
  add(launch: Promise<Launch>): Launching {
    const ready = launch.then((made) => {
      if (!('scratch' in made)) return made;
      this.#owned.push(...made.scratch);
      return made.dispatches;
    });
    // It is waited for later; until then nobody else may hear of its failure.
    ready.catch(() => {});
    this.#pending.push(ready);
    return ready;
  }

  /** The dispatches of launches, in their order. @throws what a launcher did */
  async inOrder(launches: readonly Launching[]): Promise<Dispatch[]> {
    return (await Promise.all(launches)).flat();
  }

  /** Waits until nothing is being made any more; what a launch allocates while another one fails is then known. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  /** To be called when nothing is being made any more. */
  dispose(): void {
    for (const tensor of this.#owned) tensor.dispose();
  }
}
