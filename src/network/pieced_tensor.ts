// An array of numbers on the GPU, cut into pieces that the adapter can bind; written and read back some rows at a time.

import type { Gpu } from '../gpu/gpu.js';
import { BYTES_PER_VALUE, type Shape, sizeOf, Tensor, type TensorDtype } from '../gpu/tensor.js';
import { columnsPerPiece, type LinearPiece } from '../kernels/linear/pieces.js';
import { padToQuad } from '../kernels/shapes.js';
import { decodeFloats, encodeFloats } from '../weights/floats.js';

/** Bytes of f32 numbers that are held on the host at a time, besides what the caller holds. */
const CHUNK_BYTES = 8 * 2 ** 20;

/**
 * The kernel or bias of a layer, or what belongs to one: its gradient, its moments. The shape is (D,O) or (S,C,O) for a
 * dense layer's kernel, S pixels of a feature map with C channels each; (3,3,C,O) for a convolution's; (O) for a bias.
 *
 * On the GPU the last two axes are padded to multiples of 4, and what that adds stays zero. Owns its pieces.
 */
export class PiecedTensor {
  #version = 0;

  private constructor(
    private readonly gpu: Gpu,
    readonly label: string,
    /** Without padding. */
    readonly shape: Shape,
    readonly dtype: TensorDtype,
    /**
     * Side by side. A kernel of two or three axes is in pieces (D,columns), of which there are as many as the adapter
     * needs; anything else is one piece with its own axes.
     */
    readonly pieces: readonly LinearPiece[],
  ) {}

  /** A new array of zeros. @throws GpuError as `Tensor.create`; nothing is left behind then */
  static async create(
    gpu: Gpu,
    label: string,
    shape: Shape,
    dtype: TensorDtype = 'f32',
  ): Promise<PiecedTensor> {
    const padded = shape.map((side, axis) => (axis < shape.length - 2 ? side : padToQuad(side)));
    const columns = padded.at(-1)!;
    const isDense = shape.length === 2 || shape.length === 3;
    const rows = isDense ? [sizeOf(padded.slice(0, -1))] : padded.slice(0, -1);
    const width = isDense ? columnsPerPiece(gpu.limits, rows[0]!, columns, dtype) : columns;
    const pieces: LinearPiece[] = [];
    try {
      for (let first = 0; first < columns; first += width) {
        const k = await Tensor.create(gpu, label, [...rows, Math.min(width, columns - first)], dtype);
        pieces.push({ first, k });
      }
    } catch (error) {
      for (const { k } of pieces) k.dispose();
      throw error;
    }
    return new PiecedTensor(gpu, label, shape, dtype, pieces);
  }

  /** Rises whenever the numbers change. */
  get version(): number {
    return this.#version;
  }

  /** To be called by whoever changes the numbers on the GPU, an optimiser's step for instance. */
  changed(): void {
    this.#version++;
  }

  /** The one piece of a bias or of a convolution's kernel; the first one of a dense layer's kernel. */
  get whole(): Tensor {
    return this.pieces[0]!.k;
  }

  /**
   * Fills the array, row by row; a row is as long as the last axis. An f16 array gets the numbers rounded.
   *
   * @param fill  writes the next rows, as many as its argument has room for
   * @throws GpuError, DeviceLostError
   */
  async write(fill: (rows: Float32Array) => void): Promise<void> {
    const { gpu, label, pieces, dtype } = this;
    const columns = this.shape.at(-1)!;
    this.changed();
    const { chunks, most } = this.#chunks();
    const buffer = new Float32Array(most * columns);
    for (const { stored, count } of chunks) {
      const values = buffer.subarray(0, count * columns);
      fill(values);
      const parts = pieces.map(({ first, k }) => {
        const width = k.shape.at(-1)!;
        const part = new Float32Array(count * width);
        copyColumns(values, columns, first, part, width, 0, Math.min(width, columns - first));
        const bytes = dtype === 'f16' ? encodeFloats(part, 'F16') : part;
        return { k, offset: BYTES_PER_VALUE[dtype] * stored * width, bytes };
      });
      await gpu.checked(label, () => {
        for (const { k, offset, bytes } of parts) gpu.device.queue.writeBuffer(k.buffer, offset, bytes);
      });
      // Waiting here bounds what Dawn holds of the host's memory.
      await gpu.submit(label, gpu.device.createCommandEncoder({ label }).finish());
    }
  }

  /**
   * Reads the array, some rows at a time, without padding.
   *
   * @throws GpuError, DeviceLostError
   */
  async *read(): AsyncGenerator<Float32Array<ArrayBuffer>> {
    const { gpu, label, pieces, dtype } = this;
    const columns = this.shape.at(-1)!;
    const { chunks, most } = this.#chunks();
    const staging = await gpu.createBuffer({
      label: `${label} read-back`,
      size: BYTES_PER_VALUE[dtype] * most * padToQuad(columns),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      for (const { stored, count } of chunks) {
        const rowBytes = (k: Tensor) => BYTES_PER_VALUE[dtype] * k.shape.at(-1)!;
        const startOf = (first: number) => BYTES_PER_VALUE[dtype] * count * first;
        await gpu.checked(label, () => {
          const encoder = gpu.device.createCommandEncoder({ label });
          for (const { first, k } of pieces) {
            const size = count * rowBytes(k);
            encoder.copyBufferToBuffer(k.buffer, stored * rowBytes(k), staging, startOf(first), size);
          }
          gpu.device.queue.submit([encoder.finish()]);
        });
        yield await gpu.readMapped(label, staging, (mapped) => {
          const values = new Float32Array(count * columns);
          for (const { first, k } of pieces) {
            const width = k.shape.at(-1)!;
            const bytes = new Uint8Array(mapped, startOf(first), count * rowBytes(k));
            const part = decodeFloats(bytes, dtype === 'f16' ? 'F16' : 'F32');
            copyColumns(part, width, 0, values, columns, first, Math.min(width, columns - first));
          }
          return values;
        });
      }
    } finally {
      gpu.destroyBuffer(staging);
    }
  }

  /** Takes the numbers of another array of this shape, whatever its dtype. @throws GpuError, DeviceLostError */
  async copy(other: PiecedTensor): Promise<void> {
    const values = new Float32Array(sizeOf(this.shape));
    let read = 0;
    for await (const rows of other.read()) {
      values.set(rows, read);
      read += rows.length;
    }
    let written = 0;
    await this.write((rows) => {
      rows.set(values.subarray(written, written + rows.length));
      written += rows.length;
    });
  }

  /** Bytes on the GPU. */
  get bytes(): number {
    return this.pieces.reduce((sum, { k }) => sum + k.byteLength, 0);
  }

  /** Safe to call twice. */
  dispose(): void {
    for (const { k } of this.pieces) k.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Rows that follow each other on the GPU as well, as many as are held at a time: `stored` is the first one's place there. */
  #chunks(): { chunks: { stored: number; count: number }[]; most: number } {
    const rows = sizeOf(this.shape.slice(0, -1));
    // Padding rows lie behind every channel axis, and so between the rows of two pixels or taps.
    const channels = this.shape.at(-2) ?? 1;
    const isPadded = this.shape.length > 2 && channels % 4 !== 0;
    const run = isPadded ? channels : rows;
    const most = Math.min(run, Math.max(1, Math.floor(CHUNK_BYTES / (4 * padToQuad(this.shape.at(-1)!)))));
    const chunks: { stored: number; count: number }[] = [];
    for (let start = 0; start < rows; start += run) {
      for (let row = 0; row < run; row += most) {
        const stored = (start / run) * (isPadded ? padToQuad(run) : run) + row;
        chunks.push({ stored, count: Math.min(most, run - row) });
      }
    }
    return { chunks, most };
  }
}

function copyColumns(
  from: Float32Array,
  fromColumns: number,
  fromFirst: number,
  to: Float32Array,
  toColumns: number,
  toFirst: number,
  count: number,
): void {
  for (let row = 0; row * fromColumns < from.length; row++) {
    const start = row * fromColumns + fromFirst;
    to.set(from.subarray(start, start + count), row * toColumns + toFirst);
  }
}
