// A VGG16 as an ONNX model that needs nothing besides a picture's bytes: preparing pixels, the network and its probabilities are
// in the graph, names of the classes in its metadata.
//
//   image (batch,3,H,W), RGB, 0 to 255  -->  Gather Sub Mul  -->  Conv Relu ... MaxPool  -->  Gemm Relu ... Softmax  -->  probabilities
//
// Kernels of f16 stay so in the file and are widened by a Cast. Weights are read while they are written.

import {
  BLOCKS,
  FEATURE_LAYERS,
  type FeatureLayer,
  pictureSideOf,
  torchvisionDense,
  windowOf,
} from '../../architecture.js';
import { OutputError } from '../../errors.js';
import { withoutKeys } from '../../weights/foreign_metadata.js';
import { arithmeticOf } from '../../weights/preprocess.js';
import type { TensorToWrite } from '../../weights/safetensors.js';
import { BYTES_PER_ELEMENT } from '../../weights/source.js';
import { sizeOf } from '../../weights/strided.js';
import type { Vgg16Weights } from '../../weights/vgg16.js';
import { writeAtomically } from '../atomic_file.js';
import {
  integersMessage,
  modelPieces,
  type NodeToWrite,
  type Piece,
  tensorInPieces,
  tensorMessage,
} from './onnx_messages.js';

const IMAGE = 'image';
/** What protocol buffers may be long, at most. */
const LARGEST_MODEL = 2 ** 31 - 1;
/** ONNX's number for singles. */
const FLOAT = 1;

/**
 * Writes the model; the file appears only when it is complete and on the disk.
 *
 * @param tensors   as `tensorsToWrite` gives them, F32 or F16
 * @param metadata  of the conversion: becomes metadata_props, with `names` of the classes by number
 * @throws WeightsError where the weights cannot be read; OutputError where the file cannot be written, or would be over 2 GiB
 */
export async function writeOnnx(
  path: string,
  weights: Vgg16Weights,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const pieces = onnxPieces(weights, tensors, metadata);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length > LARGEST_MODEL) {
    throw new OutputError(
      `cannot write ${path}: an ONNX file has at most 2 GiB, this would have ${length} bytes; --dtype f16 (dtype) halves it`,
    );
  }
  await writeAtomically(path, async (append) => {
    for (const piece of pieces) {
      if (piece instanceof Uint8Array) await append(piece);
      else for await (const bytes of piece.data) await append(bytes);
    }
  });
}

function onnxPieces(
  weights: Vgg16Weights,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Piece[] {
  const graph = new Graph(tensors);
  addPixels(graph, weights);
  addBase(graph, weights.features);
  addHead(graph, weights);
  const side = sideOf(weights);
  const channels = weights.convs.at(-1)!.outputChannels;
  const outputs = weights.dense.at(-1)?.outputs;
  const output = outputs === undefined ? 'features' : 'probabilities';
  return modelPieces({
    name: 'vgg16',
    producer: 'vgg16-webgpu',
    nodes: graph.nodesTo(output),
    tensors: graph.tensors,
    input: { name: IMAGE, shape: ['batch', 3, side ?? 'height', side ?? 'width'] },
    output: {
      name: output,
      shape: outputs === undefined ? ['batch', channels, 'rows', 'columns'] : ['batch', outputs],
    },
    metadata: { ...withoutKeys(metadata, ['format']), ...namesByNumber(weights) },
  });
}

/** In px: that of training, or the least that has the feature map which the head reads; undefined where any will do. */
function sideOf({ size, featureSide, features, pool }: Vgg16Weights): number | undefined {
  return size ?? (featureSide === undefined ? undefined : pictureSideOf(featureSide, features, pool));
}

/** As other programs' exports have them. */
function namesByNumber({ classes }: Vgg16Weights): Readonly<Record<string, string>> {
  return classes ? { names: JSON.stringify(Object.fromEntries(classes.map((name, i) => [i, name]))) } : {};
}

/** Operations one behind the other, each on the result of that before it. */
class Graph {
  readonly tensors: Piece[][] = [];
  readonly #nodes: NodeToWrite[] = [];
  readonly #stored: ReadonlyMap<string, TensorToWrite>;
  /** What the next operation reads. */
  #value = IMAGE;

  constructor(stored: readonly TensorToWrite[]) {
    this.#stored = new Map(stored.map((tensor) => [tensor.name, tensor]));
  }

  add(op: string, weights: readonly string[] = [], attributes: NonNullable<NodeToWrite['attributes']> = {}) {
    const output = `${op.toLowerCase()}_${this.#nodes.length}`;
    this.#nodes.push({ op, inputs: [this.#value, ...weights], output, attributes });
    this.#value = output;
  }

  /** Kernel and bias of a layer, as singles. @param layer  in torchvision's names */
  layer(layer: string): string[] {
    return ['weight', 'bias'].map((kind) => {
      const name = `${layer}.${kind}`;
      const { dtype, shape, data } = this.#stored.get(name)!;
      const length = sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
      this.tensors.push(tensorMessage(name, shape, dtype as 'F32' | 'F16', { length, data: toAsync(data) }));
      if (dtype === 'F32') return name;
      this.#nodes.push({ op: 'Cast', inputs: [name], output: `${name}.f32`, attributes: { to: FLOAT } });
      return `${name}.f32`;
    });
  }

  /** One number for each channel, beside (batch,3,H,W). */
  perChannel(name: string, values: readonly number[]): string {
    this.tensors.push(tensorInPieces(name, [1, values.length, 1, 1], Float32Array.from(values)));
    return name;
  }

  integers(name: string, values: readonly number[]): string {
    this.tensors.push(integersMessage(name, values));
    return name;
  }

  /** All nodes, the last of which gives `output`. */
  nodesTo(output: string): NodeToWrite[] {
    return this.#nodes.map((node) => (node.output === this.#value ? { ...node, output } : node));
  }
}

async function* toAsync(data: TensorToWrite['data']): AsyncGenerator<Uint8Array> {
  yield* data;
}

function addPixels(graph: Graph, { preprocess }: Vgg16Weights): void {
  const { reverse, mean, scale } = arithmeticOf(preprocess);
  if (reverse) graph.add('Gather', [graph.integers('blue_green_red', [2, 1, 0])], { axis: 1 });
  if (mean.some((value) => value !== 0)) graph.add('Sub', [graph.perChannel('mean', mean)]);
  if (scale.some((value) => value !== 1)) graph.add('Mul', [graph.perChannel('scale', scale)]);
}

function addBase(graph: Graph, features: FeatureLayer): void {
  for (const convs of BLOCKS.slice(0, 1 + FEATURE_LAYERS.indexOf(features))) {
    for (const { torchvision } of convs) {
      graph.add('Conv', graph.layer(torchvision), { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
      graph.add('Relu');
    }
    graph.add('MaxPool', [], { kernel_shape: [2, 2], strides: [2, 2] });
  }
}

function addHead(graph: Graph, { dense, pool, activation }: Vgg16Weights): void {
  if (dense.length === 0) return;
  const window = windowOf(pool);
  if (pool === 'avg') graph.add('GlobalAveragePool');
  if (pool === 'max') graph.add('GlobalMaxPool');
  if (window > 1) graph.add('AveragePool', [], { kernel_shape: [window, window], strides: [window, window] });
  graph.add('Flatten');
  for (const i of dense.keys()) {
    if (i > 0) graph.add('Relu');
    graph.add('Gemm', graph.layer(torchvisionDense(i)), { transB: 1 });
  }
  if (activation === 'sigmoid') graph.add('Sigmoid');
  else graph.add('Softmax', [], { axis: 1 });
}
