// Numbers on the GPU, with a shape and an owner.

import { GpuError } from '../errors.js';
import type { Gpu } from './gpu.js';

export type Shape = readonly number[];

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** How a tensor's values are stored. Words of bits, pixels for instance, count as `f32`, which says their size. */
export type TensorDtype = 'f32' | 'f16';

export const BYTES_PER_VALUE: Readonly<Record<TensorDtype, number>> = { f32: 4, f16: 2 };

/** Values in row-major order in a storage buffer. Whoever made it disposes of it. */
export class Tensor {
  private constructor(
    readonly gpu: Gpu,
    readonly label: string,
    readonly shape: Shape,
    readonly buffer: GPUBuffer,
    readonly owned: boolean,
    readonly dtype: TensorDtype,
  ) {}

  /** A new tensor, filled with zeros. @throws GpuError as `Gpu.createBuffer`, and for an odd number of f16 values. */
  static async create(gpu: Gpu, label: string, shape: Shape, dtype: TensorDtype = 'f32'): Promise<Tensor> {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const size = BYTES_PER_VALUE[dtype] * sizeOf(shape);
    if (size % 4 !== 0) {
      throw new GpuError(
        `${label}: the shape (${shape.join(', ')}) of ${dtype} fills no whole number of words`,
      );
    }
    return new Tensor(gpu, label, shape, await gpu.createBuffer({ label, size, usage }), true, dtype);
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
      await gpu.write(label, tensor.buffer, values as GPUAllowSharedBufferSource);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }

  /** The beginning of this tensor's memory under another name and shape, seen as f32. It owns nothing. */
  view(label: string, shape: Shape): Tensor {
    if (4 * sizeOf(shape) > this.buffer.size) {
      throw new GpuError(`${label}: the shape (${shape.join(', ')}) does not fit into ${this.label}`);
    }
    return new Tensor(this.gpu, label, shape, this.buffer, false, 'f32');
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get byteLength(): number {
    return BYTES_PER_VALUE[this.dtype] * this.size;
  }

  /** Reads f32 values back. For tests and tools; a forward plan has its own read-back. @throws GpuError for f16 */
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
      encoder.copyBufferToBuffer(this.buffer, 0, staging, 0, byteLength);
      await gpu.checked(this.label, () => gpu.device.queue.submit([encoder.finish()]));
      return await gpu.readMapped(this.label, staging, (mapped) => mapped.slice(0));
    } finally {
      gpu.destroyBuffer(staging);
    }
  }

  /** Frees the memory, if it is this tensor's. Safe to call twice. */
  dispose(): void {
    if (this.owned) this.gpu.destroyBuffer(this.buffer);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
