// Forward passes one after another through one plan or two. Two may be on their way, so that the GPU has the next one to do while
// the results of the last are looked at.

import { UsageError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import type { Normalisation } from '../kernels/normalise/normalise.js';
import type { KernelWishes } from './launches.js';
import type { Network } from './network.js';
import { ForwardPlan, type PassInput, type PassResults, type PlanRequest } from './plan.js';

/** One computes, one waits for it to end. */
const MOST_PASSES = 2;

/** A pass that was submitted. */
export interface Pass {
  /** When the GPU has done it. */
  readonly results: Promise<PassResults>;
}

/** Owns the network and the plans through which it is asked. */
export class Runner {
  /** One that begins with pixels, and one that begins behind a layer: a caller may take turns between them. */
  readonly #plans = new Map<'pixels' | 'layer', { readonly key: string; readonly plan: ForwardPlan }>();
  /** Calls wait for each other: they share the plans. */
  #turn: Promise<unknown> = Promise.resolve();
  #isBusy = false;
  /** Passes whose results are not there yet, the oldest first. None of these promises is ever rejected. */
  readonly #onTheWay = new Set<Promise<void>>();
  #disposed = false;

  constructor(
    private readonly gpu: Gpu,
    private readonly network: Network,
    private readonly normalisation: Normalisation,
    private readonly wishes: KernelWishes,
  ) {}

  /**
   * Submits a pass, and waits for none but where two are on their way.
   *
   * @param input  as `ForwardPlan.begin`
   * @throws as `use` and `ForwardPlan.begin`
   */
  begin(request: PlanRequest, input: PassInput): Promise<Pass> {
    return this.use(request, async (plan) => {
      const [oldest] = this.#onTheWay;
      if (this.#onTheWay.size >= MOST_PASSES) await oldest;
      const pass = await plan.begin(input);
      return { results: this.#followed(pass.results) };
    });
  }

  /** A pass and its results. @throws as `begin` and `Pass.results` */
  async run(request: PlanRequest, input: PassInput): Promise<PassResults> {
    const { results } = await this.begin(request, input);
    return results;
  }

  /** `work` with a plan, in its turn. @throws as `ForwardPlan.create` and `work`; UsageError once disposed of */
  use<T>(request: PlanRequest, work: (plan: ForwardPlan) => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      if (this.#disposed) throw new UsageError('this VGG16 has been disposed of');
      this.#isBusy = true;
      try {
        return await work(await this.#planFor(request));
      } finally {
        this.#isBusy = false;
        this.#freeIfDone();
      }
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  /** What has begun ends before its memory is freed. Safe to call twice. */
  dispose(): void {
    this.#disposed = true;
    this.#freeIfDone();
  }

  #followed(results: Promise<PassResults>): Promise<PassResults> {
    const done = results
      .catch(() => {})
      .then(() => {
        this.#onTheWay.delete(done);
        this.#freeIfDone();
      });
    this.#onTheWay.add(done);
    return done.then(() => results);
  }

  async #planFor(request: PlanRequest): Promise<ForwardPlan> {
    const key = JSON.stringify(request);
    const kind = request.from === undefined ? 'pixels' : 'layer';
    const there = this.#plans.get(kind);
    if (there?.key === key) return there.plan;
    await Promise.all(this.#onTheWay);
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
    if (!this.#disposed || this.#isBusy || this.#onTheWay.size > 0) return;
    for (const { plan } of this.#plans.values()) plan.dispose();
    this.#plans.clear();
    this.network.parameters.dispose();
  }
}
