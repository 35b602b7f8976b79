// Keras' files of weights alone. The layers that have weights are told by their names, or by their number and shapes;
// those that have none by their names only, and a file may list them in two ways:
//
//   .weights.h5   by class and number                          functional/max_pooling2d_1     says what they are
//   .h5           by name, Keras' own or one of the author's   average_pooling2d, pool, drop  Keras' own says what they are
//
// A listed layer that VGG16 does not have is refused: without it the answers would be another network's. What the file
// leaves open is taken for the usual, and a note says so.

import { CONVS, FEATURE_LAYERS, IMAGENET_CLASSES } from '../../architecture.js';
import { FileFault } from '../file.js';
import type { KerasArchive, KerasLayer } from '../formats/keras_layers.js';
import { squareSide } from '../head.js';
import { RELATIVES } from '../misfits.js';
import type { BatchNorm } from '../normalised.js';
import { wholeTensor } from '../strided.js';
import { listNames, quote } from '../text.js';
import { type KerasNetwork, type ModelPixels, SUPPORTED } from './keras_network.js';
import { UNCHANGED } from './pixel_map.js';

/** Batch normalisation with its weights, and the layer that it is folded into. */
export interface StoredNorm {
  readonly norm: BatchNorm;
  readonly target: KerasLayer;
  readonly isBehind: boolean;
}

/** A network's layers with their weights, and what is known of the rest. */
export interface Layers extends Omit<KerasNetwork, 'convs' | 'dense' | 'norms'> {
  readonly convs: readonly KerasLayer[];
  readonly dense: readonly KerasLayer[];
  readonly norms: readonly StoredNorm[];
}

const RELU_NOTE =
  'ReLU between the dense layers is taken for granted: the file does not hold the model, only weights';
const ORDER_NOTE = 'convolutions are taken in the order of the file, which does not name them';
const AVERAGE_NOTE =
  'the feature map is taken to be averaged (GlobalAveragePooling2D), which the file does not say; if it is ' +
  'GlobalMaxPooling2D, save the whole model as .keras';
const BACKEND_NOTE =
  "Keras 1 wrote this file without saying its backend: TensorFlow's kernels are assumed; Theano's are turned by 180 " +
  'degrees, and would need to be loaded and saved by Keras 2 first';

const POOL_NAME = /^block\d_pool$/;
/** Classes that prepare pixels; by what, a file of weights does not say. */
const PIXEL_LAYER = /^(rescaling|normalization|lambda|(tf|slicing)oplambda|tf\..*)$/;
/** Models within the model, whose layers a file that lists names does not name. */
const MODEL = /^(functional|sequential|model)$/;

/** Classes that are read, or do nothing to a picture that is classified; without underscores, as Keras 1 writes them. */
const KNOWN =
  /^(input(layer)?|functional|sequential|model|seedgenerator|conv(olution)?2d|maxpooling2d|zeropadding2d|flatten|global(average|max)pooling2d|dense|activation|relu|softmax|((spatial|gaussian|alpha)?dropout(2d)?)|gaussiannoise|activityregularization|identity|random(flip|rotation|translation|zoom|contrast|brightness|height|width))$/;

/** Keras' other classes, as far as a model for pictures may have them, and TensorFlow's operations in a model. */
const UNKNOWN =
  /^((global)?(average|avg|max)pool(ing)?[123]d|(batch|layer|group|unit|spectral)?normalization|rescaling|lambda|(tf|slicing)oplambda|tf\..*|resizing|centercrop|cropping2d|upsampling2d|reshape|permute|repeatvector|masking|leakyrelu|prelu|elu|selu|gelu|silu|swish|thresholdedrelu|(depthwise|separable)conv2d|conv2dtranspose|conv[13]d|locallyconnected2d|concatenate|add|subtract|multiply|average|maximum|minimum|dot|merge|attention|additiveattention|multiheadattention|embedding|lstm|gru|simplernn|bidirectional|timedistributed|einsumdense|augmix|mixup|cutmix|rand(om)?augment(ation)?|auto(contrast)|solarization|equalization|maxnumboundingboxes)$/;

/**
 * @throws FileFault for layers that VGG16 does not have, and where the layers are not thirteen convolutions and dense ones
 */
export function readWeights({ layers, backend }: KerasArchive): Layers {
  const notes = checkListed(layers);
  const weighty = layers.filter(({ weights }) => weights.size > 0);
  const other = weighty.find((layer) => rankOf(layer) !== 2 && rankOf(layer) !== 4);
  if (other) {
    const holds = listNames([...other.weights.keys()]);
    throw new FileFault(
      `layer ${nameOf(other)} holds ${holds}: only convolutions and dense layers are supported`,
    );
  }
  const windows = weighty.filter((layer) => rankOf(layer) === 4);
  // Of a map, and then of its one pixel: dense layers written as convolutions.
  const asConvs = windows.filter(({ weights }) => weights.get('kernel')!.shape[0] !== 3);
  const isSplit = asConvs.length > 0 && windows.length - asConvs.length === CONVS.length;
  const dense = [
    ...(isSplit ? asConvs.map((layer, i) => asDense(layer, i === 0)) : []),
    ...weighty.filter((layer) => rankOf(layer) === 2),
  ];
  const convs = inOrder(isSplit ? windows.filter((layer) => !asConvs.includes(layer)) : windows);
  checkChain(dense);
  if (!convs.areNamed) notes.push(ORDER_NOTE);
  if (dense.length > 1 && !isOwnHead(dense)) notes.push(RELU_NOTE);
  const outputs = dense.at(-1)?.weights.get('kernel')?.shape[1];
  const isImageNets = isOwnHead(dense) && outputs === IMAGENET_CLASSES;
  if (backend === 'unknown' && !isImageNets) notes.push(BACKEND_NOTE);
  const input = inputOf(layers, convs.layers, dense[0]);
  if (input.note !== undefined && !isImageNets) notes.push(input.note);
  const activation = classesOf(layers).includes('softmax') ? 'softmax' : undefined;
  return {
    convs: convs.layers,
    dense,
    norms: [],
    pool: input.pool,
    activation,
    notes,
    pixels: listedPixels(layers),
    input: undefined,
    roundsUp: false,
  };
}

/** What the layers of a file of weights tell of pixels: that something is done to them, but not what. */
function listedPixels(layers: readonly KerasLayer[]): ModelPixels {
  const classes = classesOf(layers);
  const listed = layers.find(({ weights }, i) => weights.size === 0 && PIXEL_LAYER.test(classes[i]!));
  if (listed === undefined) return { map: UNCHANGED, layer: undefined };
  return {
    map: undefined,
    layer: `layer ${nameOf(listed)} (${classIn(listed.place || listed.names[0]!)}), whose numbers a file of weights does not tell,`,
  };
}

/** Whether the head has the names that Keras' own VGG16 has, whose ReLUs are known. */
export function isOwnHead(dense: readonly KerasLayer[]): boolean {
  const own = ['fc1', 'fc2', 'predictions'];
  return dense.length === own.length && dense.every(({ names }, i) => names.includes(own[i]!));
}

export function nameOf({ names, place }: KerasLayer): string {
  return quote(names[0] ?? place);
}

function rankOf({ weights }: KerasLayer): number | undefined {
  return weights.get('kernel')?.shape.length;
}

/** A name of Keras' own without its number and its underscores: `max_pooling2d_3` and `maxpooling2d_3` are `maxpooling2d`. */
function classIn(name: string): string {
  return name.split('/').at(-1)!.replace(/_\d+$/, '').replaceAll('_', '').toLowerCase();
}

function classesOf(layers: readonly KerasLayer[]): string[] {
  return layers.map(({ names, place }) => classIn(place || (names[0] ?? '')));
}

/**
 * Looks at all layers, above all at those without weights, which numbers and shapes do not show.
 *
 * @returns notes on layers whose names do not tell what they do
 * @throws FileFault for a layer that VGG16 does not have
 */
function checkListed(layers: readonly KerasLayer[]): string[] {
  const classes = classesOf(layers);
  const isPlaced = layers.some(({ place }) => place !== '');
  // What prepares pixels is asked for, not refused.
  const isKnown = classes.map((name) => KNOWN.test(name) || PIXEL_LAYER.test(name));
  const stray = layers.find((_, i) => !isKnown[i] && (isPlaced || UNKNOWN.test(classes[i]!)));
  if (stray) throw unsupported(stray);
  const empty = layers.find(
    ({ weights }, i) => isPlaced && weights.size === 0 && /^(dense|conv2d)$/.test(classes[i]!),
  );
  if (empty) {
    throw new FileFault(
      `layer ${nameOf(empty)} has no floating point weights: quantised networks are not supported; save the model as it was before`,
    );
  }
  const count = (name: string) => classes.filter((found) => found === name).length;
  const padding = layers.find((_, i) => classes[i] === 'zeropadding2d');
  // One before each convolution, which then pads no more: the same.
  if (padding && count('zeropadding2d') !== CONVS.length) throw unsupported(padding);
  const ofAuthor = layers.filter(
    ({ names: [name = ''], weights }, i) =>
      !isPlaced && weights.size === 0 && (!isKnown[i] || MODEL.test(classes[i]!)) && !POOL_NAME.test(name),
  );
  const poolings = layers.filter(
    ({ names: [name = ''] }, i) => classes[i] === 'maxpooling2d' || POOL_NAME.test(name),
  ).length;
  // Where a model within the model has them, a file that lists names does not name them.
  const mayBe = isPlaced ? [FEATURE_LAYERS.length] : [0, FEATURE_LAYERS.length];
  if (!mayBe.includes(poolings) && (poolings > FEATURE_LAYERS.length || ofAuthor.length === 0)) {
    throw new FileFault(
      `${poolings} max poolings are listed where VGG16 has ${FEATURE_LAYERS.length}: a pooling in the head is not supported`,
    );
  }
  if (ofAuthor.length === 0) return [];
  const names = listNames(ofAuthor.map(({ names: [name = ''] }) => name));
  return [
    `what ${names} ${ofAuthor.length === 1 ? 'computes' : 'compute'} is not in the file: assumed are VGG16's own poolings, one that the head begins with, and ` +
      'what does nothing (dropout); the whole model, saved as .keras, says it',
  ];
}

function unsupported(layer: KerasLayer): FileFault {
  return new FileFault(
    `layer ${nameOf(layer)} is listed, and a file of weights alone does not say what it computes: save the whole model ` +
      `as .keras (model.save("model.keras")); what is read of those: ${SUPPORTED}`,
  );
}

/**
 * A dense layer that was written as a convolution: kernel (S,S,C,O) over the whole map, or (1,1,I,O), as (S*S*C,O) or (I,O).
 *
 * @throws FileFault for a window that is not square, or larger than a pixel where the map has been read
 */
function asDense(layer: KerasLayer, isFirst: boolean): KerasLayer {
  const kernel = layer.weights.get('kernel')!;
  const [rows = 0, columns = 0, inputs = 0, outputs = 0] = kernel.shape;
  if (rows !== columns || (rows !== 1 && !isFirst)) {
    throw new FileFault(
      `layer ${nameOf(layer)} has a window of ${rows} x ${columns}: neither VGG16's nor a dense layer's`,
    );
  }
  const flat = wholeTensor(kernel.name, [rows * columns * inputs, outputs], kernel.storage, kernel.offset);
  return { ...layer, weights: new Map([...layer.weights, ['kernel', flat]]) };
}

/** VGG16's convolutions by their names, or else in the order of the file. */
function inOrder(convs: readonly KerasLayer[]): { layers: readonly KerasLayer[]; areNamed: boolean } {
  if (convs.length === 0) {
    throw new FileFault(
      "a head without VGG16's convolutions: put it on the network that it was trained on, and save both together",
    );
  }
  if (convs.length !== CONVS.length) {
    const relative = RELATIVES.get(convs.length);
    const found = `${convs.length} convolutions where VGG16 has ${CONVS.length}`;
    throw new FileFault(relative ? `this looks like ${relative}: ${found}` : `not a VGG16: ${found}`);
  }
  const named = CONVS.map(({ name }) => convs.find(({ names }) => names.includes(name)));
  return named.every((layer) => layer !== undefined)
    ? { layers: named, areNamed: true }
    : { layers: convs, areNamed: false };
}

/** @throws FileFault where a dense layer does not read what the one before it gives, or stands behind 1000 classes */
function checkChain(dense: readonly KerasLayer[]): void {
  for (const [i, layer] of dense.entries()) {
    const before = dense[i - 1];
    if (!before) continue;
    const given = before.weights.get('kernel')!.shape[1]!;
    const read = layer.weights.get('kernel')!.shape[0]!;
    if (read !== given) {
      throw new FileFault(
        `dense layer ${nameOf(layer)} reads ${read} numbers where ${nameOf(before)} before it gives ${given}: two heads, ` +
          'or layers that do not follow each other, are not supported; save a model with one plain chain of layers',
      );
    }
    if (given === IMAGENET_CLASSES || before.names.includes('predictions')) {
      throw new FileFault(
        `dense layer ${nameOf(layer)} stands behind ${nameOf(before)}, the classes of another head: a head behind a head ` +
          'is not supported; train one in its place (include_top=False)',
      );
    }
  }
}

/** How the last feature map becomes the first dense layer's input, and a note where that is a guess. */
function inputOf(
  layers: readonly KerasLayer[],
  convs: readonly KerasLayer[],
  first: KerasLayer | undefined,
): { pool: KerasNetwork['pool']; note?: string } {
  const classes = classesOf(layers);
  const averages = classes.some((name) => name.endsWith('globalaveragepooling2d'));
  const flattens = classes.some((name) => name.includes('flatten'));
  if (!first) return { pool: averages ? 'avg' : 'flatten' };
  if (averages) return { pool: 'avg' };
  if (classes.some((name) => name.endsWith('globalmaxpooling2d'))) return { pool: 'max' };
  const inputs = first.weights.get('kernel')!.shape[0]!;
  const channels = convs.at(-1)!.weights.get('bias')?.shape[0] ?? 0;
  if (inputs === channels && !flattens) return { pool: 'avg', note: AVERAGE_NOTE };
  const side = squareSide(inputs, channels);
  // A map of one pixel has no shape to guess; one that is not square is refused where it is read.
  if (side === undefined || side === 1) return { pool: 'flatten' };
  const px = side * 2 ** FEATURE_LAYERS.length;
  return {
    pool: 'flatten',
    note: `the flattened feature map is taken to be square, ${side} x ${side} as of pictures of ${px} px, which the file does not say`,
  };
}
