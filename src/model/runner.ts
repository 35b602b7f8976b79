// Forward passes one after another through one plan or two. Two may be in flight, so that the GPU has the next one to do while the
// results of the last are looked at.

import { UsageError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import type { Normalisation } from '../kernels/normalise/normalise.js';
import type { KernelWishes } from '../network/build.js';
import {
  ForwardPlan,
  type ForwardRequest,
  type Network,
  type PassInput,
  type PassResults,
} from '../network/forward.js';
import { Turns } from '../turns.js';

/** A pass that was submitted. */
export interface Pass {
  /** When the GPU has done it. */
  readonly results: Promise<PassResults>;
}

/** Owns the network's parameters and the plans that compute with them. */
export class Runner {
  /** One that begins with pixels, and one that begins behind a layer: a caller may take turns between them. */
  readonly #plans = new Map<'pixels' | 'layer', { readonly key: string; readonly plan: ForwardPlan }>();
  /** Calls wait for each other: they share the plans. */
  readonly #turns = new Turns();
  #isBusy = false;
  #disposed = false;

  constructor(
    private readonly gpu: Gpu,
    private readonly network: Network,
    private readonly normalisation: Normalisation,
    private readonly wishes: KernelWishes,
  ) {}

  /**
   * Submits a pass; waits for an earlier one only where two are in flight.
   *
   * @param input  as `ForwardPlan.begin`
   * @throws as `use` and `ForwardPlan.begin`
   */
  begin(request: ForwardRequest, input: PassInput): Promise<Pass> {
    return this.use(request, async (plan) => {
      const { results } = await plan.begin(input);
      const free = () => this.#freeIfDone();
      results.then(free, free);
      return { results };
    });
  }

  /** A pass and its results. @throws as `begin` and `Pass.results` */
  async run(request: ForwardRequest, input: PassInput): Promise<PassResults> {
    const { results } = await this.begin(request, input);
    return results;
  }

  /** `work` with a plan, in its turn. @throws as `ForwardPlan.create` and `work`; UsageError once disposed of */
  use<T>(request: ForwardRequest, work: (plan: ForwardPlan) => Promise<T>): Promise<T> {
    return this.#turns.take(async () => {
      if (this.#disposed) throw new UsageError('this VGG16 has been disposed of');
      this.#isBusy = true;
      try {
        return await work(await this.#planFor(request));
      } finally {
        this.#isBusy = false;
        this.#freeIfDone();
      }
    });
  }

  /** What has begun ends before its memory is freed. Safe to call twice. */
  dispose(): void {
    this.#disposed = true;
    this.#freeIfDone();
  }

  async #planFor(request: ForwardRequest): Promise<ForwardPlan> {
    const key = JSON.stringify(request);
    const kind = request.from === undefined ? 'pixels' : 'layer';
    const there = this.#plans.get(kind);
    if (there?.key === key) return there.plan;
    await Promise.all([...this.#plans.values()].map(({ plan }) => plan.idle()));
    there?.plan.dispose();
    this.#plans.delete(kind);
    const plan = await ForwardPlan.create(this.gpu, this.network, this.normalisation, {
      ...this.wishes,
      ...request,
    });
    this.#plans.set(kind, { key, plan });
    return plan;
  }

  #freeIfDone(): void {
    const plans = [...this.#plans.values()].map(({ plan }) => plan);
    if (!this.#disposed || this.#isBusy || plans.some(({ isIdle }) => !isIdle)) return;
    for (const plan of plans) plan.dispose();
    this.#plans.clear();
    this.network.parameters.dispose();
  }
}
