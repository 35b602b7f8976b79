// Trains a head on features: batches in, and nothing out but totals now and then. All numbers stay on the GPU.

import { UsageError } from '../../errors.js';
import type { Gpu } from '../../gpu/gpu.js';
import type { Plan } from '../../gpu/plan.js';
import { sizeOf } from '../../gpu/tensor.js';
import { controlWords } from '../../kernels/control.js';
import { readTotals, type Totals } from '../../kernels/metrics/metrics.js';
import { IGNORED } from '../../kernels/softmax_cross_entropy/softmax_cross_entropy.js';
import { type LayerShape, Parameters } from '../../network/parameters.js';
import type { PiecedTensor } from '../../network/pieced_tensor.js';
import { randomStream } from '../random.js';
import { type HeadLayer, type HeadShape, headLayers } from './head_shape.js';
import { initialKernel } from './initialise.js';
import { planStep, ROUTES, type StepPlan } from './step_plan.js';
import { ADAMW_DEFAULTS, checkRate, checkTrainerOptions, type TrainerOptions } from './trainer_options.js';

/** A tensor of a trainer's state. */
export interface StateTensor {
  /** `fc1.kernel`, `fc1.bias`, and moments as `fc1.kernel.m`. */
  readonly name: string;
  /** (inputs,outputs) or (outputs), without padding. */
  readonly shape: readonly number[];
}

/**
 * A head and its optimiser on a GPU. Not to be asked for anything before the last call has returned. The same seed and
 * batches give the same bytes on the same adapter and driver.
 */
export class HeadTrainer {
  /** Steps that have been taken; to be set when a run is taken up again, for dropout and AdamW count them. */
  stepsDone = 0;
  readonly #state: ReadonlyMap<string, PiecedTensor>;
  readonly #dropoutSeed: number;
  /** For batches that do not lie in memory as the GPU wants them. */
  readonly #padded: Float32Array<ArrayBuffer>;

  private constructor(
    readonly shape: HeadShape,
    readonly options: TrainerOptions,
    private readonly parameters: Parameters,
    private readonly plan: StepPlan,
  ) {
    this.#state = parameters.state;
    this.#dropoutSeed = randomStream(options.seed, 'dropout').uint32();
    this.#padded = new Float32Array(plan.x.size);
  }

  /**
   * A new head with random kernels, as `initialKernel` draws them, and the first biases that the options name.
   *
   * @throws UsageError for a shape or options that make no sense; GpuError where the adapter cannot, or memory is short
   */
  static async create(gpu: Gpu, shape: HeadShape, options: TrainerOptions): Promise<HeadTrainer> {
    const layers = headLayers(shape);
    checkTrainerOptions(shape, options);
    const parameters = await Parameters.create(gpu, trainedShapes(layers, options));
    try {
      for (const layer of layers) {
        await parameters.layer(layer.name).kernel.value.write(initialKernel(options.seed, layer));
      }
      const { firstBiases } = options;
      const { bias } = parameters.layer(layers.at(-1)!.name);
      if (firstBiases) await bias.value.write((row) => row.set(firstBiases));
      const plan = await planStep(gpu, layers, parameters, options);
      return new HeadTrainer(shape, options, parameters, plan);
    } catch (error) {
      parameters.dispose();
      throw error;
    }
  }

  /**
   * A step of training: one submit, which is not waited for. Fewer rows than a batch are a smaller batch.
   *
   * @param x  (rows, inputs); may be filled anew as soon as this returns
   * @param labels  (rows)
   * @throws UsageError for arguments that do not fit; GpuError, DeviceLostError, those of earlier steps too
   */
  async step(x: Float32Array, labels: Uint32Array, lr: number): Promise<void> {
    this.#checkLabels(x, labels);
    checkRate('lr', lr);
    const step = this.stepsDone + 1;
    await this.#run(ROUTES.train, x, labels, { lr, step });
    this.stepsDone = step;
    for (const { value } of this.parameters.all) value.changed();
  }

  /** Adds a batch to the totals, without dropout and without learning from it. Otherwise as `step`. */
  async score(x: Float32Array, labels: Uint32Array): Promise<void> {
    this.#checkLabels(x, labels);
    await this.#run(ROUTES.score, x, labels, { lr: 0, step: this.stepsDone });
  }

  /**
   * What the head makes of features, without dropout.
   *
   * @param x  (rows, inputs), at most a batch
   * @returns (rows, classes) probabilities
   * @throws UsageError, GpuError, DeviceLostError
   */
  async predict(x: Float32Array): Promise<Float32Array> {
    const rows = this.#rowsOf(x);
    const { classes } = this.shape;
    const unknown = new Uint32Array(rows).fill(IGNORED);
    const run = await this.#run(ROUTES.predict, x, unknown, { lr: 0, step: this.stepsDone });
    const padded = (await run.results).get('probabilities')!;
    const columns = padded.length / this.options.batch;
    const result = new Float32Array(rows * classes);
    for (let row = 0; row < rows; row++) {
      result.set(padded.subarray(row * columns, row * columns + classes), row * classes);
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
    const { inputs } = this.shape;
    const rows = x.length / inputs;
    if (!Number.isInteger(rows) || rows < 1 || rows > this.options.batch) {
      throw new UsageError(
        `${x.length} features are not 1 to ${this.options.batch} rows of ${inputs} for the head`,
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

  #run(
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
    const inputs = [
      [plan.x, this.#laidOut(x)],
      [plan.labels, allLabels],
      [plan.control, words],
    ] as const;
    return plan.plan.begin(inputs, route);
  }

  /** Rows as the GPU keeps them: padded to quads, and zeros behind the last, for what stood there may be NaN. */
  #laidOut(x: Float32Array): Float32Array<ArrayBuffer> {
    if (x.length === this.#padded.length && x.buffer instanceof ArrayBuffer)
      return x as Float32Array<ArrayBuffer>;
    const { inputs } = this.shape;
    const columns = this.#padded.length / this.options.batch;
    for (let row = 0; row * inputs < x.length; row++) {
      this.#padded.set(x.subarray(row * inputs, (row + 1) * inputs), row * columns);
    }
    this.#padded.fill(0, (x.length / inputs) * columns);
    return this.#padded;
  }
}

/** What an optimiser keeps of each parameter: see `Parameter.moments`. */
const MOMENTS = { sgd: ['m'], adamw: ['m', 'v'] } as const;

/** What `Parameters.create` makes of a head's layers. */
export function trainedShapes(
  layers: readonly HeadLayer[],
  { optimiser }: Pick<TrainerOptions, 'optimiser'>,
): LayerShape[] {
  const moments = MOMENTS[optimiser.name];
  return layers.map(({ name, inputs, outputs }) => ({ name, kernel: [inputs, outputs], moments }));
}
