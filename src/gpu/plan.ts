// Dispatches that were recorded once and are replayed: one submit, at most one read-back.

import { GpuError } from '../errors.js';
import { type ReadyDispatch, recordPass } from './dispatch.js';
import type { Gpu } from './gpu.js';
import type { Tensor } from './tensor.js';
import { Timer } from './timer.js';

export interface PlanOptions {
  /** Runs that may be in flight at once: submitted, and not yet done. 1 by default; what is timed is never in flight together. */
  readonly inFlight?: number;
  /** Whether the time of each step is taken, where the adapter has timestamps. */
  readonly timed?: boolean;
}

/** An entry of a recorder, ready to run. @internal */
export type RecordedStep = { readonly step: string; readonly routes: ReadonlySet<string> } & (
  | { readonly dispatch: ReadyDispatch }
  | { readonly read: { readonly key: string; readonly tensor: Tensor } }
);

/** Buffers of a plan. @internal */
export interface PlanMemory {
  /** Of tensors that need not keep what they hold. */
  readonly temporary: readonly GPUBuffer[];
  readonly kept: readonly GPUBuffer[];
}

/** What the host writes before a run: bytes for the beginning of a tensor. */
export type PlanInput = readonly [tensor: Tensor, bytes: GPUAllowSharedBufferSource];

/** What a run read back, by the keys of `Recorder.read`; each (…the tensor's shape), as it lies in memory. */
export type PlanResults = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/** What a pass computes, or what is copied between two passes. */
type Part =
  | { readonly step: string; readonly dispatches: ReadyDispatch[] }
  | { readonly tensor: Tensor; readonly key: string; readonly at: number };

/** So many numbers are written at a time. */
const POISON_NUMBERS = 2 ** 20;

/** One way through a plan. */
interface Route {
  readonly parts: readonly Part[];
  /** Bytes that are read back. */
  readonly readSize: number;
  /** Read-back buffers that no run uses now. */
  readonly idle: GPUBuffer[];
  readonly timer: Timer | undefined;
}

/** Owns the memory of its tensors. Made by `Recorder.finish`. */
export class Plan {
  /** Milliseconds of each step in the last run, by the GPU's clock, of timed plans; empty where the adapter has none. */
  timings: ReadonlyMap<string, number> = new Map();
  /** Runs whose work is not done, the oldest first. None of these promises is ever rejected. */
  readonly #inFlight = new Set<Promise<void>>();
  #disposed = false;

  private constructor(
    private readonly gpu: Gpu,
    private readonly routes: ReadonlyMap<string, Route>,
    private readonly memory: PlanMemory,
    private readonly readBacks: GPUBuffer[],
    private readonly mostInFlight: number,
  ) {}

  /** Takes over the memory, unless this fails. @internal @throws GpuError */
  static async create(
    gpu: Gpu,
    steps: readonly RecordedStep[],
    memory: PlanMemory,
    { inFlight = 1, timed = false }: PlanOptions,
  ): Promise<Plan> {
    const names = new Set(steps.flatMap(({ routes }) => [...routes]));
    const routes = new Map<string, Route>();
    try {
      for (const name of names) {
        const [parts, readSize] = partsOf(
          name,
          steps.filter((step) => step.routes.has(name)),
          timed,
        );
        const passes = parts.filter((part) => 'dispatches' in part).length;
        const timer = timed && passes > 0 ? await Timer.create(gpu, passes) : undefined;
        routes.set(name, { parts, readSize, idle: [], timer });
      }
    } catch (error) {
      for (const { timer } of routes.values()) timer?.dispose();
      throw error;
    }
    return new Plan(gpu, routes, memory, [], timed ? 1 : inFlight);
  }

  /** Bytes of all memory that the plan owns, its read-backs left out. */
  get bytes(): number {
    const { temporary, kept } = this.memory;
    return [...temporary, ...kept].reduce((sum, { size }) => sum + size, 0);
  }

  /** A run and its results. @throws as `begin`, and as its results */
  async run(inputs: readonly PlanInput[] = [], route?: string): Promise<PlanResults> {
    const { results } = await this.begin(inputs, route);
    return results;
  }

  /**
   * Writes the inputs and submits a run. Waits only where as many runs are in flight as may be. `inputs` may be changed as soon as
   * this has returned.
   *
   * @throws GpuError and DeviceLostError, those of earlier runs too; so do the results
   */
  async begin(
    inputs: readonly PlanInput[] = [],
    route?: string,
  ): Promise<{ readonly results: Promise<PlanResults> }> {
    const { gpu } = this;
    const [name, way] = this.#route(route);
    while (this.#inFlight.size >= this.mostInFlight) {
      const [oldest] = this.#inFlight;
      await oldest;
    }
    // From here to `add` nothing is waited for, or two callers would take one place.
    let tell!: () => void;
    const run = new Promise<void>((resolve) => {
      tell = resolve;
    });
    this.#inFlight.add(run);
    const ended = () => {
      this.#inFlight.delete(run);
      tell();
    };
    let readBack: GPUBuffer | undefined;
    try {
      if (way.readSize > 0) readBack = way.idle.pop() ?? (await this.#anotherReadBack(way));
      await gpu.checked(name, () => {
        for (const [tensor, bytes] of inputs)
          gpu.device.queue.writeBuffer(tensor.buffer, tensor.offset, bytes);
        gpu.device.queue.submit([this.#encoded(name, way, readBack)]);
      });
    } catch (error) {
      if (readBack) way.idle.push(readBack);
      ended();
      throw error;
    }
    const results = this.#results(name, way, readBack).finally(ended);
    // A caller that does not wait for them is told by the next call.
    results.catch(() => {});
    return { results };
  }

  /** Whether no run is in flight. */
  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }

  /** Waits until no run is in flight. */
  async idle(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  /**
   * Records a route's dispatches into one pass of another encoder, without read-backs: to time it, or to repeat it.
   *
   * @param workgroups  how many of each dispatch, instead of all
   */
  record(
    encoder: GPUCommandEncoder,
    {
      label,
      route,
      timestampWrites,
      workgroups,
      repeats = 1,
    }: {
      readonly label: string;
      readonly route?: string;
      readonly timestampWrites?: GPUComputePassTimestampWrites | undefined;
      readonly workgroups?: ReadyDispatch['workgroups'];
      readonly repeats?: number;
    },
  ): void {
    const [, { parts }] = this.#route(route);
    const once = parts.flatMap((part) => ('dispatches' in part ? part.dispatches : []));
    const all = Array.from({ length: repeats }, () => once).flat();
    const dispatches = workgroups ? all.map((one) => ({ ...one, workgroups })) : all;
    recordPass(encoder, label, dispatches, timestampWrites);
  }

  /**
   * Fills all memory of temporary tensors with a number, to show what a run fails to write. Waits until that is done.
   *
   * @throws GpuError, DeviceLostError
   */
  async poison(value: number): Promise<void> {
    const { gpu } = this;
    const poison = new Float32Array(POISON_NUMBERS).fill(value);
    await this.idle();
    for (const buffer of this.memory.temporary) {
      await gpu.checked('poison', () => {
        for (let start = 0; start < buffer.size; start += poison.byteLength) {
          const size = Math.min(poison.byteLength, buffer.size - start);
          gpu.device.queue.writeBuffer(buffer, start, poison, 0, size / 4);
        }
      });
      await gpu.workDone();
    }
  }

  /** Computes a route some times, without read-backs, and waits until that is done: to time it. @throws as `begin` */
  async repeat(times: number, route?: string): Promise<void> {
    const [label] = this.#route(route);
    const encoder = this.gpu.device.createCommandEncoder({ label });
    this.record(encoder, { label, ...(route !== undefined && { route }), repeats: times });
    await this.gpu.submit(label, encoder.finish());
  }

  /** Frees the memory. To be called when no run is in flight. Safe to call twice. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const { temporary, kept } = this.memory;
    for (const buffer of [...temporary, ...kept, ...this.readBacks]) this.gpu.destroyBuffer(buffer);
    for (const { timer } of this.routes.values()) timer?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #route(wanted: string | undefined): [string, Route] {
    const name = wanted ?? [...this.routes.keys()][0] ?? '';
    const route = this.routes.get(name);
    if (!route)
      throw new GpuError(`the plan has no route "${name}", only ${[...this.routes.keys()].join(', ')}`);
    return [name, route];
  }

  #encoded(label: string, { parts, timer }: Route, readBack: GPUBuffer | undefined): GPUCommandBuffer {
    const encoder = this.gpu.device.createCommandEncoder({ label });
    let pass = 0;
    for (const part of parts) {
      if ('dispatches' in part) {
        recordPass(encoder, part.step, part.dispatches, timer?.writes(pass++));
      } else {
        const { buffer, offset, byteLength } = part.tensor;
        encoder.copyBufferToBuffer(buffer, offset, readBack!, part.at, byteLength);
      }
    }
    timer?.resolve(encoder);
    return encoder.finish();
  }

  async #results(
    label: string,
    { parts, idle, timer }: Route,
    readBack: GPUBuffer | undefined,
  ): Promise<PlanResults> {
    const results = new Map<string, Float32Array<ArrayBuffer>>();
    if (readBack) {
      await this.gpu.readMapped(label, readBack, (mapped) => {
        for (const part of parts) {
          if (!('key' in part)) continue;
          results.set(part.key, new Float32Array(mapped, part.at, part.tensor.byteLength / 4).slice());
        }
      });
      idle.push(readBack);
    } else {
      await this.gpu.workDone();
    }
    if (timer) {
      const steps = parts.flatMap((part) => ('dispatches' in part ? [part.step] : []));
      const times = await timer.read();
      const sums = new Map<string, number>();
      for (const [i, step] of steps.entries()) sums.set(step, (sums.get(step) ?? 0) + times[i]!);
      this.timings = sums;
    }
    return results;
  }

  async #anotherReadBack({ readSize }: Route): Promise<GPUBuffer> {
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const readBack = await this.gpu.createBuffer({ label: 'read-back', size: readSize, usage });
    this.readBacks.push(readBack);
    return readBack;
  }
}

/** A pass for each step where steps are timed, else as few passes as the copies between them allow. */
function partsOf(
  route: string,
  steps: readonly RecordedStep[],
  timed: boolean,
): [parts: Part[], readSize: number] {
  const parts: Part[] = [];
  let readSize = 0;
  for (const entry of steps) {
    const last = parts.at(-1);
    if ('read' in entry) {
      const { key, tensor } = entry.read;
      parts.push({ key, tensor, at: readSize });
      readSize += tensor.byteLength;
    } else if (last && 'dispatches' in last && (!timed || last.step === entry.step)) {
      last.dispatches.push(entry.dispatch);
    } else {
      parts.push({ step: timed ? entry.step : route, dispatches: [entry.dispatch] });
    }
  }
  return [parts, readSize];
}
