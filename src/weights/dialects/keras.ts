// Finds VGG16 in what Keras or TensorFlow.js saved.
//
//                     Keras                        PyTorch, by strides
//   convolution       (3, 3, I, O)                 (O, I, 3, 3)
//   first dense       (S*S*C, O), rows in the      (O, C, S, S)
//                     order row, column, channel
//   other dense       (I, O)                       (O, I)
//
// With the model's description the layers and all that lies between them are known. Without it, in a file of weights,
// the layers are told by their names, or by their number and shapes.

import type { FoundLayer, FoundVgg16, Preprocess, StridedTensor } from '../archive.js';
import { FileFault } from '../file.js';
import type { KerasArchive, KerasLayer } from '../formats/keras_layers.js';
import { featureSideOf, poolingsUntil } from '../head_input.js';
import { PREPROCESSES } from '../preprocess.js';
import { permuted } from '../strided.js';
import { formatShape, listNames, quote } from '../text.js';
import { RELATIVES } from '../vgg16.js';
import { type ConfiguredLayer, layerChain } from './keras_config.js';
import { BLOCKS, type KerasNetwork, type ModelPixels, readNetwork } from './keras_network.js';
import { overSquareMap } from './over_map.js';
import { isUnchanged, mapText, preprocessOf, UNCHANGED } from './pixel_map.js';
import { asTwoClasses } from './two_classes.js';

const RELU_NOTE =
  'ReLU between the dense layers is taken for granted: the file does not hold the model, only weights';
const ORDER_NOTE = 'convolutions are taken in the order of the file, which does not name them';
const SIGMOID_NOTE =
  'the single sigmoid output is carried over as two classes with logits (0, z), the same probabilities';

const CONV_NAMES: readonly string[] = BLOCKS.flatMap((convs, block) =>
  Array.from({ length: convs }, (_, conv) => `block${block + 1}_conv${conv + 1}`),
);

/** How the caller says that pixels are prepared, for models that do it in a way that cannot be known. */
interface AskedPixels {
  readonly preprocess?: Preprocess | undefined;
}

/** @throws FileFault for what is not a VGG16 with dense layers, with what it is and where it differs */
export function findKeras(archive: KerasArchive, { preprocess: asked }: AskedPixels = {}): FoundVgg16 {
  const found =
    archive.config === undefined ? fromWeights(archive.layers) : fromModel(archive.layers, archive.config);
  const { convs, dense, pool, output, notes } = found;
  const pixels = pixelsOf(found, asked);
  const size = dense.length > 0 ? statedSize(found) : undefined;
  let channels = 3;
  const foundConvs = convs.map((layer) => {
    const found = convolution(layer, channels);
    channels = found.kernel.shape[0]!;
    return found;
  });
  let width = channels;
  const foundDense = dense.map((layer, i) => {
    const found =
      i === 0 && pool === 'flatten' ? denseOverMap(layer, channels) : denseOverUnits(layer, width);
    width = found.kernel.shape[0]!;
    return found;
  });
  const isPublished = dense.length === 0 || (width === 1000 && isOwnHead(dense));
  if (output === 'sigmoid') foundDense.push(asTwoClasses(foundDense.pop()!));
  return {
    convs: foundConvs,
    dense: foundDense,
    pool,
    ...pixels,
    isPublished,
    ...size?.found,
    notes: [...notes, ...(output === 'sigmoid' ? [SIGMOID_NOTE] : []), ...(size?.notes ?? [])],
  };
}

/** Whether the head has the names that Keras' own VGG16 has, whose ReLUs are known. */
function isOwnHead(dense: readonly KerasLayer[]): boolean {
  const own = ['fc1', 'fc2', 'predictions'];
  return dense.length === own.length && dense.every(({ names }, i) => names.includes(own[i]!));
}

interface Layers extends Omit<KerasNetwork, 'convs' | 'dense'> {
  readonly convs: readonly KerasLayer[];
  readonly dense: readonly KerasLayer[];
}

/** Whether a file of weights lists a layer that prepares pixels, by the names that Keras gives. */
const LISTED_PIXEL_LAYER = /^(rescaling|normalization|lambda)(_\d+)?$|^tf\./;

/** What the layers of a file of weights tell of pixels: that something is done to them, but not what. */
function listedPixels(layers: readonly KerasLayer[]): ModelPixels {
  const names = layers
    .filter(({ weights }) => weights.size === 0)
    .flatMap(({ names, place }) => [...names, ...(names.length === 0 ? [place.split('/').at(-1)!] : [])]);
  const listed = names.find((name) => LISTED_PIXEL_LAYER.test(name));
  if (listed === undefined) return { map: UNCHANGED, layer: undefined };
  return { map: undefined, layer: `layer ${quote(listed)}, of which a file of weights tells only the name,` };
}

/**
 * How pixels are prepared: by the model itself, or by its user, who is taken to have done as Keras documents it.
 *
 * @throws FileFault for models that do what is none of the known ways
 */
function pixelsOf(
  { pixels: { map, layer } }: Layers,
  asked: Preprocess | undefined,
): Pick<FoundVgg16, 'preprocess' | 'guessedBy'> {
  const ways = PREPROCESSES.join(', ');
  if (!map) {
    if (asked !== undefined) return { preprocess: asked };
    throw new FileFault(
      `${layer} prepares pixels within the model, and what it makes of them cannot be known: --preprocess (preprocess) ` +
        `says which of ${ways} it is; for Rescaling(1/255) that is unit, for Rescaling(1/127.5, -1) signed`,
    );
  }
  if (isUnchanged(map)) return { preprocess: 'caffe', guessedBy: 'keras.applications.vgg16' };
  const preprocess = preprocessOf(map);
  if (preprocess) return { preprocess };
  throw new FileFault(
    `${layer} prepares pixels within the model as ${mapText(map)}, which is none of ${ways}: only these are supported`,
  );
}

/**
 * The size of the pictures that a model says it reads, where its head needs a square feature map, or none.
 *
 * @throws FileFault for a size whose feature map is not square, or is rounded up
 */
function statedSize({
  input,
  pool,
  roundsUp,
}: Layers): { readonly found: Pick<FoundVgg16, 'input'>; readonly notes: readonly string[] } | undefined {
  if (!input) return undefined;
  const { height, width } = input;
  const said = `pictures of ${height} x ${width} px, as the model says,`;
  const [rows, columns] = [featureSideOf(height, 'block5_pool'), featureSideOf(width, 'block5_pool')];
  if (rows < 1 || columns < 1) throw new FileFault(`${said} are too small for five poolings`);
  if (roundsUp && [height, width].some((side) => side % 2 ** poolingsUntil('block5_pool') !== 0)) {
    throw new FileFault(
      `${said} do not halve evenly, and its poolings have padding "same", which rounds up: VGG16's round down`,
    );
  }
  if (pool === 'flatten' && rows !== columns) {
    throw new FileFault(
      `${said} have a last feature map of ${rows} x ${columns}, which is flattened: only square maps are supported`,
    );
  }
  if (height === width) return { found: { input: { size: String(height) } }, notes: [] };
  return {
    found: {},
    notes: [`${said} are not square: \`--resize none --crop ${height}x${width}\` keeps them so`],
  };
}

function fromModel(layers: readonly KerasLayer[], config: unknown): Layers {
  const chain = layerChain(config);
  const network = readNetwork(chain);
  const weights = weightsOf([...network.convs, ...network.dense], layers);
  return {
    ...network,
    convs: network.convs.map((layer) => weights.get(layer)!),
    dense: network.dense.map((layer) => weights.get(layer)!),
  };
}

/** Each configured layer's weights: by name, by place, or by order where neither helps. */
function weightsOf(
  wanted: readonly ConfiguredLayer[],
  layers: readonly KerasLayer[],
): ReadonlyMap<ConfiguredLayer, KerasLayer> {
  const weighty = layers.filter(({ weights }) => weights.size > 0);
  for (const find of [
    ({ name }: ConfiguredLayer) => weighty.filter(({ names }) => names.includes(name)),
    ({ place }: ConfiguredLayer) => weighty.filter((layer) => layer.place !== '' && layer.place === place),
  ]) {
    const candidates = wanted.map(find);
    if (candidates.every(({ length }) => length === 1))
      return new Map(wanted.map((layer, i) => [layer, candidates[i]![0]!]));
  }
  const isOrdered = weighty.every(({ place }) => place === '') && weighty.length === wanted.length;
  if (isOrdered) return new Map(wanted.map((layer, i) => [layer, weighty[i]!]));
  const known = new Set(weighty.flatMap(({ names, place }) => [...names, place]));
  const missing = wanted
    .filter(({ name, place }) => !known.has(name) && !known.has(place))
    .map(({ name }) => name);
  throw new FileFault(
    missing.length > 0
      ? `the model's description has layers whose weights are missing: ${listNames(missing)}`
      : "several layers' weights have the same name: they cannot be told apart",
  );
}

function fromWeights(layers: readonly KerasLayer[]): Layers {
  const isNamed = (pattern: RegExp) =>
    layers.some(({ names, place }) => [...names, place].some((n) => pattern.test(n)));
  if (isNamed(/global_max_pooling/))
    throw new FileFault('GlobalMaxPooling2D before the dense layers is not supported');
  const rankOf = ({ weights }: KerasLayer) => weights.get('kernel')?.shape.length;
  const weighty = layers.filter(({ weights }) => weights.size > 0);
  const other = weighty.find((layer) => rankOf(layer) !== 2 && rankOf(layer) !== 4);
  if (other) {
    const holds = listNames([...other.weights.keys()]);
    throw new FileFault(
      `layer ${nameOf(other)} holds ${holds}: only convolutions and dense layers are supported`,
    );
  }
  const convs = weighty.filter((layer) => rankOf(layer) === 4);
  const dense = weighty.filter((layer) => rankOf(layer) === 2);
  if (convs.length !== CONV_NAMES.length) {
    const relative = RELATIVES.get(convs.length);
    const found = `${convs.length} convolutions where VGG16 has ${CONV_NAMES.length}`;
    throw new FileFault(relative ? `this looks like ${relative}: ${found}` : `not a VGG16: ${found}`);
  }
  const named = CONV_NAMES.map((name) => convs.find(({ names }) => names.includes(name)));
  const isComplete = named.every((layer) => layer !== undefined);
  const notes = isComplete ? [] : [ORDER_NOTE];
  if (dense.length > 1 && !isOwnHead(dense)) notes.push(RELU_NOTE);
  const first = dense[0]?.weights.get('kernel')?.shape[0];
  const channels = (isComplete ? named.at(-1)! : convs.at(-1)!).weights.get('bias')?.shape[0];
  const pool =
    isNamed(/global_average_pooling/) || (first === channels && !isNamed(/flatten/)) ? 'avg' : 'flatten';
  const outputs = dense.at(-1)?.weights.get('kernel')?.shape[1];
  return {
    convs: isComplete ? named : convs,
    dense,
    pool: dense.length > 0 || isNamed(/global_average_pooling/) ? pool : 'flatten',
    output: outputs === 1 ? 'sigmoid' : 'softmax',
    notes,
    pixels: listedPixels(layers),
    input: undefined,
    roundsUp: false,
  };
}

function convolution(layer: KerasLayer, channels: number): FoundLayer {
  const { kernel, bias } = pairOf(layer);
  const [rows, columns, inputs] = kernel.shape;
  if (kernel.shape.length !== 4 || rows !== 3 || columns !== 3 || inputs !== channels) {
    throw wrongShape(kernel, `(3, 3, ${channels}, O)`);
  }
  return { kernel: permuted(kernel, [3, 2, 0, 1]), bias };
}

/** A dense layer that reads a flattened feature map. */
function denseOverMap(layer: KerasLayer, channels: number): FoundLayer {
  const { kernel, bias } = pairOf(layer);
  return { kernel: overSquareMap(kernel, { axis: 0, channels, order: 'HWC' }), bias };
}

function denseOverUnits(layer: KerasLayer, inputs: number): FoundLayer {
  const { kernel, bias } = pairOf(layer);
  if (kernel.shape.length !== 2 || kernel.shape[0] !== inputs) throw wrongShape(kernel, `(${inputs}, O)`);
  return { kernel: permuted(kernel, [1, 0]), bias };
}

function pairOf(layer: KerasLayer): FoundLayer {
  const { weights } = layer;
  const kernel = weights.get('kernel');
  const bias = weights.get('bias');
  if (!kernel || !bias || weights.size > 2) {
    throw new FileFault(
      `layer ${nameOf(layer)} holds ${listNames([...weights.keys()])}, expected "kernel" and "bias"`,
    );
  }
  const outputs = kernel.shape.at(-1);
  if (bias.shape.length !== 1 || bias.shape[0] !== outputs || outputs === 0)
    throw wrongShape(bias, `(${outputs},)`);
  return { kernel, bias };
}

function nameOf({ names, place }: KerasLayer): string {
  return quote(names[0] ?? place);
}

function wrongShape({ name, shape }: StridedTensor, expected: string): FileFault {
  return new FileFault(`tensor ${quote(name)}: expected shape ${expected}, found ${formatShape(shape)}`);
}
