// Rows and columns of numbers on the GPU, in pieces that the adapter can bind, streamed there and back some rows at a time.

import type { Gpu } from '../../gpu/gpu.js';
import { Tensor } from '../../gpu/tensor.js';
import type { LinearPiece } from '../../kernels/linear/linear.js';
import { padToQuad } from '../../kernels/shapes.js';
import { columnsPerPiece } from '../../model/network.js';

/** A kernel (rows,columns) or a bias (columns), or what belongs to one: its gradient, its moments. Owns its pieces. */
export interface Matrix {
  readonly label: string;
  /** Without padding. On the GPU every side is a multiple of 4, and what that adds stays zero. */
  readonly shape: readonly [rows: number, columns: number] | readonly [columns: number];
  /** Side by side; a bias is one piece. */
  readonly pieces: readonly LinearPiece[];
}

/** Held on the host at a time, besides what the caller holds. */
const CHUNK_BYTES = 8 * 2 ** 20;

/** A new matrix of zeros. @throws GpuError as `Tensor.create` */
export async function createMatrix(gpu: Gpu, label: string, shape: Matrix['shape']): Promise<Matrix> {
  const padded = shape.map(padToQuad);
  const columns = padded.at(-1)!;
  const rows = padded.slice(0, -1);
  const width = rows.length > 0 ? columnsPerPiece(gpu.limits, rows[0]!, columns) : columns;
  const pieces: LinearPiece[] = [];
  try {
    for (let first = 0; first < columns; first += width) {
      const k = await Tensor.create(gpu, label, [...rows, Math.min(width, columns - first)]);
      pieces.push({ first, k });
    }
  } catch (error) {
    for (const { k } of pieces) k.dispose();
    throw error;
  }
  return { label, shape, pieces };
}

export function disposeMatrix({ pieces }: Matrix): void {
  for (const { k } of pieces) k.dispose();
}

/**
 * Fills a matrix, row by row.
 *
 * @param fill  writes the next rows, as many as its argument has room for
 * @throws GpuError, DeviceLostError
 */
export async function writeMatrix(
  gpu: Gpu,
  matrix: Matrix,
  fill: (rows: Float32Array) => void,
): Promise<void> {
  const { label, pieces } = matrix;
  const { rows, columns, rowsPerChunk } = layoutOf(matrix);
  const chunk = new Float32Array(Math.min(rows, rowsPerChunk) * columns);
  for (let row = 0; row < rows; row += rowsPerChunk) {
    const count = Math.min(rowsPerChunk, rows - row);
    const values = chunk.subarray(0, count * columns);
    fill(values);
    const parts = pieces.map(({ first, k }) => {
      const width = k.shape.at(-1)!;
      return { k, width, part: withColumns(values, columns, first, width) };
    });
    await gpu.checked(label, () => {
      for (const { k, width, part } of parts) gpu.device.queue.writeBuffer(k.buffer, 4 * row * width, part);
    });
    // Waiting here bounds what Dawn holds of the host's memory.
    await gpu.submit(label, gpu.device.createCommandEncoder({ label }).finish());
  }
}

/**
 * Reads a matrix, some rows at a time, without padding.
 *
 * @throws GpuError, DeviceLostError
 */
export async function* readMatrix(gpu: Gpu, matrix: Matrix): AsyncGenerator<Float32Array<ArrayBuffer>> {
  const { label, pieces } = matrix;
  const { rows, columns, rowsPerChunk } = layoutOf(matrix);
  const paddedColumns = padToQuad(columns);
  const staging = await gpu.createBuffer({
    label: `${label} read-back`,
    size: 4 * Math.min(rows, rowsPerChunk) * paddedColumns,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  try {
    for (let row = 0; row < rows; row += rowsPerChunk) {
      const count = Math.min(rowsPerChunk, rows - row);
      await gpu.checked(label, () => {
        const encoder = gpu.device.createCommandEncoder({ label });
        for (const { first, k } of pieces) {
          const rowBytes = 4 * k.shape.at(-1)!;
          const size = count * rowBytes;
          encoder.copyBufferToBuffer(k.buffer, row * rowBytes, staging, 4 * count * first, size);
        }
        gpu.device.queue.submit([encoder.finish()]);
      });
      yield await gpu.readMapped(label, staging, (mapped) => {
        const values = new Float32Array(count * columns);
        for (const { first, k } of pieces) {
          const width = k.shape.at(-1)!;
          const part = new Float32Array(mapped, 4 * count * first, count * width);
          copyColumns(part, width, 0, values, columns, first, Math.min(width, columns - first));
        }
        return values;
      });
    }
  } finally {
    gpu.destroyBuffer(staging);
  }
}

function layoutOf({ shape }: Matrix): { rows: number; columns: number; rowsPerChunk: number } {
  const columns = shape.at(-1)!;
  const rows = shape.length === 2 ? shape[0] : 1;
  return { rows, columns, rowsPerChunk: Math.max(1, Math.floor(CHUNK_BYTES / (4 * padToQuad(columns)))) };
}

/** Some columns of rows, padded with zeros to `width`. */
function withColumns(
  values: Float32Array,
  columns: number,
  first: number,
  width: number,
): Float32Array<ArrayBuffer> {
  const part = new Float32Array((values.length / columns) * width);
  copyColumns(values, columns, first, part, width, 0, Math.min(width, columns - first));
  return part;
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
