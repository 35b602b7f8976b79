// Numbers for tensors of any size: a pattern without any regularity, repeated, so that fc1's 411 MB are never on the host.

import type { Gpu } from '../gpu/gpu.js';
import { Tensor, type TensorDtype } from '../gpu/tensor.js';
import { hashedRandom } from '../random.js';

/** No multiple of any layer's row, so that no two rows of a tensor are the same; a multiple of 4, as WebGPU copies words. */
const LENGTH = 2 ** 20 - 4;

/** Numbers are multiples of one by so many, so that none is rounded and all binary digits are used. */
const STEPS: Readonly<Record<TensorDtype, number>> = { f32: 2 ** 23, f16: 2 ** 10 };

/** Whole numbers from -`limit` to `limit` - 1. */
export function randomIntegers(seed: number, limit: number): () => number {
  const random = hashedRandom(seed);
  return () => random.below(2 * limit) - limit;
}

/** Owns the pattern on the GPU. */
export class Pattern {
  private constructor(
    private readonly values: Float32Array,
    private readonly tensor: Tensor,
  ) {}

  /**
   * Numbers from -`largest` to `largest`: a power of two, 1/16 at least, below which f16 has subnormals among them.
   *
   * @throws GpuError
   */
  static async create(gpu: Gpu, seed: number, largest: number, dtype: TensorDtype = 'f32'): Promise<Pattern> {
    const next = randomIntegers(seed, STEPS[dtype]);
    const values = Float32Array.from({ length: LENGTH }, () => (next() / STEPS[dtype]) * largest);
    const stored = dtype === 'f32' ? values : Uint16Array.from(values, halfBits);
    return new Pattern(values, await Tensor.from(gpu, 'pattern', [LENGTH], stored));
  }

  /** The number at that place of a tensor that was filled. */
  readonly at = (index: number): number => this.values[index % LENGTH]!;

  /** Fills a tensor of the pattern's dtype, and waits until that is done. @throws GpuError, DeviceLostError */
  async fill(gpu: Gpu, tensor: Tensor): Promise<void> {
    const encoder = gpu.device.createCommandEncoder({ label: 'fill' });
    const period = this.tensor.byteLength;
    for (let start = 0; start < tensor.byteLength; start += period) {
      const size = Math.min(period, tensor.byteLength - start);
      encoder.copyBufferToBuffer(this.tensor.buffer, 0, tensor.buffer, tensor.offset + start, size);
    }
    await gpu.submit(`fill ${tensor.label}`, encoder.finish());
  }

  /** A new tensor that is filled. @throws GpuError */
  async filled(gpu: Gpu, label: string, shape: readonly number[]): Promise<Tensor> {
    const { dtype } = this.tensor;
    const tensor = await Tensor.create(gpu, label, shape, dtype);
    try {
      await this.fill(gpu, tensor);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }

  dispose(): void {
    this.tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The bits of a number that f16 has, and that is no subnormal there. */
function halfBits(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const fraction = Math.abs(value) / 2 ** exponent - 1;
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | (fraction * 1024);
}
