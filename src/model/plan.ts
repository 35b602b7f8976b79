// A forward pass, prepared once and replayed: pixels, or what a layer made of them, in; one submit, one read-back out.

import type { LayerName } from '../architecture.js';
import { UsageError } from '../errors.js';
import { type Dispatch, record } from '../gpu/dispatch.js';
import type { Gpu } from '../gpu/gpu.js';
import { type Shape, sizeOf, Tensor } from '../gpu/tensor.js';
import { Timer } from '../gpu/timer.js';
import { type Normalisation, normalise } from '../kernels/normalise/normalise.js';
import { padToQuad } from '../kernels/shapes.js';
import { layersOf, type PlannedLayer, planLayers, type Widths } from '../network/layers.js';
import { createScratch, type KernelWishes, launchLayer, paddedShape, planLaunches } from './launches.js';
import type { Network } from './network.js';

export interface PlanRequest extends KernelWishes {
  /** Pictures in a pass. */
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  /** The layer whose results are given instead of pixels: the pass begins behind it. */
  readonly from?: LayerName;
  /** Layers whose results are read back; the pass ends with the last of them. */
  readonly outputs: readonly LayerName[];
  /** Take the time of each layer. */
  readonly timed?: boolean;
}

/** RGB bytes; or numbers of the layer that the pass begins behind, (rows, ...its shape), row-major. */
export type PassInput = Uint8Array | Float32Array<ArrayBuffer>;

/** Of each layer that was asked for, (batch, ...its shape), row-major. */
export type PassResults = Map<LayerName, Float32Array>;

interface Step {
  readonly layer: PlannedLayer;
  /** None where the layer before does this one's work as well. */
  readonly dispatches: readonly Dispatch[];
  /** Where the result is written; of a layer whose result nobody reads, where that of the next is. */
  readonly y: Tensor;
  /** Where in the read-back this layer's result begins, if it is asked for. */
  readonly readBackAt: number | undefined;
}

/** Owns all memory of a forward pass but the weights. */
export class ForwardPlan {
  /** Milliseconds of each layer of the last pass, by the GPU's clock; empty unless timed. */
  timings: readonly number[] = [];
  /** Those that no pass on its way is read back through. */
  readonly #idle: GPUBuffer[];

  private constructor(
    private readonly gpu: Gpu,
    readonly request: PlanRequest,
    /** What is given: pixels, three bytes each, or numbers of the layer that the pass begins behind. */
    private readonly given: Tensor,
    /** Of pixels. */
    private readonly normalise: readonly Dispatch[],
    private readonly steps: readonly Step[],
    /** One, until a pass begins before the results of the last are there. */
    private readonly readBacks: GPUBuffer[],
    private readonly timer: Timer | undefined,
    /** Of what is given, without padding. */
    private readonly inputChannels: number,
    private readonly scratch: readonly Tensor[],
  ) {
    this.#idle = [...readBacks];
  }

  /**
   * Compiles all kernels in parallel and allocates all memory.
   *
   * @throws UsageError when the pictures' size does not suit the network; GpuError when the adapter cannot
   */
  static async create(
    gpu: Gpu,
    network: Network,
    normalisation: Normalisation,
    request: PlanRequest,
  ): Promise<ForwardPlan> {
    const owned: Tensor[] = [];
    const create = async (label: string, shape: Shape) => {
      const tensor = await Tensor.create(gpu, label, shape);
      owned.push(tensor);
      return tensor;
    };
    let readBack: GPUBuffer | undefined;
    try {
      const { batch, height, width } = request;
      const all = planLayers(network.widths, height, width, lastOf(network.widths, request.outputs));
      const from = all.findIndex(({ name }) => name === request.from);
      const layers = all.slice(from + 1);
      const launches = planLaunches(gpu, all, request).filter(({ first }) => layers.includes(first));
      const inputShape = from < 0 ? [batch, height, width, 4] : paddedShape(batch, all[from]!.shape);
      const shapes = launches.map(({ last }) => paddedShape(batch, last.shape));

      // Each launch reads what the one before it wrote, and nothing else: two memories take turns.
      const sizes = [inputShape, ...shapes].map(sizeOf);
      const even = await create('activations, even', [Math.max(...sizes.filter((_, i) => i % 2 === 0))]);
      const odd = await create('activations, odd', [Math.max(...sizes.filter((_, i) => i % 2 === 1))]);
      const scratch = await createScratch(gpu, create, launches);
      const input = even.view('input', inputShape);
      const given = from < 0 ? await create('pixels', [Math.ceil((batch * height * width * 3) / 4)]) : input;
      const outputs = launches.map(({ last }, i) =>
        (i % 2 === 0 ? odd : even).view(`${last.name} output`, shapes[i]!),
      );

      const compiling = launches.map(async (launch, i) => {
        const x = i === 0 ? input : outputs[i - 1]!;
        const launched = await launchLayer(gpu, network, launch, x, outputs[i]!, scratch);
        owned.push(...launched.scratch);
        return launched.dispatches;
      });
      const first =
        from < 0 ? normalise(gpu, { label: 'normalise', pixels: given, y: input, normalisation }) : [];
      // All of them, even if one fails: what the others allocate must be known by then.
      const settled = await Promise.allSettled([first, ...compiling]);
      const [normalising, ...dispatches] = settled.map((result) => {
        if (result.status === 'rejected') throw result.reason;
        return result.value;
      });

      let readBackSize = 0;
      const steps = layers.map((layer) => {
        const i = launches.findIndex(({ first, last }) => layer === first || layer === last);
        const y = outputs[i]!;
        const isWanted = request.outputs.includes(layer.name);
        const readBackAt = isWanted ? readBackSize : undefined;
        if (isWanted) readBackSize += y.byteLength;
        return { layer, dispatches: layer === launches[i]!.first ? dispatches[i]! : [], y, readBackAt };
      });
      readBack = await createReadBack(gpu, readBackSize);
      const timer = request.timed ? await Timer.create(gpu, steps.length) : undefined;
      return new ForwardPlan(
        gpu,
        request,
        given,
        normalising!,
        steps,
        [readBack],
        timer,
        from < 0 ? 3 : all[from]!.shape.at(-1)!,
        owned,
      );
    } catch (error) {
      for (const tensor of owned) tensor.dispose();
      if (readBack) gpu.destroyBuffer(readBack);
      throw error;
    }
  }

  /** The layers of this plan, with the shapes of one picture. */
  get layers(): readonly PlannedLayer[] {
    return this.steps.map(({ layer }) => layer);
  }

  /** One forward pass and its results. @throws as `begin`, and as its results */
  async run(pixels: Uint8Array): Promise<PassResults> {
    const { results } = await this.begin(pixels);
    return results;
  }

  /**
   * Submits a forward pass. It may begin before the last one has ended, unless they are timed; each pass on its way has
   * a read-back of its own.
   *
   * @param input  RGB bytes of the pictures one after another, or rows of the layer that the pass begins behind; the rest
   *   of the batch, if any, is what was there before
   * @throws UsageError for too much input; GpuError, DeviceLostError, as `results` do
   */
  async begin(input: PassInput): Promise<{ readonly results: Promise<PassResults> }> {
    const { gpu, steps, timer } = this;
    const bytes = this.#bytesOf(input);
    const readBack = this.#idle.pop() ?? (await this.#anotherReadBack());
    await gpu.write('input', this.given.buffer, bytes);
    const encoder = gpu.device.createCommandEncoder({ label: 'forward pass' });
    if (this.normalise.length > 0) record(encoder, 'normalise', this.normalise);
    steps.forEach(({ layer, dispatches, y, readBackAt }, i) => {
      record(encoder, layer.name, dispatches, timer?.writes(i));
      if (readBackAt !== undefined)
        encoder.copyBufferToBuffer(y.buffer, 0, readBack, readBackAt, y.byteLength);
    });
    timer?.resolve(encoder);
    await gpu.checked('forward pass', () => gpu.device.queue.submit([encoder.finish()]));
    const results = this.#readResults(readBack);
    // Whoever does not wait for them need not hear of their failure.
    results.catch(() => {});
    return { results };
  }

  /** As the GPU reads them. @throws UsageError for more than the plan's batch */
  #bytesOf(input: PassInput): Uint8Array<ArrayBuffer> {
    const { batch, height, width, from } = this.request;
    if (input instanceof Float32Array) {
      const channels = this.given.shape.at(-1)!;
      const padded = withPadding(input, this.inputChannels, channels);
      if (padded.length > this.given.size)
        throw new UsageError(`${input.length} numbers are more than ${batch} pictures have in ${from}`);
      return new Uint8Array(padded.buffer, padded.byteOffset, padded.byteLength);
    }
    if (input.length > batch * height * width * 3)
      throw new UsageError(
        `${input.length} bytes are more than ${batch} pictures of ${width} x ${height} pixels`,
      );
    return wholeWords(input);
  }

  async #readResults(readBack: GPUBuffer): Promise<PassResults> {
    const results = await this.gpu.readMapped('forward pass', readBack, (mapped) =>
      this.#copyResults(mapped),
    );
    this.#idle.push(readBack);
    if (this.timer) this.timings = await this.timer.read();
    return results;
  }

  async #anotherReadBack(): Promise<GPUBuffer> {
    const readBack = await createReadBack(this.gpu, this.readBacks[0]!.size);
    this.readBacks.push(readBack);
    return readBack;
  }

  #copyResults(mapped: ArrayBuffer): PassResults {
    const results: PassResults = new Map();
    for (const { layer, y, readBackAt } of this.steps) {
      if (readBackAt === undefined) continue;
      const values = new Float32Array(mapped, readBackAt, y.size);
      results.set(layer.name, withoutPadding(values, layer.shape[layer.shape.length - 1]!));
    }
    return results;
  }

  dispose(): void {
    for (const tensor of this.scratch) tensor.dispose();
    for (const readBack of this.readBacks) this.gpu.destroyBuffer(readBack);
    this.timer?.dispose();
  }
}

function createReadBack(gpu: Gpu, size: number): Promise<GPUBuffer> {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  return gpu.createBuffer({ label: 'read-back', size, usage });
}

function lastOf(widths: Widths, outputs: readonly LayerName[]): LayerName {
  return layersOf(widths)
    .map(({ name }) => name)
    .filter((name) => outputs.includes(name))
    .at(-1)!;
}

/** WebGPU copies whole words. */
function wholeWords(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bytes.length % 4 === 0 && bytes.buffer instanceof ArrayBuffer) return bytes as Uint8Array<ArrayBuffer>;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
}

/** Rows of `channels`, each filled up with zeros to `padded`. */
function withPadding(
  values: Float32Array<ArrayBuffer>,
  channels: number,
  padded: number,
): Float32Array<ArrayBuffer> {
  if (padded === channels) return values;
  const rows = values.length / channels;
  const result = new Float32Array(rows * padded);
  for (let row = 0; row < rows; row++)
    result.set(values.subarray(row * channels, (row + 1) * channels), row * padded);
  return result;
}

/** A copy of rows of quads, cut to `channels`. */
function withoutPadding(values: Float32Array, channels: number): Float32Array {
  const padded = padToQuad(channels);
  if (padded === channels) return values.slice();
  const rows = values.length / padded;
  const result = new Float32Array(rows * channels);
  for (let row = 0; row < rows; row++) {
    result.set(values.subarray(row * padded, row * padded + channels), row * channels);
  }
  return result;
}
