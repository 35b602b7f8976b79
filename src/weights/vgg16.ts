// Finds VGG16 in a weights file: which tensor is which layer's, and how wide each layer is.
//
// Two namings are understood, torchvision's and timm's. They agree in the convolutions, features.N of shape (O,C,3,3);
// their dense layers are head.ts's. timm stores some of those as convolutions of the last feature map: byte for byte
// the kernels are the same, (outputs, C*H*W), row-major.
//
// Source   Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014,
//          arXiv:1409.1556, table 1, column D

import {
  type Activation,
  CONVS,
  type Conv,
  type ConvName,
  convsUntil,
  type DenseName,
  type FeatureLayer,
  type Pool,
} from '../architecture.js';
import { WeightsError } from '../errors.js';
import { saidActivation } from './activation.js';
import type { Preprocess } from './archive.js';
import { denseShape, type HeadInput, type HeadNaming, headInputOf, headNamingOf } from './head.js';
import { parseClasses, saidFeatures } from './head_metadata.js';
import { misfitBase, misfitHead } from './misfits.js';
import { saidPreprocess } from './preprocess.js';
import { type Bindings, matchShape, type ShapePattern } from './shapes.js';
import type { TensorEntry, WeightsSource } from './source.js';
import { listNames } from './text.js';

export interface LayerWeights {
  /** block1_conv1 to block5_conv3, fc1 to fcN */
  readonly layer: string;
  readonly kernel: TensorEntry;
  readonly bias: TensorEntry;
}

export interface ConvWeights extends LayerWeights {
  readonly layer: ConvName;
  readonly inputChannels: number;
  readonly outputChannels: number;
}

export interface DenseWeights extends LayerWeights {
  readonly layer: DenseName;
  readonly inputs: number;
  readonly outputs: number;
}

export interface Vgg16Weights {
  readonly source: WeightsSource;
  /** The pooling layer that the head stands on, and the base ends with: block5_pool but for heads that say another. */
  readonly features: FeatureLayer;
  /** block1_conv1 to the last one before `features`; each kernel is (outputChannels, inputChannels, 3, 3) */
  readonly convs: readonly ConvWeights[];
  /**
   * fc1 to fcN with ReLU between them, each kernel (outputs, inputs) row-major; empty without a top. Flattened, fc1's
   * inputs are in the order C, H, W.
   */
  readonly dense: readonly DenseWeights[];
  /** How the last feature map becomes fc1's input; 'flatten' without a top. */
  readonly pool: Pool;
  /** Side of the last feature map, as fc1 expects it: 7 for pictures of 224 px. Undefined if averaged or without a top. */
  readonly featureSide: number | undefined;
  /** Side in px of the pictures that the head was trained with, where the file says it. */
  readonly size: number | undefined;
  readonly preprocess: Preprocess;
  /** What makes probabilities of the last dense layer's outputs; 'softmax' without a top. */
  readonly activation: Activation;
  /** Names of the last dense layer's outputs, where the file says them. */
  readonly classes: readonly string[] | undefined;
}

/**
 * Maps a file's tensors to VGG16's layers. Widths, the depth of the head, its feature map and the number of classes are
 * taken from names and shapes, so that a narrow VGG16, one with a head of its own, or one without its top, is understood
 * as well. Reads no tensor.
 *
 * @throws WeightsError for names that are missing or unknown, shapes that do not fit, and metadata that contradicts
 */
export function describeVgg16(source: WeightsSource): Vgg16Weights {
  const features = saidFeatures(source);
  const naming = checkNames(source, features);
  const convs: ConvWeights[] = [];
  let channels = 3;
  for (const { name: layer, torchvision } of convsUntil(features)) {
    const { kernel, bias, bound } = layerTensors(source, torchvision, ['O', channels, 3, 3]);
    convs.push({ layer, kernel, bias, inputChannels: channels, outputChannels: bound.O! });
    channels = bound.O!;
  }
  const head = naming && describeHead(source, naming, features, channels);
  return {
    source,
    features,
    convs,
    dense: head?.dense ?? [],
    pool: head?.pool ?? 'flatten',
    featureSide: head?.featureSide,
    size: head?.size,
    preprocess: saidPreprocess(source) ?? 'torchvision', // whose names these are
    activation: saidActivation(source),
    classes: classesOf(source, head?.dense.at(-1)?.outputs),
  };
}

function describeHead(
  source: WeightsSource,
  naming: HeadNaming,
  features: FeatureLayer,
  channels: number,
): HeadInput & { readonly dense: DenseWeights[] } {
  const first = source.tensors.get(`${naming.layers[0]}.weight`)!;
  const input = headInputOf(source, naming, first, features, channels);
  const dense: DenseWeights[] = [];
  let width = channels * (input.featureSide ?? 1) ** 2;
  for (const [i, tensor] of naming.layers.entries()) {
    // What the first one reads has been found to fit.
    const shape = i === 0 ? ['O', ...first.shape.slice(1)] : denseShape(naming, tensor, width);
    const { kernel, bias, bound } = layerTensors(source, tensor, shape);
    dense.push({ layer: `fc${i + 1}`, kernel, bias, inputs: width, outputs: bound.O! });
    width = bound.O!;
  }
  return { dense, ...input };
}

/**
 * Checks that the file holds a VGG16's names and no others; returns those of its head, undefined where it has none. What
 * lies behind the layer that the head stands on need not be there.
 */
function checkNames(source: WeightsSource, features: FeatureLayer): HeadNaming | undefined {
  const names = [...source.tensors.keys()];
  const fault = (what: string) => new WeightsError(`${source.path}: ${what}`);
  const misfit = misfitBase(source.tensors) ?? misfitHead(source.tensors);
  if (misfit !== undefined) throw fault(misfit);

  const isPresent = (name: string) => source.tensors.has(name);
  const naming = headNamingOf(source);
  const namesOf = (convs: readonly Conv[]) => tensorNames(convs.map(({ torchvision }) => torchvision));
  const base = namesOf(convsUntil(features));
  const top = tensorNames(naming?.layers ?? []);
  const known = new Set([...namesOf(CONVS), ...top]);
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

function layerTensors(
  source: WeightsSource,
  layer: string,
  shape: ShapePattern,
): { kernel: TensorEntry; bias: TensorEntry; bound: Bindings } {
  const kernel = source.tensors.get(`${layer}.weight`)!;
  const bias = source.tensors.get(`${layer}.bias`)!;
  const bound = matchShape(source, kernel, shape);
  matchShape(source, bias, [bound.O!]);
  return { kernel, bias, bound };
}

function classesOf(source: WeightsSource, outputs: number | undefined): readonly string[] | undefined {
  const said = source.metadata.classes;
  if (said === undefined) return undefined;
  const fault = (what: string) => new WeightsError(`${source.path}: metadata classes ${what}`);
  const classes = parseClasses(said, fault);
  if (outputs === undefined) throw fault('names classes, but the file has no classifier');
  // A single output tells two classes apart.
  if (classes.length !== outputs && !(outputs === 1 && classes.length === 2)) {
    throw fault(
      `has ${classes.length} names, but the classifier has ${outputs} ${outputs === 1 ? 'output' : 'outputs'}`,
    );
  }
  return classes;
}
