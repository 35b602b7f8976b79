// Weights on the GPU, in the order the kernels read: streamed there from a file, tensor by tensor, piece by piece.

import { record } from '../gpu/dispatch.js';
import type { Gpu } from '../gpu/gpu.js';
import { BYTES_PER_VALUE, Tensor, type TensorDtype } from '../gpu/tensor.js';
import { type Conv3x3Rung, isWinograd } from '../kernels/conv3x3/conv3x3.js';
import { pointsOf, type WinogradRung, winogradFilter } from '../kernels/conv3x3/winograd.js';
import type { LinearPiece } from '../kernels/linear/linear.js';
import { pack } from '../kernels/pack/pack.js';
import { padToQuad } from '../kernels/shapes.js';
import { type Widths, widthsOf } from '../network/layers.js';
import { checkChoice } from '../weights/checks.js';
import { unfitNumber } from '../weights/finite.js';
import { decodeFloats, findNonFinite } from '../weights/floats.js';
import { BYTES_PER_ELEMENT, type TensorEntry, type WeightsSource } from '../weights/source.js';
import { torchvisionTensors } from '../weights/torchvision.js';
import type { Vgg16Weights } from '../weights/vgg16.js';
import { type BatchLimits, bindable } from './batches.js';

/** How much of a file is held on the host at a time, twice: one piece on its way to the GPU, the next being read. */
const CHUNK_BYTES = 8 * 2 ** 20;

export interface LoadOptions {
  /**
   * How kernels are kept on the GPU, whatever the file has; f32 by default. As f16 they take half the memory and half
   * the traffic; what is not f16 in the file is rounded. Biases, activations and sums are f32 in any case.
   */
  readonly dtype?: TensorDtype | undefined;
  /** Bytes of the file that have reached the GPU. */
  readonly onProgress?: ((progress: { loaded: number; total: number }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface BoundLayer {
  /** A convolution's kernel is one piece, shaped (3,3,C,O). */
  readonly pieces: readonly LinearPiece[];
  readonly b: Tensor;
}

/** VGG16's weights on a GPU. Owns its tensors. */
export class Network {
  /** Kernels as Winograd's rungs read them, by layer and rung. */
  readonly #filters = new Map<string, Promise<Tensor>>();
  readonly #transformed: Tensor[] = [];

  private constructor(
    readonly widths: Widths,
    readonly layers: ReadonlyMap<string, BoundLayer>,
    readonly dtype: TensorDtype,
  ) {}

  /**
   * @throws WeightsError for a file that ends early, holds NaN or infinity, or numbers too large for f16 where that is
   *                      asked for; UsageError for an unknown dtype; GpuError; the signal's reason
   */
  static async load(gpu: Gpu, weights: Vgg16Weights, options: LoadOptions = {}): Promise<Network> {
    const { dtype = 'f32' } = options;
    checkChoice('dtype', dtype, Object.keys(BYTES_PER_VALUE));
    const uploader = await Uploader.create(gpu, weights, dtype, options);
    const layers = new Map<string, BoundLayer>();
    try {
      for (const { layer, kernel, bias, inputChannels, outputChannels } of weights.convs) {
        const sides = [3, 3, padToQuad(inputChannels)];
        const form = { rows: outputChannels, sourceC: inputChannels, space: 9, sides };
        layers.set(layer, await uploader.layer(layer, kernel, bias, form, false));
      }
      for (const { layer, kernel, bias, inputs, outputs } of weights.dense) {
        // Behind the feature map, each of its pixels brings its channels' padding along.
        const space = layer === 'fc1' ? (weights.featureSide ?? 1) ** 2 : 1;
        const sourceC = inputs / space;
        const form = { rows: outputs, sourceC, space, sides: [space * padToQuad(sourceC)] };
        layers.set(layer, await uploader.layer(layer, kernel, bias, form, true));
      }
    } catch (error) {
      for (const layer of layers.values()) disposeLayer(layer);
      throw error;
    } finally {
      uploader.dispose();
    }
    return new Network(widthsOf(weights), layers, dtype);
  }

  /**
   * A convolution's kernel as `rung` reads it: as it was loaded, or transformed, which is done once and kept.
   *
   * @throws GpuError
   */
  async convKernel(gpu: Gpu, layer: string, rung: Conv3x3Rung): Promise<Tensor> {
    const { k } = this.layers.get(layer)!.pieces[0]!;
    if (!isWinograd(rung)) return k;
    const key = `${layer} ${pointsOf(rung)}`;
    const found = this.#filters.get(key) ?? this.#transform(gpu, layer, k, rung);
    this.#filters.set(key, found);
    // Tried again when it is asked for again: memory may be there by then.
    found.catch(() => this.#filters.delete(key));
    return found;
  }

  dispose(): void {
    for (const layer of this.layers.values()) disposeLayer(layer);
    for (const u of this.#transformed) u.dispose();
  }

  async #transform(gpu: Gpu, layer: string, k: Tensor, rung: WinogradRung): Promise<Tensor> {
    const label = `${layer} transformed kernel`;
    const u = await Tensor.create(gpu, label, [pointsOf(rung), ...k.shape.slice(2)]);
    try {
      const encoder = gpu.device.createCommandEncoder({ label });
      record(encoder, label, await winogradFilter(gpu, { label, k, u, rung }));
      await gpu.submit(label, encoder.finish());
    } catch (error) {
      u.dispose();
      throw error;
    }
    this.#transformed.push(u);
    return u;
  }
}

function disposeLayer({ pieces, b }: BoundLayer): void {
  for (const { k } of pieces) k.dispose();
  b.dispose();
}

/** As many columns of a dense layer's kernel as the adapter can bind at once: fc1 as a whole has 411 MB, 206 as f16. */
export function columnsPerPiece(
  limits: BatchLimits,
  depth: number,
  columns: number,
  dtype: TensorDtype = 'f32',
): number {
  const most = Math.floor(bindable(limits) / (BYTES_PER_VALUE[dtype] * depth));
  return Math.min(columns, Math.max(4, Math.floor(most / 4) * 4));
}

/** A kernel in its file: (rows, sourceC, space); on the GPU: (...sides, rows padded). */
interface KernelForm {
  readonly rows: number;
  readonly sourceC: number;
  readonly space: number;
  readonly sides: readonly number[];
}

class Uploader {
  #loaded = 0;

  private constructor(
    private readonly gpu: Gpu,
    private readonly source: WeightsSource,
    private readonly dtype: TensorDtype,
    private readonly options: LoadOptions,
    private readonly total: number,
    private readonly staging: Tensor,
  ) {}

  static async create(
    gpu: Gpu,
    weights: Vgg16Weights,
    dtype: TensorDtype,
    options: LoadOptions,
  ): Promise<Uploader> {
    const kernels = [...weights.convs, ...weights.dense].map(({ kernel }) => kernel);
    const total = torchvisionTensors(weights).reduce((sum, { entry }) => sum + entry.byteLength, 0);
    // Two rows are never cut, however long.
    const longestRow = Math.max(...kernels.map(({ byteLength, shape }) => byteLength / shape[0]!));
    const words = Math.ceil(Math.max(CHUNK_BYTES, 2 * longestRow) / 4);
    const staging = await Tensor.create(gpu, 'weights on their way', [words]);
    return new Uploader(gpu, weights.source, dtype, options, total, staging);
  }

  async layer(
    label: string,
    kernel: TensorEntry,
    bias: TensorEntry,
    form: KernelForm,
    mayCut: boolean,
  ): Promise<BoundLayer> {
    const pieces: LinearPiece[] = [];
    try {
      const columns = padToQuad(form.rows);
      const depth = form.sides.reduce((product, side) => product * side, 1);
      const width = mayCut ? columnsPerPiece(this.gpu.limits, depth, columns, this.dtype) : columns;
      for (let first = 0; first < columns; first += width) {
        const shape = [...form.sides, Math.min(width, columns - first)];
        const k = await Tensor.create(this.gpu, `${label} kernel`, shape, this.dtype);
        pieces.push({ first, k });
        await this.#fill(label, kernel, form, first, k);
      }
      return { pieces, b: await this.#bias(label, bias, columns) };
    } catch (error) {
      for (const { k } of pieces) k.dispose();
      throw error;
    }
  }

  dispose(): void {
    this.staging.dispose();
  }

  /** Streams those rows of a kernel that become the columns of `k`, the first of them column `first` of the whole. */
  async #fill(label: string, entry: TensorEntry, form: KernelForm, first: number, k: Tensor): Promise<void> {
    const { rows, sourceC, space } = form;
    const columns = k.shape[k.shape.length - 1]!;
    const rowBytes = entry.byteLength / rows;
    // Even, because rows become columns, and two columns of f16 share a word.
    const chunkBytes = Math.min(CHUNK_BYTES, bindable(this.gpu.limits));
    const rowsPerChunk = 2 * Math.max(1, Math.floor(chunkBytes / (2 * rowBytes)));
    const end = Math.min(first + columns, rows);

    const read = async (row: number) => {
      if (row >= end) return undefined;
      const count = Math.min(rowsPerChunk, end - row);
      // WebGPU copies whole words.
      const bytes = new Uint8Array(Math.ceil((count * rowBytes) / 4) * 4);
      await this.#read(entry, row * rowBytes, bytes.subarray(0, count * rowBytes), this.dtype);
      return { row, count, bytes };
    };

    let ahead = read(first);
    for (let chunk = await ahead; chunk; chunk = await ahead) {
      const { row, count, bytes } = chunk;
      ahead = read(row + count);
      // Should the upload fail first, this one's failure is nobody's.
      ahead.catch(() => {});
      await this.gpu.write(label, this.staging.buffer, bytes);
      const dispatches = await pack(this.gpu, {
        label,
        source: this.staging.view(`${label} in the file`, [bytes.length / 4]),
        dtype: entry.dtype,
        ...{ rows: count, sourceC, space, k, C: padToQuad(sourceC) },
        ...{ columns, first: row - first },
      });
      const encoder = this.gpu.device.createCommandEncoder({ label });
      record(encoder, label, dispatches);
      // Waiting here bounds what Dawn holds of the host's memory.
      await this.gpu.submit(label, encoder.finish());
      this.#report(count * rowBytes);
    }
  }

  async #bias(label: string, entry: TensorEntry, columns: number): Promise<Tensor> {
    const bytes = new Uint8Array(entry.byteLength);
    await this.#read(entry, 0, bytes, 'f32');
    const values = new Float32Array(columns);
    values.set(decodeFloats(bytes, entry.dtype));
    const b = await Tensor.from(this.gpu, `${label} bias`, [columns], values);
    this.#report(bytes.length);
    return b;
  }

  /** Reads what is to be stored as `dtype`, in which it must be finite. */
  async #read(
    { name, dtype: stored }: TensorEntry,
    start: number,
    bytes: Uint8Array,
    dtype: TensorDtype,
  ): Promise<void> {
    this.options.signal?.throwIfAborted();
    await this.source.read(name, start, bytes);
    const index = findNonFinite(bytes, stored, dtype === 'f16' ? 'F16' : undefined);
    if (index < 0) return;
    const size = BYTES_PER_ELEMENT[stored];
    const value = decodeFloats(bytes.subarray(index * size, (index + 1) * size), stored)[0]!;
    throw unfitNumber(this.source.path, name, start / size + index, value);
  }

  #report(bytes: number): void {
    this.#loaded += bytes;
    this.options.onProgress?.({ loaded: this.#loaded, total: this.total });
  }
}
