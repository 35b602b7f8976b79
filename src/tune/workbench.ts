// What all shapes are tuned with: numbers to compute with, and a clock.

import type { Workgroups } from '../gpu/dispatch.js';
import type { Gpu } from '../gpu/gpu.js';
import type { Plan } from '../gpu/plan.js';
import type { TensorDtype } from '../gpu/tensor.js';
import { Timer } from '../gpu/timer.js';
import { Pattern } from './pattern.js';

export interface Workbench {
  readonly gpu: Gpu;
  readonly dtype: TensorDtype;
  readonly activations: Pattern;
  /** Of the dtype that is tuned for. */
  readonly weights: Pattern;
  readonly stopwatch: Stopwatch;
  dispose(): void;
}

/** @throws GpuError */
export async function createWorkbench(gpu: Gpu, dtype: TensorDtype): Promise<Workbench> {
  const owned: { dispose(): void }[] = [];
  const own = async <T extends { dispose(): void }>(created: Promise<T>) => {
    owned.push(await created);
    return created;
  };
  const dispose = () => {
    for (const one of owned) one.dispose();
  };
  try {
    return {
      ...{ gpu, dtype, dispose },
      activations: await own(Pattern.create(gpu, 1, 1)),
      weights: await own(Pattern.create(gpu, 2, 1 / 4, dtype)),
      stopwatch: await own(Stopwatch.create(gpu)),
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** What takes less is repeated within a pass until it takes about so long: clocks tick, and submitting takes time itself. */
const SHORTEST_MS = 2;
const MOST_REPEATS = 50;

export class Stopwatch {
  private constructor(
    private readonly gpu: Gpu,
    private readonly timer: Timer | undefined,
  ) {}

  static async create(gpu: Gpu): Promise<Stopwatch> {
    return new Stopwatch(gpu, await Timer.create(gpu, 1));
  }

  /** One workgroup of each dispatch: drivers compile as a kernel is first run. @throws GpuError, DeviceLostError */
  async warmUp(plan: Plan): Promise<void> {
    await this.#run(plan, { workgroups: [1, 1, 1] });
  }

  /** Milliseconds of one run, taken over as many as `repeatsFor` says. @throws GpuError, DeviceLostError */
  async time(plan: Plan, repeats = 1): Promise<number> {
    return (await this.#run(plan, { repeats })) / repeats;
  }

  /** How often to repeat what takes `ms`. */
  repeatsFor(ms: number): number {
    return Math.max(1, Math.min(MOST_REPEATS, Math.ceil(SHORTEST_MS / ms)));
  }

  dispose(): void {
    this.timer?.dispose();
  }

  async #run(
    plan: Plan,
    how: { readonly workgroups?: Workgroups; readonly repeats?: number },
  ): Promise<number> {
    const { gpu, timer } = this;
    const encoder = gpu.device.createCommandEncoder({ label: 'tuning' });
    plan.record(encoder, { label: 'tuning', timestampWrites: timer?.writes(0), ...how });
    timer?.resolve(encoder);
    const commands = encoder.finish();
    const start = performance.now();
    await gpu.submit('tuning', commands);
    const wall = performance.now() - start;
    const [ms] = (await timer?.read()) ?? [];
    // A driver may reset its clock, or not have one that ticks.
    return ms !== undefined && ms > 0 && ms <= wall ? ms : wall;
  }
}
