// What a plan will do, written down: dispatches in order, and the tensors that they need.

import { GpuError } from '../errors.js';
import { bind, type Dispatch, dispatch, type ReadyDispatch, type Workgroups } from './dispatch.js';
import type { Gpu } from './gpu.js';
import { ALIGNMENT, type Lifetime, packLifetimes } from './memory.js';
import type { Kernel } from './pipelines.js';
import { Plan, type PlanOptions, type RecordedStep } from './plan.js';
import { createStorage, type Shape, sizeOf, Tensor, type TensorDtype } from './tensor.js';

type Values = Float32Array | Uint32Array;

/** A dispatch or a read-back, and the routes that it is part of. */
type Entry = { readonly step: string; readonly routes: ReadonlySet<string> } & (
  | { readonly dispatch: Dispatch }
  | { readonly read: { readonly key: string; readonly tensor: Tensor } }
);

/**
 * Collects dispatches and makes a `Plan` of them.
 *
 * Launchers record into it: `conv3x3(recorder, { label, x, k, b, y, ... })`. Pipelines begin to compile as they are recorded, in
 * parallel. Nothing is allocated before `finish`, so a recorder that is given up, because a launcher threw, leaves nothing behind.
 *
 * A plan may have several routes through the same memory: a training step, and its forward pass alone. What is recorded belongs to
 * the routes of the last call of `on`, at first to the one that the constructor names.
 */
export class Recorder {
  readonly #entries: Entry[] = [];
  #step = '';
  #routes: ReadonlySet<string>;
  /** Tensors that keep their memory between runs, with what they hold at first. */
  readonly #persistent = new Map<Tensor, Values | undefined>();
  readonly #temporary = new Set<Tensor>();
  readonly #constants = new Map<
    string,
    { readonly tensor: Tensor; readonly words: Uint32Array<ArrayBuffer> }
  >();

  /** @param route  the plan's, or its first; errors of runs begin with it */
  constructor(
    readonly gpu: Gpu,
    route: string,
  ) {
    this.#routes = new Set([route]);
  }

  /** What was recorded so far. */
  get dispatches(): readonly Dispatch[] {
    return this.#entries.flatMap((entry) => ('dispatch' in entry ? [entry.dispatch] : []));
  }

  /** The routes of what is recorded from now on. */
  on(...routes: readonly string[]): void {
    this.#routes = new Set(routes);
  }

  /** Begins a step: what is timed as one. */
  step(label: string): void {
    this.#step = label;
  }

  /**
   * A tensor of this plan. It shares its memory with tensors that are not needed while it is, and holds anything at all before it is
   * written.
   */
  temporary(label: string, shape: Shape): Tensor {
    const tensor = Tensor.unplaced(this.gpu, label, shape);
    this.#temporary.add(tensor);
    return tensor;
  }

  /**
   * A tensor of this plan that keeps what it holds from run to run: what the host writes, sums over many runs.
   *
   * @param values  what it holds at first; zeros by default
   */
  persistent(label: string, shape: Shape, values?: Values, dtype?: TensorDtype): Tensor {
    if (values && values.length !== sizeOf(shape)) {
      throw new GpuError(`${label}: ${values.length} values do not fill the shape (${shape.join(', ')})`);
    }
    const tensor = Tensor.unplaced(this.gpu, label, shape, dtype);
    this.#persistent.set(tensor, values);
    return tensor;
  }

  /** Words that kernels read and nobody changes: sizes and offsets, which need no pipeline of their own then. */
  constants(label: string, words: readonly number[]): Tensor {
    const key = words.join(' ');
    const found = this.#constants.get(key);
    if (found) return found.tensor;
    const tensor = Tensor.unplaced(this.gpu, label, [words.length]);
    this.#constants.set(key, { tensor, words: new Uint32Array(words) });
    return tensor;
  }

  /**
   * Records a kernel with `tensors` bound to its bindings 0, 1, 2, ... in order.
   *
   * @throws GpuError as `dispatch` of dispatch.ts
   */
  dispatch(label: string, kernel: Kernel, tensors: readonly Tensor[], workgroups: Workgroups): void {
    const recorded = dispatch(this.gpu, label, kernel, tensors, workgroups);
    this.#entries.push({ step: this.#step || label, routes: this.#routes, dispatch: recorded });
  }

  /** Bytes that the plan will take, its read-backs left out; and what it would take if no tensors shared memory. */
  get bytes(): { readonly shared: number; readonly unshared: number } {
    const [, lifetimes] = this.#lifetimes();
    const { buffers } = packLifetimes(lifetimes, this.gpu.limits.maxBufferSize);
    const constants = [...this.#constants.values()].map(({ words }) => padded(words.byteLength));
    const persistent = [...this.#persistent.keys()].map(({ byteLength }) => byteLength);
    const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
    const kept = sum([...constants, ...persistent]);
    return { shared: kept + sum(buffers), unshared: kept + sum(lifetimes.map(({ size }) => size)) };
  }

  /** Has a run read back what `tensor` holds at this point, under the name `key`. */
  read(key: string, tensor: Tensor): void {
    this.#entries.push({ step: this.#step, routes: this.#routes, read: { key, tensor } });
  }

  /**
   * Waits for the pipelines, allocates all memory and binds it. Nothing is left behind if this fails.
   *
   * @throws GpuError with the label of what failed; DeviceLostError
   */
  async finish(options: PlanOptions = {}): Promise<Plan> {
    const { gpu } = this;
    const memory = { temporary: [] as GPUBuffer[], kept: [] as GPUBuffer[] };
    try {
      // Compiling takes longest and fails most often.
      for (const { pipeline } of this.dispatches) await pipeline;
      await this.#placeTemporary(memory.temporary);
      await this.#placeKept(memory.kept);
      return await Plan.create(gpu, await this.#bound(), memory, options);
    } catch (error) {
      for (const buffer of [...memory.temporary, ...memory.kept]) gpu.destroyBuffer(buffer);
      throw error;
    }
  }

  async #placeTemporary(buffers: GPUBuffer[]): Promise<void> {
    const { gpu } = this;
    const [tensors, lifetimes] = this.#lifetimes();
    const packing = packLifetimes(lifetimes, gpu.limits.maxBufferSize);
    for (const [i, size] of packing.buffers.entries()) {
      const held = tensors.filter((_, index) => packing.places[index]!.buffer === i);
      const largest = held.reduce((a, b) => (b.byteLength > a.byteLength ? b : a));
      const label = held.length === 1 ? largest.label : `${largest.label} and others`;
      const buffer = await createStorage(gpu, label, size);
      buffers.push(buffer);
      for (const [index, { buffer: place, offset }] of packing.places.entries()) {
        if (place === i) tensors[index]!.place(buffer, offset);
      }
    }
  }

  async #placeKept(buffers: GPUBuffer[]): Promise<void> {
    for (const [tensor, values] of this.#persistent) {
      const buffer = await createStorage(this.gpu, tensor.label, tensor.byteLength);
      buffers.push(buffer);
      tensor.place(buffer, 0);
      if (values) await tensor.write(values as GPUAllowSharedBufferSource);
    }
    if (this.#constants.size > 0) buffers.push(await this.#placeConstants());
  }

  /** All constants in one buffer. */
  async #placeConstants(): Promise<GPUBuffer> {
    const words: { tensor: Tensor; words: Uint32Array; offset: number }[] = [];
    let end = 0;
    for (const constant of this.#constants.values()) {
      words.push({ ...constant, offset: end });
      end += padded(constant.words.byteLength);
    }
    const all = new Uint32Array(end / 4);
    const buffer = await createStorage(this.gpu, 'constants', end);
    for (const { tensor, words: own, offset } of words) {
      all.set(own, offset / 4);
      tensor.place(buffer, offset);
    }
    try {
      await this.gpu.write('constants', buffer, all);
    } catch (error) {
      this.gpu.destroyBuffer(buffer);
      throw error;
    }
    return buffer;
  }

  /** Temporary tensors that something uses, each from the first entry that uses it to the last. */
  #lifetimes(): [Tensor[], Lifetime[]] {
    const tensors: Tensor[] = [];
    const indices = new Map<Tensor, number>();
    const lifetimes: { size: number; first: number; last: number; neighbours: Set<number> }[] = [];
    const seen = (tensor: Tensor, at: number): number | undefined => {
      const { memory } = tensor;
      if (!this.#temporary.has(memory)) return undefined;
      let index = indices.get(memory);
      if (index === undefined) {
        index = tensors.push(memory) - 1;
        indices.set(memory, index);
        lifetimes.push({ size: memory.byteLength, first: at, last: at, neighbours: new Set() });
      }
      lifetimes[index]!.last = at;
      return index;
    };
    for (const [at, entry] of this.#entries.entries()) {
      const used = 'dispatch' in entry ? entry.dispatch.tensors : [entry.read.tensor];
      const together = new Set(used.map((tensor) => seen(tensor, at)).filter((index) => index !== undefined));
      for (const a of together) for (const b of together) if (a !== b) lifetimes[a]!.neighbours.add(b);
    }
    return [tensors, lifetimes];
  }

  /** The entries with their dispatches bound, step by step. */
  async #bound(): Promise<RecordedStep[]> {
    const groups = new Map<string, Dispatch[]>();
    for (const one of this.dispatches) groups.set(one.label, [...(groups.get(one.label) ?? []), one]);
    const ready = new Map<Dispatch, ReadyDispatch>();
    await Promise.all(
      [...groups.values()].map(async (group) => {
        const bound = await bind(this.gpu, group);
        for (const [i, one] of group.entries()) ready.set(one, bound[i]!);
      }),
    );
    return this.#entries.map((entry) =>
      'dispatch' in entry ? { ...entry, dispatch: ready.get(entry.dispatch)! } : entry,
    );
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/**
 * Records, runs once and frees everything.
 *
 * @returns what was read back, by key
 * @throws as `record`, `Recorder.finish` and `Plan.run`
 */
export async function runOnce(
  gpu: Gpu,
  label: string,
  record: (recorder: Recorder) => void,
): Promise<ReadonlyMap<string, Float32Array>> {
  const recorder = new Recorder(gpu, label);
  record(recorder);
  const plan = await recorder.finish();
  try {
    return await plan.run();
  } finally {
    plan.dispose();
  }
}
