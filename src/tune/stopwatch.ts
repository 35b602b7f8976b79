// How long dispatches take: by the GPU's own clock where it has one, else by the wall's.

import { type Dispatch, record } from '../gpu/dispatch.js';
import type { Gpu } from '../gpu/gpu.js';
import { Timer } from '../gpu/timer.js';

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

  /** One workgroup of each: drivers compile as a kernel is first run. @throws GpuError, DeviceLostError */
  async warmUp(dispatches: readonly Dispatch[]): Promise<void> {
    await this.#run(dispatches.map((dispatch) => ({ ...dispatch, workgroups: [1, 1, 1] as const })));
  }

  /** Milliseconds of one run, taken over as many as `repeatsFor` says. @throws GpuError, DeviceLostError */
  async time(dispatches: readonly Dispatch[], repeats = 1): Promise<number> {
    return (await this.#run(Array.from({ length: repeats }, () => dispatches).flat())) / repeats;
  }

  /** How often to repeat what takes `ms`. */
  repeatsFor(ms: number): number {
    return Math.max(1, Math.min(MOST_REPEATS, Math.ceil(SHORTEST_MS / ms)));
  }

  dispose(): void {
    this.timer?.dispose();
  }

  async #run(dispatches: readonly Dispatch[]): Promise<number> {
    const { gpu, timer } = this;
    const encoder = gpu.device.createCommandEncoder({ label: 'tuning' });
    record(encoder, 'tuning', dispatches, timer?.writes(0));
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
