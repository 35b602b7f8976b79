// Trains a head, and layers of its base with it: batches in, and nothing out but totals now and then. All numbers stay on the GPU.

import { UsageError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import type { Plan, PlanInput } from '../gpu/plan.js';
import { sizeOf } from '../gpu/tensor.js';
import { controlWords } from '../kernels/control.js';
import { readTotals, type Totals } from '../kernels/metrics/metrics.js';
import { padToQuad } from '../kernels/shapes.js';
import { IGNORED } from '../kernels/softmax_cross_entropy/softmax_cross_entropy.js';
import type { KernelWishes } from '../network/build.js';
import type { PlannedLayer } from '../network/layers.js';
import { type LayerShape, Parameters } from '../network/parameters.js';
import type { PiecedTensor } from '../network/pieced_tensor.js';
import { givenShape, type HeadShape, headLayers } from './head/head_shape.js';
import { initialKernel } from './head/initialise.js';
import { randomStream } from './random.js';
import { planStep, ROUTES, type StepPlan } from './step_plan.js';
import { ADAMW_DEFAULTS, checkRate, checkTrainerOptions, type TrainerOptions } from './trainer_options.js';

/** A tensor of a trainer's state. */
export interface StateTensor {
  /** `block5_conv1.kernel`, `fc1.kernel`, `fc1.bias`, and moments as `fc1.kernel.m`. */
  readonly name: string;
  /** (3,3,C,O), (inputs,outputs), (pixels,channels,outputs) or (outputs), without padding. */
  readonly shape: readonly number[];
}

/**
 * A head, the layers that are trained with it, and their optimiser on a GPU. Not to be asked for anything before the last call has returned. The same seed and
 * batches give the same bytes on the same adapter and driver.
 */
export class Trainer {
  /** Steps that have been taken; to be set when a run is taken up again, for dropout and AdamW count them. */
  stepsDone = 0;
  readonly #state: ReadonlyMap<string, PiecedTensor>;
  readonly #dropoutSeed: number;
  /** For batches that do not lie in memory as the GPU wants them. */
  readonly #padded: readonly Float32Array<ArrayBuffer>[];

  private constructor(
    readonly shape: HeadShape,
    readonly options: TrainerOptions,
    private readonly parameters: Parameters,
    private readonly plan: StepPlan,
  ) {
    this.#state = parameters.state;
    this.#dropoutSeed = randomStream(options.seed, 'dropout').uint32();
    this.#padded = plan.parts.map(({ x }) => new Float32Array(x.size));
  }

  /**
   * A new head with random kernels, as `initialKernel` draws them, and the first biases that the options name.
   *
   * @param base  what a body's layers begin with; random kernels by default
   * @param wishes  the kernels that compute a body
   * @throws UsageError for a shape or options that make no sense; GpuError where the adapter cannot, or memory is short
   */
  static async create(
    gpu: Gpu,
    shape: HeadShape,
    options: TrainerOptions,
    { base, ...wishes }: KernelWishes & { readonly base?: Parameters | undefined } = {},
  ): Promise<Trainer> {
    const layers = headLayers(shape);
    checkTrainerOptions(shape, options);
    const parameters = await Parameters.create(gpu, trainedShapes(shape, options));
    try {
      for (const { name, inputShape } of bodyConvs(shape)) {
        const { kernel, bias } = parameters.layer(name);
        if (base) {
          await kernel.value.copy(base.layer(name).kernel.value);
          await bias.value.copy(base.layer(name).bias.value);
        } else {
          const drawn = { name, inputs: 9 * inputShape.at(-1)!, isLast: false };
          await kernel.value.write(initialKernel(options.seed, drawn));
        }
      }
      for (const layer of layers) {
        await parameters.layer(layer.name).kernel.value.write(initialKernel(options.seed, layer));
      }
      const { firstBiases } = options;
      const { bias } = parameters.layer(layers.at(-1)!.name);
      if (firstBiases) await bias.value.write((row) => row.set(firstBiases));
      const plan = await planStep(gpu, shape, parameters, options, wishes);
      return new Trainer(shape, options, parameters, plan);
    } catch (error) {
      parameters.dispose();
      throw error;
    }
  }

  /**
   * A step of training: one submit, which is not waited for. Fewer rows than a batch are a smaller batch.
   *
   * @param x  (rows, ...`givenShape`); may be filled anew as soon as this returns
   * @param labels  (rows)
   * @throws UsageError for arguments that do not fit; GpuError, DeviceLostError, those of earlier steps too
   */
  async step(x: Float32Array, labels: Uint32Array, lr: number): Promise<void> {
    this.#checkLabels(x, labels);
    checkRate('lr', lr);
    const step = this.stepsDone + 1;
    await this.#run(ROUTES.train, x, labels, { lr, step });
    this.stepsDone = step;
    for (const parameter of this.parameters.all) parameter.stepped();
  }

  /** Adds a batch to the totals, without dropout and without learning from it. Otherwise as `step`. */
  async score(x: Float32Array, labels: Uint32Array): Promise<void> {
    this.#checkLabels(x, labels);
    await this.#run(ROUTES.score, x, labels, { lr: 0, step: this.stepsDone });
  }

  /**
   * What the classes' probabilities are, without dropout.
   *
   * @param x  (rows, ...`givenShape`), at most a batch
   * @returns (rows, classes) probabilities
   * @throws UsageError, GpuError, DeviceLostError
   */
  async predict(x: Float32Array): Promise<Float32Array> {
    const rows = this.#rowsOf(x);
    const { classes } = this.shape;
    const unknown = new Uint32Array(rows).fill(IGNORED);
    const run = await this.#run(ROUTES.predict, x, unknown, { lr: 0, step: this.stepsDone });
    const results = await run.results;
    const result = new Float32Array(rows * classes);
    for (const part of this.plan.parts) {
      const padded = results.get(`probabilities ${part.first}`)!;
      const columns = padded.length / part.rows;
      for (let row = 0; row < part.rows && part.first + row < rows; row++) {
        const values = padded.subarray(row * columns, row * columns + classes);
        result.set(values, (part.first + row) * classes);
      }
    }
    return result;
  }

  /** What `step` and `score` came to since the last call; waits for them. @throws GpuError, DeviceLostError */
  async readTotals(): Promise<Totals> {
    const { totals } = this.plan;
    const bytes = await totals.readBytes();
    await totals.write(new Uint8Array(totals.byteLength));
    return readTotals(bytes);
  }

  /** Numbers of a row. */
  get width(): number {
    return sizeOf(givenShape(this.shape));
  }

  /** Bytes on the GPU, read-backs left out, and what was given up to have no more. */
  get memory(): { readonly bytes: number; readonly rows: number; readonly recomputes: boolean } {
    const { plan, parts, recomputes } = this.plan;
    return { bytes: plan.bytes + this.parameters.bytes, rows: parts[0]!.rows, recomputes };
  }

  /** Every tensor that a checkpoint needs, in a fixed order: parameters as they are trained, and moments. */
  get state(): readonly StateTensor[] {
    return [...this.#state.values()].map(({ label, shape }) => ({ name: label, shape }));
  }

  /** A tensor of the state, row by row: some rows at a time, for those too large to be held twice. @throws as `read` */
  readRows(name: string): AsyncGenerator<Float32Array<ArrayBuffer>> {
    return this.#tensor(name).read();
  }

  /** A tensor of the state, row-major. @throws UsageError for a name that is none; GpuError, DeviceLostError */
  async read(name: string): Promise<Float32Array<ArrayBuffer>> {
    const values = new Float32Array(sizeOf(this.#tensor(name).shape));
    let done = 0;
    for await (const rows of this.readRows(name)) {
      values.set(rows, done);
      done += rows.length;
    }
    return values;
  }

  /** The first layer, from the pixels on, of which a parameter is not finite; undefined where all are. @throws GpuError, DeviceLostError */
  async firstNotFinite(): Promise<string | undefined> {
    for (const [layer, { kernel, bias }] of this.parameters.layers) {
      for (const { value } of [kernel, bias]) {
        for await (const rows of value.read()) if (!rows.every(Number.isFinite)) return layer;
      }
    }
    return undefined;
  }

  /** Replaces a tensor of the state. @throws UsageError for another name or size; GpuError, DeviceLostError */
  async write(name: string, values: Float32Array): Promise<void> {
    const tensor = this.#tensor(name);
    const size = sizeOf(tensor.shape);
    if (values.length !== size) {
      throw new UsageError(`${name} has (${tensor.shape.join(', ')}) numbers, not ${values.length}`);
    }
    let done = 0;
    await tensor.write((rows) => {
      rows.set(values.subarray(done, done + rows.length));
      done += rows.length;
    });
  }

  /** Frees the GPU's memory. Safe to call twice. */
  dispose(): void {
    this.parameters.dispose();
    this.plan.plan.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #tensor(name: string): PiecedTensor {
    const tensor = this.#state.get(name);
    if (tensor) return tensor;
    throw new UsageError(`the head has no tensor ${name}; it has ${[...this.#state.keys()].join(', ')}`);
  }

  #rowsOf(x: Float32Array): number {
    const width = this.width;
    const rows = x.length / width;
    if (!Number.isInteger(rows) || rows < 1 || rows > this.options.batch) {
      throw new UsageError(
        `${x.length} features are not 1 to ${this.options.batch} rows of ${width} for the head`,
      );
    }
    return rows;
  }

  #checkLabels(x: Float32Array, labels: Uint32Array): void {
    const rows = this.#rowsOf(x);
    if (labels.length !== rows) throw new UsageError(`${labels.length} labels for ${rows} rows of features`);
    const { classes } = this.shape;
    const wrong = labels.findIndex((label) => label >= classes);
    if (wrong >= 0)
      throw new UsageError(`label ${labels[wrong]} in row ${wrong} is none of the ${classes} classes`);
  }

  async #run(
    route: string,
    x: Float32Array,
    labels: Uint32Array,
    { lr, step }: { lr: number; step: number },
  ): ReturnType<Plan['begin']> {
    const { plan } = this;
    const { beta1, beta2 } = { ...ADAMW_DEFAULTS, ...this.options.optimiser };
    const words = controlWords({ lr, step, seed: this.#dropoutSeed, beta1, beta2 });
    const allLabels = new Uint32Array(this.options.batch).fill(IGNORED);
    allLabels.set(labels);
    // Values that were written from here, and not by a step, have other forms that a step reads.
    for (const parameter of this.parameters.all) await parameter.refresh();
    const width = this.width;
    const rows = plan.parts.map((part, i): PlanInput => {
      return [part.x, this.#laidOut(i, x.subarray(part.first * width, (part.first + part.rows) * width))];
    });
    return plan.plan.begin([...rows, [plan.labels, allLabels], [plan.control, words]], route);
  }

  /** A part's rows as the GPU keeps them: channels padded to quads, and zeros behind the last, for what stood there may be NaN. */
  #laidOut(part: number, x: Float32Array): Float32Array<ArrayBuffer> {
    const padded = this.#padded[part]!;
    if (x.length === padded.length && x.buffer instanceof ArrayBuffer) return x as Float32Array<ArrayBuffer>;
    const channels = givenShape(this.shape).at(-1)!;
    const columns = padToQuad(channels);
    for (let pixel = 0; pixel * channels < x.length; pixel++) {
      padded.set(x.subarray(pixel * channels, (pixel + 1) * channels), pixel * columns);
    }
    padded.fill(0, (x.length / channels) * columns);
    return padded;
  }
}

/** What an optimiser keeps of each parameter: see `Parameter.moments`. */
const MOMENTS = { sgd: ['m'], adamw: ['m', 'v'] } as const;

/** What `Parameters.create` makes of the layers that are trained, the body's first. */
export function trainedShapes(
  shape: HeadShape,
  { optimiser }: Pick<TrainerOptions, 'optimiser'>,
): LayerShape[] {
  const moments = MOMENTS[optimiser.name];
  const convs = bodyConvs(shape).map(({ name, inputShape, shape: outputShape }) => {
    return { name, kernel: [3, 3, inputShape.at(-1)!, outputShape.at(-1)!], moments };
  });
  // A flattened map has padding behind the channels of every pixel.
  const map = shape.body?.pool === 'flatten' ? shape.body.layers.at(-1)!.shape : undefined;
  const dense = headLayers(shape).map(({ name, inputs, outputs }, i) => {
    const sides = i === 0 && map ? [inputs / map.at(-1)!, map.at(-1)!] : [inputs];
    return { name, kernel: [...sides, outputs], moments };
  });
  return [...convs, ...dense];
}

function bodyConvs({ body }: HeadShape): readonly PlannedLayer[] {
  return body?.layers.filter(({ operation }) => operation === 'conv3x3') ?? [];
}
