// What a network has learnt, on the GPU: kernel and bias of each layer, the same for inference and for training.

import { UsageError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import { type Recorder, runOnce } from '../gpu/recorder.js';
import { type Shape, Tensor, type TensorDtype } from '../gpu/tensor.js';
import { PiecedTensor } from './pieced_tensor.js';

/** Another form of a parameter's value that some kernel reads instead, for instance Winograd's transform of a kernel. */
export interface DerivedForm {
  /** Tells the forms of one parameter apart: `winograd 36`. */
  readonly name: string;
  readonly shape: Shape;
  /** Records what computes the form `u`, f32, from the parameter's value. */
  record(recorder: Recorder, u: Tensor): void;
}

interface Derived {
  readonly u: Tensor;
  readonly form: DerivedForm;
  /** The version of the value that it was computed from. */
  version: number;
}

export interface ParameterOptions {
  /** How the value is stored; f32 by default. A gradient and moments are f32 in any case. */
  readonly dtype?: TensorDtype;
  /** Of what is trained: the optimiser's moments, `m` for instance. There is a gradient as well, then. */
  readonly moments?: readonly string[] | undefined;
}

/** A kernel or a bias. Owns its memory. */
export class Parameter {
  /** By name; refreshed in the same memory, so that a recorded plan may go on reading it. */
  readonly #derived = new Map<string, Promise<Derived>>();
  readonly #ready: Derived[] = [];
  #isDisposed = false;

  private constructor(
    private readonly gpu: Gpu,
    /** `fc1.kernel`, `fc1.bias`, ... */
    readonly name: string,
    readonly value: PiecedTensor,
    /** The loss's, by the value; undefined where nothing is trained. */
    readonly gradient: PiecedTensor | undefined,
    /** By name, in the optimiser's order: SGD's momentum `m`; AdamW's means of the gradient, `m`, and of its square, `v`. */
    readonly moments: ReadonlyMap<string, PiecedTensor>,
  ) {}

  /** All zero. @param shape as `PiecedTensor` @throws GpuError; nothing is left behind then */
  static async create(
    gpu: Gpu,
    name: string,
    shape: Shape,
    { dtype, moments }: ParameterOptions = {},
  ): Promise<Parameter> {
    const owned: PiecedTensor[] = [];
    const create = async (label: string, stored?: TensorDtype) => {
      const tensor = await PiecedTensor.create(gpu, label, shape, stored);
      owned.push(tensor);
      return tensor;
    };
    try {
      const value = await create(name, dtype);
      const gradient = moments && (await create(`${name} gradient`));
      const named = new Map<string, PiecedTensor>();
      for (const moment of moments ?? []) named.set(moment, await create(`${name}.${moment}`));
      return new Parameter(gpu, name, value, gradient, named);
    } catch (error) {
      for (const tensor of owned) tensor.dispose();
      throw error;
    }
  }

  /** Without padding: (3,3,C,O), (S,C,O), (D,O) or (O). */
  get shape(): Shape {
    return this.value.shape;
  }

  get isKernel(): boolean {
    return this.shape.length > 1;
  }

  /** Rises whenever the value changes. */
  get version(): number {
    return this.value.version;
  }

  /**
   * The value in another form, computed when it is first asked for, and again when the value has changed since.
   *
   * @throws GpuError; UsageError once disposed of
   */
  async derived(form: DerivedForm): Promise<Tensor> {
    const found = this.#derived.get(form.name) ?? this.#derive(form);
    this.#derived.set(form.name, found);
    // Tried again when it is asked for again: memory may be there by then.
    found.catch(() => this.#derived.delete(form.name));
    const derived = await found;
    await this.#compute([derived]);
    return derived.u;
  }

  /** Brings all derived forms up to date. To be called before a plan that reads them. @throws GpuError */
  async refresh(): Promise<void> {
    await this.#compute(await Promise.all(this.#derived.values()));
  }

  /**
   * Records what brings all derived forms up to date, for a plan that changes the value itself, or runs after one that does.
   * Whoever runs that plan need not call `refresh`.
   */
  async recordRefresh(recorder: Recorder): Promise<void> {
    for (const { form, u } of await Promise.all(this.#derived.values())) form.record(recorder, u);
  }

  /** Bytes on the GPU: value, gradient, moments and derived forms. */
  get bytes(): number {
    const derived = this.#ready.reduce((sum, { u }) => sum + u.byteLength, 0);
    return this.#tensors().reduce((sum, { bytes }) => sum + bytes, derived);
  }

  /** To be called after a plan has changed the value and, by `recordRefresh`, all derived forms with it. */
  stepped(): void {
    this.value.changed();
    for (const derived of this.#ready) derived.version = this.version;
  }

  /** Safe to call twice. */
  dispose(): void {
    this.#isDisposed = true;
    for (const tensor of this.#tensors()) tensor.dispose();
    for (const { u } of this.#ready) u.dispose();
    this.#derived.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #tensors(): PiecedTensor[] {
    return [this.value, ...(this.gradient ? [this.gradient] : []), ...this.moments.values()];
  }

  async #derive(form: DerivedForm): Promise<Derived> {
    const u = await Tensor.create(this.gpu, `${this.name} ${form.name}`, form.shape);
    try {
      const derived = { u, form, version: Number.NaN };
      await this.#compute([derived]);
      if (this.#isDisposed) throw new UsageError(`${this.name} has been disposed of`);
      this.#ready.push(derived);
      return derived;
    } catch (error) {
      u.dispose();
      throw error;
    }
  }

  async #compute(all: readonly Derived[]): Promise<void> {
    const { version } = this;
    const stale = all.filter((derived) => derived.version !== version);
    if (stale.length === 0) return;
    await runOnce(this.gpu, this.name, (recorder) => {
      for (const { form, u } of stale) form.record(recorder, u);
    });
    for (const derived of stale) derived.version = version;
  }
}

/** What `Parameters.create` makes of a layer. */
export interface LayerShape {
  readonly name: string;
  /** The kernel's, as `PiecedTensor` has it; its last side is the bias's. */
  readonly kernel: Shape;
  /** Moments of a layer that is trained; undefined where it is not. */
  readonly moments?: readonly string[] | undefined;
}

export interface LayerParameters {
  readonly kernel: Parameter;
  readonly bias: Parameter;
}

/** Those that have a gradient. */
export function trainedOf({ kernel, bias }: LayerParameters): Parameter[] {
  return [kernel, bias].filter(({ gradient }) => gradient);
}

/** Kernels and biases of a network's layers, by the layers' names, in their order. Owns them. */
export class Parameters {
  private constructor(
    readonly layers: ReadonlyMap<string, LayerParameters>,
    /** How kernels are stored; biases are f32. */
    readonly dtype: TensorDtype,
  ) {}

  /** All zero. @throws GpuError where memory is short; nothing is left behind then */
  static async create(
    gpu: Gpu,
    shapes: readonly LayerShape[],
    dtype: TensorDtype = 'f32',
  ): Promise<Parameters> {
    const layers = new Map<string, LayerParameters>();
    const owned: Parameter[] = [];
    const create = async (name: string, shape: Shape, options: ParameterOptions) => {
      const parameter = await Parameter.create(gpu, name, shape, options);
      owned.push(parameter);
      return parameter;
    };
    try {
      for (const { name, kernel: shape, moments } of shapes) {
        const kernel = await create(`${name}.kernel`, shape, { dtype, moments });
        const bias = await create(`${name}.bias`, shape.slice(-1), { moments });
        layers.set(name, { kernel, bias });
      }
    } catch (error) {
      for (const parameter of owned) parameter.dispose();
      throw error;
    }
    return new Parameters(layers, dtype);
  }

  /** @throws UsageError for a name that is none of the layers' */
  layer(name: string): LayerParameters {
    const found = this.layers.get(name);
    if (found) return found;
    throw new UsageError(
      `there are no parameters of ${name}; there are those of ${[...this.layers.keys()].join(', ')}`,
    );
  }

  /** Bytes on the GPU, of all of them. */
  get bytes(): number {
    return this.all.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Kernel and bias of each layer, in the layers' order. */
  get all(): readonly Parameter[] {
    return [...this.layers.values()].flatMap(({ kernel, bias }) => [kernel, bias]);
  }

  /** What a checkpoint needs, by label and in a fixed order: the value and the moments of all that is trained. */
  get state(): ReadonlyMap<string, PiecedTensor> {
    const trained = this.all.filter(({ gradient }) => gradient);
    const tensors = trained.flatMap(({ value, moments }) => [value, ...moments.values()]);
    return new Map(tensors.map((tensor) => [tensor.label, tensor]));
  }

  /** Safe to call twice. */
  dispose(): void {
    for (const parameter of this.all) parameter.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
