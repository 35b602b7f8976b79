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
import { Parameters } from '../network/parameters.js';
import type { PiecedTensor } from '../network/pieced_tensor.js';
import { type Box, type BoxAxis, boxesOf, elementAt } from '../weights/boxes.js';
import { checkChoice } from '../weights/checks.js';
import { unfitNumber } from '../weights/finite.js';
import { decodeFloats, findNonFinite } from '../weights/floats.js';
import type { StridedTensor } from '../weights/source.js';
import { BYTES_PER_ELEMENT, type Dtype, type TensorEntry, type WeightsSource } from '../weights/source.js';
import { rowMajorStrides } from '../weights/strided.js';
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
  try {
    const tensors = forms.flatMap((form) => {
      const { kernel, bias } = parameters.layer(form.name);
      return [
        storedTensor(weights.source, form, form.kernel, kernel.value),
        storedTensor(weights.source, form, form.bias, bias.value),
      ];
    });
    await upload(gpu, weights.source.path, tensors, options);
    for (const { value } of parameters.all) value.changed();
  } catch (error) {
    parameters.dispose();
    throw error;
  }
  return { widths: widthsOf(weights), parameters };
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

/** A kernel or a bias as its file has it, and where it goes. */
interface StoredTensor {
  readonly entry: TensorEntry;
  /** (O,C), (O,C,H,W) or (O,C*H*W) for a kernel, (O) for a bias. */
  readonly view: Pick<StridedTensor, 'shape' | 'strides' | 'offset'>;
  /** How `read` gives the numbers. */
  readonly dtype: Dtype;
  /** Reads numbers from `start` on, as many as `bytes` has room for. */
  read(start: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  readonly axes: readonly BoxAxis[];
  readonly value: PiecedTensor;
}

function storedTensor(
  source: WeightsSource,
  form: LayerForm,
  entry: TensorEntry,
  value: PiecedTensor,
): StoredTensor {
  const { name, dtype, shape } = entry;
  const view = source.stored?.(name);
  if (view) {
    const read = (start: number, bytes: Uint8Array<ArrayBuffer>) =>
      view.storage.read(start, new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4));
    return { entry, view, dtype: 'F32', read, axes: axesOf(form, view), value };
  }
  const rowMajor = { shape, strides: rowMajorStrides(shape), offset: 0 };
  const read = (start: number, bytes: Uint8Array) =>
    source.read(name, start * BYTES_PER_ELEMENT[dtype], bytes);
  return { entry, view: rowMajor, dtype, read, axes: axesOf(form, rowMajor), value };
}

/** The axes of a kernel or a bias: its outputs are the columns of the matrix on the GPU, whose rows are (space, channels padded). */
function axesOf({ sourceC, space }: LayerForm, { shape, strides }: StoredTensor['view']): BoxAxis[] {
  const C = padToQuad(sourceC);
  const rows = (size: number, from: number, row: number): BoxAxis => ({ size, from, row, column: 0 });
  const columns = { size: shape[0]!, from: strides[0]!, row: 0, column: 1 };
  if (shape.length === 1) return [columns];
  if (shape.length === 2) {
    return [columns, rows(sourceC, space * strides[1]!, 1), rows(space, strides[1]!, C)];
  }
  return [
    columns,
    rows(sourceC, strides[1]!, 1),
    rows(shape[2]!, strides[2]!, shape[3]! * C),
    rows(shape[3]!, strides[3]!, C),
  ];
}

/** A box of a tensor, and the byte of its chunk that it begins with: a multiple of 4. */
interface Part {
  readonly tensor: StoredTensor;
  readonly box: Box;
  readonly at: number;
}

/** What is read and sent to the GPU at once. */
interface Chunk {
  readonly parts: readonly Part[];
  /** A multiple of 4. */
  readonly byteLength: number;
}

/** Brings tensors to the GPU, in the order of their files: a chunk is read while the one before is packed. */
async function upload(
  gpu: Gpu,
  path: string,
  tensors: readonly StoredTensor[],
  { onProgress, signal }: LoadOptions,
): Promise<void> {
  const total = tensors.reduce((sum, { entry }) => sum + entry.byteLength, 0);
  const chunks = chunksOf(tensors, Math.min(CHUNK_BYTES, bindable(gpu.limits)));
  const largest = Math.max(...chunks.map(({ byteLength }) => byteLength));
  const buffers = [new Uint8Array(largest), new Uint8Array(largest)] as const;
  const read = async (turn: number): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    const chunk = chunks[turn];
    if (!chunk) return undefined;
    const bytes = buffers[turn % 2]!.subarray(0, chunk.byteLength);
    for (const { tensor, box, at } of chunk.parts) {
      signal?.throwIfAborted();
      const numbers = bytes.subarray(at, at + box.span * BYTES_PER_ELEMENT[tensor.dtype]);
      await tensor.read(box.start, numbers);
      checkNumbers(path, tensor, box.start, numbers);
    }
    return bytes;
  };

  using staging = await Tensor.create(gpu, 'weights on their way', [largest / 4]);
  let loaded = 0;
  let ahead = read(0);
  for (const [turn, { parts }] of chunks.entries()) {
    const bytes = (await ahead)!;
    ahead = read(turn + 1);
    // Without a handler, its failure would be unhandled if the upload fails first.
    ahead.catch(() => {});
    await gpu.write(staging.label, staging.buffer, bytes);
    // Waiting here bounds what Dawn holds of the host's memory.
    await runOnce(gpu, 'loading', (recorder) => {
      for (const part of parts) packPart(recorder, staging, part);
    });
    for (const { tensor, box } of parts) {
      const count = box.axes.reduce((product, { size }) => product * size, 1);
      loaded += count * BYTES_PER_ELEMENT[tensor.entry.dtype];
    }
    onProgress?.({ loaded, total });
  }
}

/** Cuts tensors into boxes, and puts as many into a chunk as `most` bytes hold. */
function chunksOf(tensors: readonly StoredTensor[], most: number): Chunk[] {
  const chunks: { parts: Part[]; byteLength: number }[] = [];
  for (const tensor of tensors) {
    const size = BYTES_PER_ELEMENT[tensor.dtype];
    const cut = {
      start: tensor.view.offset,
      most: Math.floor(most / size),
      // Two columns of f16 share a word on the GPU.
      columnsPerBox: tensor.value.dtype === 'f16' ? 2 : 1,
    };
    for (const box of boxesOf(tensor.axes, cut)) {
      const bytes = Math.ceil((box.span * size) / 4) * 4;
      const isFull = (chunks.at(-1)?.byteLength ?? most) + bytes > most;
      if (isFull) chunks.push({ parts: [], byteLength: 0 });
      const chunk = chunks.at(-1)!;
      chunk.parts.push({ tensor, box, at: chunk.byteLength });
      chunk.byteLength += bytes;
    }
  }
  return chunks;
}

/** @throws WeightsError for a number that the GPU is not to have: NaN, an infinity, or one that is too large to be stored */
function checkNumbers(
  path: string,
  { entry, view, dtype, value: { dtype: kept } }: StoredTensor,
  start: number,
  bytes: Uint8Array,
): void {
  const size = BYTES_PER_ELEMENT[dtype];
  for (let from = 0; ; ) {
    const found = findNonFinite(bytes.subarray(from * size), dtype, kept === 'f16' ? 'F16' : undefined);
    if (found < 0) return;
    const at = from + found;
    // A box may span numbers that are none of the tensor's.
    const element = elementAt(view, start + at);
    if (element !== undefined) {
      const value = decodeFloats(bytes.subarray(at * size, (at + 1) * size), dtype)[0]!;
      throw unfitNumber(path, entry.name, element, value);
    }
    from = at + 1;
  }
}

/** Records what packs a box into each of the pieces that have columns of it. */
function packPart(recorder: Recorder, source: Tensor, { tensor, box, at }: Part): void {
  const { entry, dtype, value } = tensor;
  const own = box.axes.find(({ column }) => column > 0) ?? { size: 1, from: 0 };
  // Next to the columns, the axis that runs fastest in the file: a thread walks along it.
  const others = box.axes.filter(({ column }) => column === 0).toSorted((a, b) => a.from - b.from);
  for (const { first, k } of value.pieces) {
    const width = k.shape.at(-1)!;
    const begin = Math.max(box.column, first);
    const end = Math.min(box.column + own.size, first + width);
    if (begin >= end) continue;
    const axes: PackAxis[] = [
      { size: end - begin, from: own.from, to: 1 },
      ...others.map(({ size, from, row }) => ({ size, from, to: row * width })),
    ];
    const from = at / BYTES_PER_ELEMENT[dtype] + (begin - box.column) * own.from;
    const to = box.row * width + begin - first;
    pack(recorder, { label: entry.name, source, dtype, k, box: { axes, from, to } });
  }
}
