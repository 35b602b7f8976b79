// Numbers on the GPU, with a shape and an owner.

import { GpuError } from '../errors.js';
import type { Gpu } from './gpu.js';

export type Shape = readonly number[];

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** 32-bit values in row-major order in a storage buffer. Whoever made it disposes of it. */
export class Tensor {
  private constructor(
    readonly gpu: Gpu,
    readonly label: string,
    readonly shape: Shape,
    readonly buffer: GPUBuffer,
    readonly owned: boolean,
  ) {}

  /** A new tensor, filled with zeros. @throws GpuError as `Gpu.createBuffer`. */
  static async create(gpu: Gpu, label: string, shape: Shape): Promise<Tensor> {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    return new Tensor(
      gpu,
      label,
      shape,
      await gpu.createBuffer({ label, size: 4 * sizeOf(shape), usage }),
      true,
    );
  }

  /** A new tensor with these values. @throws GpuError when their number is not the shape's. */
  static async from(
    gpu: Gpu,
    label: string,
    shape: Shape,
    values: Float32Array | Uint32Array,
  ): Promise<Tensor> {
    if (values.length !== sizeOf(shape)) {
      throw new GpuError(`${label}: ${values.length} values do not fill the shape (${shape.join(', ')})`);
    }
    const tensor = await Tensor.create(gpu, label, shape);
    try {
      await gpu.write(label, tensor.buffer, values as GPUAllowSharedBufferSource);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }

  /** The beginning of this tensor's memory under another name and shape. It owns nothing. */
  view(label: string, shape: Shape): Tensor {
    if (4 * sizeOf(shape) > this.buffer.size) {
      throw new GpuError(`${label}: the shape (${shape.join(', ')}) does not fit into ${this.label}`);
    }
    return new Tensor(this.gpu, label, shape, this.buffer, false);
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get byteLength(): number {
    return 4 * this.size;
  }

  /** Reads the values back: one submit, one wait. For tests and tools; a forward plan has its own read-back. */
  async read(): Promise<Float32Array<ArrayBuffer>> {
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
      return await gpu.readMapped(this.label, staging, (mapped) => new Float32Array(mapped.slice(0)));
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
