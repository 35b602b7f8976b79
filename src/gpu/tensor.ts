// Numbers on the GPU, with a shape and a place in memory.

import { GpuError } from '../errors.js';
import type { Gpu } from './gpu.js';

export type Shape = readonly number[];

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** How a tensor's values are stored. Words of bits, pixels for instance, count as `f32`, which says their size. */
export type TensorDtype = 'f32' | 'f16';

export const BYTES_PER_VALUE: Readonly<Record<TensorDtype, number>> = { f32: 4, f16: 2 };

/** Where a tensor's memory is. A buffer may hold several tensors. */
interface Place {
  readonly buffer: GPUBuffer;
  /** In bytes. */
  readonly offset: number;
}

/**
 * Values in row-major order in a storage buffer.
 *
 * A tensor of `create` or `from` has a buffer of its own, and whoever made it disposes of it. A tensor of a `Recorder` gets its
 * place when the plan is made, often in a buffer that it shares; the plan disposes of it. A view has the place of another tensor.
 */
export class Tensor {
  #place: Place | undefined;

  private constructor(
    readonly gpu: Gpu,
    readonly label: string,
    readonly shape: Shape,
    readonly dtype: TensorDtype,
    private readonly base: Tensor | undefined,
    /** Bytes from the base's beginning. */
    private readonly start: number,
    private readonly ownsBuffer: boolean,
  ) {}

  /** A new tensor, filled with zeros. @throws GpuError as `Gpu.createBuffer`, and for an odd number of f16 values. */
  static async create(gpu: Gpu, label: string, shape: Shape, dtype: TensorDtype = 'f32'): Promise<Tensor> {
    const tensor = new Tensor(gpu, label, shape, dtype, undefined, 0, true);
    tensor.#checkWords();
    tensor.#place = { buffer: await createStorage(gpu, label, tensor.byteLength), offset: 0 };
    return tensor;
  }

  /**
   * A new tensor with these values, those of an f16 tensor as their bits in a Uint16Array.
   *
   * @throws GpuError as `create`, and when their number is not the shape's.
   */
  static async from(
    gpu: Gpu,
    label: string,
    shape: Shape,
    values: Float32Array | Uint32Array | Uint16Array,
  ): Promise<Tensor> {
    if (values.length !== sizeOf(shape)) {
      throw new GpuError(`${label}: ${values.length} values do not fill the shape (${shape.join(', ')})`);
    }
    const dtype = values instanceof Uint16Array ? 'f16' : 'f32';
    const tensor = await Tensor.create(gpu, label, shape, dtype);
    try {
      await tensor.write(values as GPUAllowSharedBufferSource);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }

  /** A tensor that is given its place later, by `place`. @internal @throws GpuError for an odd number of f16 values */
  static unplaced(gpu: Gpu, label: string, shape: Shape, dtype: TensorDtype = 'f32'): Tensor {
    const tensor = new Tensor(gpu, label, shape, dtype, undefined, 0, false);
    tensor.#checkWords();
    return tensor;
  }

  /** @internal */
  place(buffer: GPUBuffer, offset: number): void {
    this.#place = { buffer, offset };
  }

  /**
   * A part of this tensor's memory under another name and shape, seen as f32. It owns nothing.
   *
   * @param start  where it begins, in bytes from this tensor's beginning; to be bound, it must be a multiple of 256
   * @throws GpuError where it does not fit
   */
  view(label: string, shape: Shape, start = 0): Tensor {
    if (start + 4 * sizeOf(shape) > Math.max(4, this.byteLength)) {
      throw new GpuError(`${label}: the shape (${shape.join(', ')}) does not fit into ${this.label}`);
    }
    return new Tensor(this.gpu, label, shape, 'f32', this.memory, this.start + start, false);
  }

  /** The tensor whose memory this one is: itself, unless it is a view. @internal */
  get memory(): Tensor {
    return this.base ?? this;
  }

  /** @throws GpuError before the tensor has its place */
  get buffer(): GPUBuffer {
    return this.#placed().buffer;
  }

  /** Where the tensor begins in its buffer, in bytes. */
  get offset(): number {
    return this.#placed().offset + this.start;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get byteLength(): number {
    return BYTES_PER_VALUE[this.dtype] * this.size;
  }

  /** Copies bytes to the tensor's beginning, in order with what is submitted. @throws as `Gpu.checked` */
  async write(bytes: GPUAllowSharedBufferSource): Promise<void> {
    const { gpu, buffer, offset } = this;
    await gpu.checked(this.label, () => gpu.device.queue.writeBuffer(buffer, offset, bytes));
  }

  /** Reads f32 values back. For tests and tools; plans have their own read-back. @throws GpuError for f16 */
  async read(): Promise<Float32Array<ArrayBuffer>> {
    if (this.dtype !== 'f32')
      throw new GpuError(`${this.label}: is ${this.dtype}; readBytes() gives its bits`);
    return new Float32Array(await this.readBytes());
  }

  /** Reads the values back as they are stored: one submit, one wait. */
  async readBytes(): Promise<ArrayBuffer> {
    const { gpu, byteLength } = this;
    const staging = await gpu.createBuffer({
      label: `${this.label} read-back`,
      size: byteLength,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      const encoder = gpu.device.createCommandEncoder({ label: `read ${this.label}` });
      encoder.copyBufferToBuffer(this.buffer, this.offset, staging, 0, byteLength);
      await gpu.checked(this.label, () => gpu.device.queue.submit([encoder.finish()]));
      return await gpu.readMapped(this.label, staging, (mapped) => mapped.slice(0));
    } finally {
      gpu.destroyBuffer(staging);
    }
  }

  /** Frees the memory, if it is this tensor's alone. Safe to call twice. */
  dispose(): void {
    if (this.ownsBuffer) this.gpu.destroyBuffer(this.buffer);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #placed(): Place {
    const place = this.memory.#place;
    if (!place) throw new GpuError(`${this.label}: has no memory before its plan is made`);
    return place;
  }

  #checkWords(): void {
    if (this.byteLength % 4 === 0) return;
    throw new GpuError(
      `${this.label}: the shape (${this.shape.join(', ')}) of ${this.dtype} fills no whole number of words`,
    );
  }
}

/** A buffer that kernels read and write, of zeros. @internal @throws as `Gpu.createBuffer` */
export function createStorage(gpu: Gpu, label: string, size: number): Promise<GPUBuffer> {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  return gpu.createBuffer({ label, size, usage });
}
