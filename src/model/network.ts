// Weights on the GPU, in the order the kernels read: streamed there from a file, tensor by tensor, piece by piece.

import type { Gpu } from '../gpu/gpu.js';
import { bindable } from '../gpu/limits.js';
import { runOnce } from '../gpu/recorder.js';
import { BYTES_PER_VALUE, Tensor, type TensorDtype } from '../gpu/tensor.js';
import { pack } from '../kernels/pack/pack.js';
import { padToQuad } from '../kernels/shapes.js';
import type { Network } from '../network/forward.js';
import { widthsOf } from '../network/layers.js';
import { type LayerParameters, type Parameter, Parameters } from '../network/parameters.js';
import { checkChoice } from '../weights/checks.js';
import { unfitNumber } from '../weights/finite.js';
import { decodeFloats, findNonFinite } from '../weights/floats.js';
import { BYTES_PER_ELEMENT, type TensorEntry, type WeightsSource } from '../weights/source.js';
import { torchvisionTensors } from '../weights/torchvision.js';
import type { Vgg16Weights } from '../weights/vgg16.js';

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

/**
 * Brings weights to the GPU. The caller disposes of the parameters.
 *
 * @throws WeightsError for a file that ends early, holds NaN or infinity, or numbers too large for f16 where that is
 *                      asked for; UsageError for an unknown dtype; GpuError; the signal's reason
 */
export async function loadNetwork(
  gpu: Gpu,
  weights: Vgg16Weights,
  options: LoadOptions = {},
): Promise<Network> {
  const { dtype = 'f32' } = options;
  checkChoice('dtype', dtype, Object.keys(BYTES_PER_VALUE));
  const forms = formsOf(weights);
  const shapes = forms.map(({ name, space, sourceC, rows, isDense }) => {
    // Behind the feature map, each of its pixels brings its channels' padding along.
    const sides = isDense ? (space > 1 ? [space, sourceC] : [sourceC]) : [3, 3, sourceC];
    return { name, kernel: [...sides, rows] };
  });
  const parameters = await Parameters.create(gpu, shapes, dtype);
  let uploader: Uploader | undefined;
  try {
    uploader = await Uploader.create(gpu, weights, dtype, options);
    for (const form of forms) await uploader.layer(form, parameters.layer(form.name));
  } catch (error) {
    parameters.dispose();
    throw error;
  } finally {
    uploader?.dispose();
  }
  return { widths: widthsOf(weights), parameters };
}

function formsOf(weights: Vgg16Weights): LayerForm[] {
  return [
    ...weights.convs.map(({ layer: name, kernel, bias, inputChannels: sourceC, outputChannels: rows }) => ({
      ...{ name, kernel, bias, rows, sourceC, space: 9, isDense: false },
    })),
    ...weights.dense.map(({ layer: name, kernel, bias, inputs, outputs: rows }) => {
      const space = name === 'fc1' ? (weights.featureSide ?? 1) ** 2 : 1;
      return { name, kernel, bias, rows, sourceC: inputs / space, space, isDense: true };
    }),
  ];
}

/** A layer in its file: its kernel is (rows, sourceC, space), on the GPU (space, sourceC padded, rows padded). */
interface LayerForm {
  readonly name: string;
  readonly kernel: TensorEntry;
  readonly bias: TensorEntry;
  readonly rows: number;
  readonly sourceC: number;
  readonly space: number;
  readonly isDense: boolean;
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

  async layer(form: LayerForm, { kernel, bias }: LayerParameters): Promise<void> {
    for (const { first, k } of kernel.value.pieces) await this.#fill(form, first, k);
    await this.#bias(form.bias, bias);
    kernel.value.changed();
  }

  dispose(): void {
    this.staging.dispose();
  }

  /** Streams those rows of a kernel that become the columns of `k`, the first of them column `first` of the whole. */
  async #fill(
    { name: label, kernel: entry, rows, sourceC, space }: LayerForm,
    first: number,
    k: Tensor,
  ): Promise<void> {
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
      // Waiting here bounds what Dawn holds of the host's memory.
      await runOnce(this.gpu, label, (recorder) =>
        pack(recorder, {
          label,
          source: this.staging.view(`${label} in the file`, [bytes.length / 4]),
          dtype: entry.dtype,
          ...{ rows: count, sourceC, space, k, C: padToQuad(sourceC) },
          ...{ columns, first: row - first },
        }),
      );
      this.#report(count * rowBytes);
    }
  }

  async #bias(entry: TensorEntry, bias: Parameter): Promise<void> {
    const bytes = new Uint8Array(entry.byteLength);
    await this.#read(entry, 0, bytes, 'f32');
    const values = decodeFloats(bytes, entry.dtype);
    await bias.value.write((row) => row.set(values));
    this.#report(bytes.length);
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
