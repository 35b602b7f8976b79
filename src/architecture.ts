// VGG16 as one table: its layers in order, how wide the paper made them, and what follows from both. Everything else
// that the project says of the network is derived from here.
//
// Source   Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014,
//          arXiv:1409.1556, table 1, column D

export type OperationKind = 'conv3x3' | 'maxpool2x2' | 'avgpool' | 'maxpool' | 'linear' | 'softmax';

/**
 * How the last feature map becomes the first dense layer's input: flattened; the average or the largest of each channel; or
 * flattened after averaging over windows, `avg4` over windows of 4 x 4 pixels that do not overlap.
 */
export type Pool = 'flatten' | 'avg' | 'max' | `avg${number}`;

/** What a head may be trained on here. */
export type TrainedPool = Extract<Pool, 'flatten' | 'avg'>;

/** The pool of this name; undefined where there is none. */
export function poolNamed(name: string): Pool | undefined {
  return /^(flatten|max|avg([2-9]|[1-9]\d{1,2})?)$/.test(name) ? (name as Pool) : undefined;
}

/** Side of the windows that are averaged before flattening, in pixels of the feature map; 1 where nothing is. */
export function windowOf(pool: Pool): number {
  return /^avg\d/.test(pool) ? Number(pool.slice('avg'.length)) : 1;
}

/** Whether the first dense layer reads a flattened map, whose size is fixed; else it reads a number for each channel. */
export function isFlattened(pool: Pool): boolean {
  return pool !== 'avg' && pool !== 'max';
}

/**
 * What makes probabilities of a classifier's outputs: softmax where a picture has one class, sigmoid where each class is
 * present or not, independently of the others.
 */
export type Activation = 'softmax' | 'sigmoid';

/**
 * The layers that every VGG16 begins with, by their names in Keras. ReLU follows each convolution. `channels` are a
 * convolution's outputs in the paper; a file may hold a network with fewer.
 */
export const BASE_LAYERS = [
  { name: 'block1_conv1', operation: 'conv3x3', channels: 64 },
  { name: 'block1_conv2', operation: 'conv3x3', channels: 64 },
  { name: 'block1_pool', operation: 'maxpool2x2' },
  { name: 'block2_conv1', operation: 'conv3x3', channels: 128 },
  { name: 'block2_conv2', operation: 'conv3x3', channels: 128 },
  { name: 'block2_pool', operation: 'maxpool2x2' },
  { name: 'block3_conv1', operation: 'conv3x3', channels: 256 },
  { name: 'block3_conv2', operation: 'conv3x3', channels: 256 },
  { name: 'block3_conv3', operation: 'conv3x3', channels: 256 },
  { name: 'block3_pool', operation: 'maxpool2x2' },
  { name: 'block4_conv1', operation: 'conv3x3', channels: 512 },
  { name: 'block4_conv2', operation: 'conv3x3', channels: 512 },
  { name: 'block4_conv3', operation: 'conv3x3', channels: 512 },
  { name: 'block4_pool', operation: 'maxpool2x2' },
  { name: 'block5_conv1', operation: 'conv3x3', channels: 512 },
  { name: 'block5_conv2', operation: 'conv3x3', channels: 512 },
  { name: 'block5_conv3', operation: 'conv3x3', channels: 512 },
  { name: 'block5_pool', operation: 'maxpool2x2' },
] as const;

type BaseLayer = (typeof BASE_LAYERS)[number];
export type ConvName = Extract<BaseLayer, { operation: 'conv3x3' }>['name'];

/** A pooling layer of the base: what a head may stand on. */
export type FeatureLayer = Extract<BaseLayer, { operation: 'maxpool2x2' }>['name'];

/** fc1, fc2, ...: the dense layers, first to last. */
export type DenseName = `fc${number}`;

/**
 * A layer of the base, or of the head: fc1 to fcN are its dense layers, `avgpool` or `maxpool` comes before them where
 * it pools, `softmax` behind them where its classes exclude each other.
 */
export type LayerName = BaseLayer['name'] | 'avgpool' | 'maxpool' | DenseName | 'softmax';

export interface Conv {
  readonly name: ConvName;
  /** 1 to 5 */
  readonly block: number;
  /** Output channels in the paper. */
  readonly channels: number;
  /** What torchvision and timm call it: `features.0`. Their numbers count ReLU and pooling layers as well. */
  readonly torchvision: string;
}

/** The thirteen convolutions in order. */
export const CONVS: readonly Conv[] = convsOf(BASE_LAYERS);

function convsOf(layers: readonly BaseLayer[]): Conv[] {
  const convs: Conv[] = [];
  let number = 0;
  for (const layer of layers) {
    if (layer.operation === 'conv3x3') {
      const { name, channels } = layer;
      convs.push({ name, block: blockOf(name), channels, torchvision: `features.${number}` });
    }
    number += layer.operation === 'conv3x3' ? 2 : 1; // a convolution and its ReLU, or a pooling
  }
  return convs;
}

/** The five poolings that end the blocks. A head stands on one of them, on the last unless its file says another. */
export const FEATURE_LAYERS: readonly FeatureLayer[] = BASE_LAYERS.flatMap((layer) =>
  layer.operation === 'maxpool2x2' ? [layer.name] : [],
);

/** The convolutions of each block: 2, 2, 3, 3, 3 of them. */
export const BLOCKS: readonly (readonly Conv[])[] = FEATURE_LAYERS.map((layer) =>
  CONVS.filter(({ block }) => block === blockOf(layer)),
);

/** How many convolutions each block has: 2, 2, 3, 3, 3. */
export const CONVS_PER_BLOCK: readonly number[] = BLOCKS.map((convs) => convs.length);

/** Outputs of fc1, fc2 and fc3 in the paper; the last are ImageNet's classes. */
export const DENSE_OUTPUTS = [4096, 4096, 1000] as const;

export const IMAGENET_CLASSES = 1000;

/** Side in px of the pictures that the paper's network classifies. */
export const IMAGENET_SIDE = 224;

/** The least side of a picture in px: five poolings halve it, and one pixel must be left. */
export const MIN_INPUT_SIDE = 2 ** FEATURE_LAYERS.length;

/** The block that a layer of the base belongs to, 1 to 5. */
function blockOf(name: BaseLayer['name']): number {
  return Number(name.charAt('block'.length));
}

/** The convolutions up to a pooling layer. */
export function convsUntil(features: FeatureLayer): readonly Conv[] {
  return CONVS.filter(({ block }) => block <= blockOf(features));
}

/** How many of the five poolings there are up to a layer; each halves the sides of its input. */
export function poolingsUntil(features: FeatureLayer): number {
  return blockOf(features);
}

/** Side of the feature map that `features` makes of a picture with this side; each pooling drops an odd pixel. */
export function featureSideOf(side: number, features: FeatureLayer): number {
  return Math.floor(side / 2 ** poolingsUntil(features));
}

/** Side of the pictures whose feature map, pooled for the head, has this side and no pixel to spare. */
export function pictureSideOf(mapSide: number, features: FeatureLayer, pool: Pool): number {
  return mapSide * windowOf(pool) * 2 ** poolingsUntil(features);
}

/** Whether a pooling layer follows directly. */
export function isPooled(name: string): boolean {
  const next = BASE_LAYERS[1 + BASE_LAYERS.findIndex((layer) => layer.name === name)];
  return next?.operation === 'maxpool2x2';
}

/** What torchvision calls a dense layer: ReLU and dropout take two numbers after each. @param index  from 0 */
export function torchvisionDense(index: number): string {
  return `classifier.${3 * index}`;
}
