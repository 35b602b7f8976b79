// Finds VGG16 in a weights file: which tensor is which layer's, and how wide each layer is.
//
// Two namings are understood, torchvision's and timm's. They agree in the convolutions; timm stores fc1 and fc2 as
// convolutions of the last feature map. Byte for byte their kernels are the same: (outputs, C*H*W), row-major.
//
//   layer        torchvision     timm             kernel's shape
//   convolution  features.N      features.N       (O, C, 3, 3)
//   fc1          classifier.0    pre_logits.fc1   (O, C*S*S)   or  (O, C, S, S)
//   fc2          classifier.3    pre_logits.fc2   (O, I)       or  (O, I, 1, 1)
//   fc3          classifier.6    head.fc          (O, I)
//
// Source   Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014,
//          arXiv:1409.1556, table 1, column D

import { WeightsError } from '../errors.js';
import type { Preprocess } from './archive.js';
import { type Bindings, matchShape, type ShapePattern } from './shapes.js';
import type { TensorEntry, WeightsSource } from './source.js';
import { formatShape, listNames, quote } from './text.js';

export interface LayerWeights {
  /** block1_conv1 to block5_conv3, fc1 to fc3 */
  readonly layer: string;
  readonly kernel: TensorEntry;
  readonly bias: TensorEntry;
}

export interface ConvWeights extends LayerWeights {
  readonly inputChannels: number;
  readonly outputChannels: number;
}

export interface DenseWeights extends LayerWeights {
  readonly inputs: number;
  readonly outputs: number;
}

export interface Vgg16Weights {
  readonly source: WeightsSource;
  /** block1_conv1 to block5_conv3; each kernel is (outputChannels, inputChannels, 3, 3) */
  readonly convs: readonly ConvWeights[];
  /** fc1, fc2, fc3, each kernel (outputs, inputs) row-major, fc1's inputs in the order C, H, W; empty without a top */
  readonly dense: readonly DenseWeights[];
  /** Side of the last feature map, as fc1 expects it: 7 for pictures of 224 px. Undefined without a top. */
  readonly featureSide: number | undefined;
  readonly preprocess: Preprocess;
  /** Names of fc3's outputs, where the file says them. */
  readonly classes: readonly string[] | undefined;
}

/** The thirteen convolutions and torchvision's names for them (ReLU and pooling take numbers, too). */
export const CONV_NAMES: readonly (readonly [layer: string, tensor: string])[] = [
  ['block1_conv1', 'features.0'],
  ['block1_conv2', 'features.2'],
  ['block2_conv1', 'features.5'],
  ['block2_conv2', 'features.7'],
  ['block3_conv1', 'features.10'],
  ['block3_conv2', 'features.12'],
  ['block3_conv3', 'features.14'],
  ['block4_conv1', 'features.17'],
  ['block4_conv2', 'features.19'],
  ['block4_conv3', 'features.21'],
  ['block5_conv1', 'features.24'],
  ['block5_conv2', 'features.26'],
  ['block5_conv3', 'features.28'],
];

interface DenseNaming {
  readonly layer: string;
  readonly tensor: string;
  /** The kernel's shape, given the number of channels or units before it. */
  readonly shape: (inputs: number) => ShapePattern;
}

const DENSE_NAMINGS: readonly (readonly DenseNaming[])[] = [
  [
    { layer: 'fc1', tensor: 'classifier.0', shape: () => ['O', 'I'] },
    { layer: 'fc2', tensor: 'classifier.3', shape: (inputs) => ['O', inputs] },
    { layer: 'fc3', tensor: 'classifier.6', shape: (inputs) => ['O', inputs] },
  ],
  [
    { layer: 'fc1', tensor: 'pre_logits.fc1', shape: (channels) => ['O', channels, 'S', 'S'] },
    { layer: 'fc2', tensor: 'pre_logits.fc2', shape: (inputs) => ['O', inputs, 1, 1] },
    { layer: 'fc3', tensor: 'head.fc', shape: (inputs) => ['O', inputs] },
  ],
];

/** The networks that VGG16 is taken for, by their number of convolutions. */
const RELATIVES: ReadonlyMap<number, string> = new Map([
  [8, 'VGG11'],
  [10, 'VGG13'],
  [16, 'VGG19'],
]);

/**
 * Maps a file's tensors to VGG16's layers. Widths, fc1's feature map and the number of classes are taken from the
 * shapes, so that a narrow VGG16, or one without its top, is understood as well. Reads no tensor.
 *
 * @throws WeightsError for names that are missing or unknown, shapes that do not fit, and metadata that contradicts
 */
export function describeVgg16(source: WeightsSource): Vgg16Weights {
  const naming = checkNames(source);
  const convs: ConvWeights[] = [];
  let channels = 3;
  for (const [layer, tensor] of CONV_NAMES) {
    const { weights, bound } = layerWeights(source, layer, tensor, ['O', channels, 3, 3]);
    convs.push({ ...weights, inputChannels: channels, outputChannels: bound.O! });
    channels = bound.O!;
  }
  const dense: DenseWeights[] = [];
  let featureSide: number | undefined;
  let width = channels;
  for (const { layer, tensor, shape } of naming) {
    const { weights, bound } = layerWeights(source, layer, tensor, shape(width));
    if (layer === 'fc1') {
      featureSide = bound.S ?? sideOf(source, weights.kernel, channels);
      width = channels * featureSide * featureSide;
    }
    dense.push({ ...weights, inputs: width, outputs: bound.O! });
    width = bound.O!;
  }
  return {
    source,
    convs,
    dense,
    featureSide,
    preprocess: preprocessOf(source),
    classes: classesOf(source, dense.at(-1)?.outputs),
  };
}

/** Checks that the file holds a VGG16's names and no others; returns those of its top, none where it has none. */
function checkNames(source: WeightsSource): readonly DenseNaming[] {
  const names = [...source.tensors.keys()];
  const fault = (what: string) => new WeightsError(`${source.path}: ${what}`);
  if (names.some((name) => /^features\.\d+\.running_(mean|var)$/.test(name))) {
    throw fault('VGG16 with batch normalisation is not supported');
  }
  const kernels = names.filter((name) => /^features\.\d+\.weight$/.test(name)).length;
  if (kernels === 0) {
    const found = names.length === 0 ? 'no tensor at all' : listNames(names);
    throw fault(`not a VGG16 in torchvision's or timm's names (features.0.weight ...): it holds ${found}`);
  }
  const relative = RELATIVES.get(kernels);
  if (relative) throw fault(`this looks like ${relative}: ${kernels} convolutions where VGG16 has 13`);

  const isPresent = (name: string) => source.tensors.has(name);
  const naming =
    DENSE_NAMINGS.find((layers) => tensorNames(layers.map((l) => l.tensor)).some(isPresent)) ?? [];
  const base = tensorNames(CONV_NAMES.map(([, tensor]) => tensor));
  const top = tensorNames(naming.map(({ tensor }) => tensor));
  const known = new Set([...base, ...top]);
  const faults = [
    ['missing tensors of the base', base.filter((name) => !isPresent(name))],
    ['only part of the classifier, missing', top.filter((name) => !isPresent(name))],
    ['unknown tensors', names.filter((name) => !known.has(name))],
  ] as const;
  const said = faults
    .filter(([, list]) => list.length > 0)
    .map(([what, list]) => `${what}: ${listNames(list)}`);
  if (said.length > 0) throw fault(`not a VGG16: ${said.join('; ')}`);
  return naming;
}

function tensorNames(layers: readonly string[]): string[] {
  return layers.flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]);
}

function layerWeights(
  source: WeightsSource,
  layer: string,
  tensor: string,
  shape: ShapePattern,
): { weights: LayerWeights; bound: Bindings } {
  const kernel = source.tensors.get(`${tensor}.weight`)!;
  const bias = source.tensors.get(`${tensor}.bias`)!;
  const bound = matchShape(source, kernel, shape);
  matchShape(source, bias, [bound.O!]);
  return { weights: { layer, kernel, bias }, bound };
}

/** The side of the square feature map that a flat fc1 reads. */
function sideOf(source: WeightsSource, kernel: TensorEntry, channels: number): number {
  const side = Math.sqrt(kernel.shape[1]! / channels);
  if (Number.isInteger(side)) return side;
  throw new WeightsError(
    `${source.path}: tensor ${quote(kernel.name)}: expected shape (O, ${channels} * S * S) for a square feature map ` +
      `of ${channels} channels, found ${formatShape(kernel.shape)}`,
  );
}

function preprocessOf(source: WeightsSource): Preprocess {
  const said = source.metadata.preprocess;
  if (said === undefined) return 'torchvision'; // whose names these are
  const known = /^(torchvision|caffe)\b/.exec(said)?.[1];
  if (known) return known as Preprocess;
  throw new WeightsError(
    `${source.path}: metadata preprocess is ${quote(said)}, expected "torchvision" or "caffe" at its start`,
  );
}

function classesOf(source: WeightsSource, outputs: number | undefined): readonly string[] | undefined {
  const said = source.metadata.classes;
  if (said === undefined) return undefined;
  const fault = (what: string) => new WeightsError(`${source.path}: metadata classes ${what}`);
  const classes = parseJson(said);
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === 'string')) {
    throw fault('is not a JSON list of names');
  }
  if (outputs === undefined) throw fault('names classes, but the file has no classifier');
  if (classes.length !== outputs) {
    throw fault(`has ${classes.length} names, but the classifier has ${outputs} outputs`);
  }
  return classes;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
