// A forward pass, prepared once and replayed: pixels, or what a layer made of them, in; one submit, one read-back out.

import type { LayerName } from '../architecture.js';
import { UsageError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import type { Plan, PlanResults } from '../gpu/plan.js';
import { Recorder } from '../gpu/recorder.js';
import { sizeOf, type Tensor } from '../gpu/tensor.js';
import { type Normalisation, normalise } from '../kernels/normalise/normalise.js';
import { padToQuad } from '../kernels/shapes.js';
import { chooseKernels, type KernelWishes, operationOf, paddedShape } from './build.js';
import { layersOf, type PlannedLayer, planLayers, type Widths } from './layers.js';
import { fused, recordForward } from './operation.js';
import type { Parameters } from './parameters.js';

/** What a pass computes. */
interface PassOptions extends KernelWishes {
  /** Pictures in a pass. */
  readonly batch: number;
  /** Layers whose results are read back. */
  readonly outputs: readonly LayerName[];
  /** Take the time of each layer. */
  readonly timed?: boolean;
}

export interface ForwardRequest extends PassOptions {
  readonly height: number;
  readonly width: number;
  /** What is given instead of pixels: the results of this layer, and the pass begins behind it. It ends with the last output. */
  readonly from?: LayerName;
}

/** RGB bytes; or numbers of what the pass begins behind, (rows, ...its shape), row-major. */
export type PassInput = Uint8Array | Float32Array<ArrayBuffer>;

/** Of each layer that was asked for, (batch, ...its shape), row-major. */
export type PassResults = Map<LayerName, Float32Array>;

/** One pass computes, the next waits for it to end. */
const PASSES_IN_FLIGHT = 2;

/** What a forward pass computes with: the weights, and how wide each layer is. */
export interface Network {
  readonly widths: Widths;
  readonly parameters: Parameters;
}

/** Owns all memory of a forward pass but the weights. */
export class ForwardPlan {
  private constructor(
    readonly batch: number,
    /** The layers of this plan, with the shapes of one picture. */
    readonly layers: readonly PlannedLayer[],
    /** The recorded pass, for those who time it. */
    readonly plan: Plan,
    /** What the host writes: pixels, three bytes each, or padded numbers. */
    private readonly given: Tensor,
  ) {}

  /**
   * The layers that a request needs, on pixels or on the results of a layer.
   *
   * @throws UsageError when the pictures' size does not suit the network; GpuError when the adapter cannot
   */
  static create(
    gpu: Gpu,
    { widths, parameters }: Network,
    normalisation: Normalisation,
    request: ForwardRequest,
  ): Promise<ForwardPlan> {
    const { height, width, from, outputs } = request;
    const all = planLayers(widths, height, width, lastOf(widths, outputs));
    const layers = all.slice(all.findIndex(({ name }) => name === from) + 1);
    return ForwardPlan.ofLayers(
      gpu,
      layers,
      parameters,
      request,
      from === undefined ? normalisation : undefined,
    );
  }

  /**
   * Layers that follow each other. All kernels are compiled in parallel.
   *
   * @param normalisation  of pixels; without it, the first layer's input is given as numbers
   * @throws GpuError when the adapter cannot
   */
  static async ofLayers(
    gpu: Gpu,
    layers: readonly PlannedLayer[],
    parameters: Parameters,
    { batch, outputs, timed = false, ...wishes }: PassOptions,
    normalisation?: Normalisation,
  ): Promise<ForwardPlan> {
    const chosen = chooseKernels(gpu, layers, batch, wishes);
    const operations = fused(
      chosen.map((layer) => operationOf(layer, parameters)),
      new Set<string>(timed ? layers.map(({ name }) => name) : outputs),
    );
    await Promise.all(operations.map((operation) => operation.ready?.()));

    const recorder = new Recorder(gpu, 'forward pass');
    const inputShape = paddedShape(batch, layers[0]!.inputShape);
    let given: Tensor;
    let x: Tensor;
    if (normalisation) {
      given = recorder.persistent('pixels', [Math.ceil((sizeOf(inputShape) * 3) / 4 / 4)]);
      x = recorder.temporary('input', inputShape);
      recorder.step('normalise');
      normalise(recorder, { label: 'normalise', pixels: given, y: x, normalisation });
    } else {
      given = recorder.persistent('input', inputShape);
      x = given;
    }
    recordForward(recorder, operations, x, {
      onOutput: ({ name }, y) => {
        if (outputs.includes(name as LayerName)) recorder.read(name, y);
      },
    });
    const plan = await recorder.finish({ timed, inFlight: PASSES_IN_FLIGHT });
    return new ForwardPlan(batch, layers, plan, given);
  }

  /** Milliseconds of each layer of the last pass, by the GPU's clock; empty unless timed. */
  get timings(): readonly number[] {
    const { timings } = this.plan;
    return timings.size === 0 ? [] : this.layers.map(({ name }) => timings.get(name) ?? 0);
  }

  /** One forward pass and its results. @throws as `begin`, and as its results */
  async run(input: PassInput): Promise<PassResults> {
    const { results } = await this.begin(input);
    return results;
  }

  /**
   * Submits a forward pass. Two may be in flight, unless they are timed; each has a read-back of its own.
   *
   * @param input  RGB bytes of the pictures one after another, or rows of what the pass begins behind; the rest of the batch, if
   *   any, is what was there before
   * @throws UsageError for too much input; GpuError, DeviceLostError, as `results` do
   */
  async begin(input: PassInput): Promise<{ readonly results: Promise<PassResults> }> {
    const { results } = await this.plan.begin([[this.given, this.#bytesOf(input)]]);
    const unpadded = results.then((found) => this.#unpadded(found));
    // A caller that does not wait for them is told by the next call.
    unpadded.catch(() => {});
    return { results: unpadded };
  }

  /** Whether no pass is in flight. */
  get isIdle(): boolean {
    return this.plan.isIdle;
  }

  /** Waits until no pass is in flight. */
  idle(): Promise<void> {
    return this.plan.idle();
  }

  /** Frees the memory; to be called when no pass is in flight. */
  dispose(): void {
    this.plan.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** As the GPU reads them. @throws UsageError for more than the plan's batch */
  #bytesOf(input: PassInput): Uint8Array<ArrayBuffer> {
    const { batch, given } = this;
    const { name, inputShape } = this.layers[0]!;
    if (input instanceof Float32Array) {
      const padded = withPadding(input, inputShape.at(-1)!, given.shape.at(-1)!);
      if (padded.length > given.size)
        throw new UsageError(`${input.length} numbers are more than ${batch} pictures have before ${name}`);
      return new Uint8Array(padded.buffer, padded.byteOffset, padded.byteLength);
    }
    if (input.length > batch * sizeOf(inputShape)) {
      const [height, width] = inputShape;
      throw new UsageError(
        `${input.length} bytes are more than ${batch} pictures of ${width} x ${height} pixels`,
      );
    }
    return wholeWords(input);
  }

  #unpadded(found: PlanResults): PassResults {
    const results: PassResults = new Map();
    for (const { name, shape } of this.layers) {
      const values = found.get(name);
      if (values) results.set(name, withoutPadding(values, shape.at(-1)!));
    }
    return results;
  }
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

/** Rows of quads, cut to `channels`. */
function withoutPadding(values: Float32Array, channels: number): Float32Array {
  const padded = padToQuad(channels);
  if (padded === channels) return values;
  const rows = values.length / padded;
  const result = new Float32Array(rows * channels);
  for (let row = 0; row < rows; row++) {
    result.set(values.subarray(row * padded, row * padded + channels), row * channels);
  }
  return result;
}
