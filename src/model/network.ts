// Weights on the GPU, in the order the kernels read: streamed there from a file, forwards and once, whatever its order.
//
//   file            host                      GPU
//   ... [chunk] ... -> bytes, checked ------> staging --pack--> the kernel's pieces
//         the next one is read          while this one is packed

import type { Gpu } from '../gpu/gpu.js';
import { bindable } from '../gpu/limits.js';
import { type Recorder, runOnce } from '../gpu/recorder.js';
import { BYTES_PER_VALUE, Tensor, type TensorDtype } from '../gpu/tensor.js';
import { type PackAxis, pack } from '../kernels/pack/pack.js';
import { padToQuad } from '../kernels/shapes.js';
import type { Network } from '../network/forward.js';
import { widthsOf } from '../network/layers.js';
import { type LayerParameters, type Parameter, Parameters } from '../network/parameters.js';
import type { StridedTensor } from '../weights/archive.js';
import { type Box, type BoxAxis, boxesOf, elementAt } from '../weights/boxes.js';
import { checkChoice } from '../weights/checks.js';
import { unfitNumber } from '../weights/finite.js';
import { decodeFloats, findNonFinite } from '../weights/floats.js';
import { BYTES_PER_ELEMENT, type Dtype, type TensorEntry, type WeightsSource } from '../weights/source.js';
import { rowMajorStrides } from '../weights/strided.js';
import { torchvisionTensors } from '../weights/torchvision.js';
import type { Vgg16Weights } from '../weights/vgg16.js';

/** How much of a file is held on the host at a time, twice: one chunk on its way to the GPU, the next being read. */
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

/** A kernel's numbers as the file has them. */
interface StoredKernel {
  /** (O,C), (O,C,H,W) or (O,C*H*W). */
  readonly view: Pick<StridedTensor, 'shape' | 'strides' | 'offset'>;
  readonly dtype: Dtype;
  /** Reads numbers from `start` on, as many as `bytes` has room for. */
  read(start: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** A chunk of a kernel on the host. */
interface Chunk {
  readonly box: Box;
  /** Whole words, as WebGPU copies them. */
  readonly bytes: Uint8Array<ArrayBuffer>;
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
    // Two rows of f16 are never cut, however long: they share words on the GPU.
    const longest = Math.max(...kernels.map(({ shape }) => (2 * shape.reduce((a, b) => a * b)) / shape[0]!));
    const words = Math.max(CHUNK_BYTES / 4, longest);
    const staging = await Tensor.create(gpu, 'weights on their way', [words]);
    return new Uploader(gpu, weights.source, dtype, options, total, staging);
  }

  async layer(form: LayerForm, { kernel, bias }: LayerParameters): Promise<void> {
    await this.#kernel(form, kernel);
    await this.#bias(form.bias, bias);
    kernel.value.changed();
  }

  dispose(): void {
    this.staging.dispose();
  }

  async #kernel(form: LayerForm, { value }: Parameter): Promise<void> {
    const { name: label, kernel: entry } = form;
    const stored = this.#storedKernel(entry);
    const size = BYTES_PER_ELEMENT[stored.dtype];
    const most = Math.floor(Math.min(CHUNK_BYTES, bindable(this.gpu.limits)) / size);
    const start = stored.view.offset;
    const boxes = boxesOf(axesOf(form, stored.view), {
      start,
      most,
      columnsPerBox: this.dtype === 'f16' ? 2 : 1,
    });

    const read = async (box: Box | undefined): Promise<Chunk | undefined> => {
      if (!box) return undefined;
      this.options.signal?.throwIfAborted();
      const length = box.span * size;
      const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
      const numbers = bytes.subarray(0, length);
      await stored.read(box.start, numbers);
      this.#check(entry, stored, box.start, numbers);
      return { box, bytes };
    };

    let next = 0;
    let ahead = read(boxes[next++]);
    for (let chunk = await ahead; chunk; chunk = await ahead) {
      ahead = read(boxes[next++]);
      // Without a handler, its failure would be unhandled if the upload fails first.
      ahead.catch(() => {});
      const { box, bytes } = chunk;
      await this.gpu.write(label, this.staging.buffer, bytes);
      // Waiting here bounds what Dawn holds of the host's memory.
      await runOnce(this.gpu, label, (recorder) => {
        const source = this.staging.view(`${label} in the file`, [bytes.length / 4]);
        for (const { first, k } of value.pieces)
          packInto(recorder, { label, source, dtype: stored.dtype }, box, first, k);
      });
      this.#report(box.axes.reduce((count, axis) => count * axis.size, 1) * BYTES_PER_ELEMENT[entry.dtype]);
    }
  }

  #storedKernel({ name, dtype, shape }: TensorEntry): StoredKernel {
    const { source } = this;
    const view = source.stored?.(name);
    if (!view) {
      return {
        view: { shape, strides: rowMajorStrides(shape), offset: 0 },
        dtype,
        read: (start, bytes) => source.read(name, start * BYTES_PER_ELEMENT[dtype], bytes),
      };
    }
    return {
      view,
      dtype: 'F32',
      read: (start, bytes) => view.storage.read(start, new Float32Array(bytes.buffer, 0, bytes.length / 4)),
    };
  }

  async #bias(entry: TensorEntry, bias: Parameter): Promise<void> {
    this.options.signal?.throwIfAborted();
    const { name, dtype } = entry;
    const bytes = new Uint8Array(entry.byteLength);
    await this.source.read(name, 0, bytes);
    const index = findNonFinite(bytes, dtype);
    const values = decodeFloats(bytes, dtype);
    if (index >= 0) throw unfitNumber(this.source.path, name, index, values[index]!);
    await bias.value.write((row) => row.set(values));
    this.#report(bytes.length);
  }

  /** @throws WeightsError for a number that the GPU is not to have: NaN, an infinity, or one that is too large to be stored */
  #check({ name }: TensorEntry, { view, dtype }: StoredKernel, start: number, bytes: Uint8Array): void {
    const size = BYTES_PER_ELEMENT[dtype];
    const become = this.dtype === 'f16' ? 'F16' : undefined;
    for (let from = 0; ; ) {
      const found = findNonFinite(bytes.subarray(from * size), dtype, become);
      if (found < 0) return;
      const at = from + found;
      const element = elementAt(view, start + at);
      if (element !== undefined) {
        const value = decodeFloats(bytes.subarray(at * size, (at + 1) * size), dtype)[0]!;
        throw unfitNumber(this.source.path, name, element, value);
      }
      from = at + 1;
    }
  }

  #report(bytes: number): void {
    this.#loaded += bytes;
    this.options.onProgress?.({ loaded: this.#loaded, total: this.total });
  }
}

/** A kernel's axes: its outputs are the columns of the matrix on the GPU, whose rows are (space, channels padded). */
function axesOf(
  { sourceC, space }: LayerForm,
  { shape, strides }: Pick<StridedTensor, 'shape' | 'strides'>,
): BoxAxis[] {
  const C = padToQuad(sourceC);
  const columns = { size: shape[0]!, from: strides[0]!, row: 0, column: 1 };
  const rows = (size: number, from: number, row: number): BoxAxis => ({ size, from, row, column: 0 });
  if (shape.length > 2) {
    // (O,C,H,W)
    const [, , H, W] = shape as [number, number, number, number];
    const [, ofC, ofH, ofW] = strides as [number, number, number, number];
    return [columns, rows(sourceC, ofC, 1), rows(H, ofH, W * C), rows(W, ofW, C)];
  }
  const [, step] = strides as [number, number];
  return [columns, rows(sourceC, space * step, 1), rows(space, step, C)];
}

/** Packs those columns of a box that a piece of the kernel has, of which the piece's first is column `first`. */
function packInto(
  recorder: Recorder,
  args: { readonly label: string; readonly source: Tensor; readonly dtype: Dtype },
  { row, column, axes }: Box,
  first: number,
  k: Tensor,
): void {
  const width = k.shape.at(-1)!;
  const own = axes.find((axis) => axis.column > 0) ?? { size: 1, from: 0 };
  const begin = Math.max(column, first);
  const end = Math.min(column + own.size, first + width);
  if (begin >= end) return;
  // Next to the columns, the axis that runs fastest in the storage: a thread walks along it.
  const others = axes.filter((axis) => axis.column === 0).toSorted((a, b) => a.from - b.from);
  const sides: PackAxis[] = [
    { size: end - begin, from: own.from, to: 1 },
    ...others.map((axis) => ({ size: axis.size, from: axis.from, to: axis.row * width })),
  ];
  const box = { axes: sides, from: (begin - column) * own.from, to: row * width + begin - first };
  pack(recorder, { ...args, k, box });
}
