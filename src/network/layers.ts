// The layers of a particular VGG16: how wide each is, what its head consists of, and what each makes of a shape.

import {
  type Activation,
  BASE_LAYERS,
  CONVS,
  DENSE_OUTPUTS,
  type DenseName,
  type FeatureLayer,
  featureSideOf,
  IMAGENET_SIDE,
  type LayerName,
  MIN_INPUT_SIDE,
  type OperationKind,
  type Pool,
  pictureSideOf,
  windowOf,
} from '../architecture.js';
import { UsageError } from '../errors.js';
import type { Vgg16Weights } from '../weights/vgg16.js';

export interface Layer {
  readonly name: LayerName;
  readonly operation: OperationKind;
  /** Side of the windows that `avgpool` averages, in pixels; undefined where it averages the whole map. */
  readonly window?: number;
}

/** How wide each layer of a particular VGG16 is, and what its head consists of. The paper's: see `PAPER_WIDTHS`. */
export interface Widths {
  /** Output channels of the thirteen convolutions, by name. */
  readonly convs: ReadonlyMap<string, number>;
  /** Outputs of fc1 to fcN, by name, in order; empty without a top. */
  readonly dense: ReadonlyMap<DenseName, number>;
  /** What makes probabilities of the last dense layer's outputs. */
  readonly activation: Activation;
  /** How the last feature map becomes fc1's input. */
  readonly pool: Pool;
  /** Side of the map that fc1 was made for; undefined where it reads a number for each channel, or without a top. */
  readonly featureSide: number | undefined;
  /** The pooling layer that the base ends with. */
  readonly features: FeatureLayer;
  /** Side in px of the pictures that the head was trained with, where it is known. */
  readonly size: number | undefined;
}

/** The network of the paper: 138,357,544 parameters, pictures of 224 x 224 px, the 1000 classes of ImageNet. */
export const PAPER_WIDTHS: Widths = {
  convs: new Map(CONVS.map(({ name, channels }) => [name, channels])),
  dense: new Map(DENSE_OUTPUTS.map((outputs, i) => [`fc${i + 1}`, outputs])),
  activation: 'softmax',
  pool: 'flatten',
  featureSide: featureSideOf(IMAGENET_SIDE, 'block5_pool'),
  features: 'block5_pool',
  size: IMAGENET_SIDE,
};

/** How wide the layers of a weights file are. */
export function widthsOf({ convs, dense, ...input }: Vgg16Weights): Widths {
  const { activation, pool, featureSide, features, size } = input;
  return {
    convs: new Map(convs.map(({ layer, outputChannels }) => [layer, outputChannels])),
    dense: new Map(dense.map(({ layer, outputs }) => [layer, outputs])),
    activation,
    pool,
    featureSide,
    features,
    size,
  };
}

/** Side in px of the pictures that the classifier takes; undefined where it takes any, or without one. */
export function inputSideOf({ featureSide, features, pool, size }: Widths): number | undefined {
  return featureSide && (size ?? pictureSideOf(featureSide, features, pool));
}

/** The layers of a particular VGG16, in order: those of its base, and those of its head if it has one. */
export function layersOf({ dense, activation, pool, features }: Widths): readonly Layer[] {
  const end = BASE_LAYERS.findIndex(({ name }) => name === features) + 1;
  const base = BASE_LAYERS.slice(0, end).map(({ name, operation }) => ({ name, operation }));
  if (dense.size === 0) return base;
  return [
    ...base,
    ...poolingOf(pool),
    ...[...dense.keys()].map((name) => ({ name, operation: 'linear' }) as const),
    // The sigmoid of independent classes is applied to the few numbers that are read back.
    ...(activation === 'softmax' ? [{ name: 'softmax', operation: 'softmax' } as const] : []),
  ];
}

/** The layer between the base and a head that pools. */
function poolingOf(pool: Pool): readonly Layer[] {
  if (pool === 'flatten') return [];
  if (pool === 'max') return [{ name: 'maxpool', operation: 'maxpool' }];
  const average = { name: 'avgpool', operation: 'avgpool' } as const;
  return [pool === 'avg' ? average : { ...average, window: windowOf(pool) }];
}

/** The layer whose result a classification begins with: probabilities, or logits of classes that do not exclude each other. */
export function classifierLayerOf(widths: Widths): LayerName {
  return layersOf(widths).at(-1)!.name;
}

/** @throws UsageError for a name that is not one of these weights' layers, with the names that are. */
export function layerNamed(name: string, widths: Widths): LayerName {
  const names = layersOf(widths).map((layer) => layer.name);
  const found = names.find((candidate) => candidate === name);
  if (found) return found;
  throw new UsageError(`there is no layer "${name}" in these weights; their layers are ${names.join(' ')}`);
}

export interface PlannedLayer extends Layer {
  /** (H,W,C), or (D) from the head on: of one picture, without padding. */
  readonly inputShape: readonly number[];
  readonly shape: readonly number[];
  /** Whether negative results become zero; not in the last dense layer, whose results are scores. */
  readonly relu: boolean;
  /** Weights and biases. */
  readonly parameters: number;
  /** Floating point operations for one picture; a multiplication and an addition are two. */
  readonly flops: number;
}

/**
 * The layers up to `until` for pictures of a size.
 *
 * @throws UsageError when pictures are too small, or not of the size that fc1 was made for, or there is no such layer
 */
export function planLayers(widths: Widths, height: number, width: number, until: LayerName): PlannedLayer[] {
  const last = layerNamed(until, widths);
  if (!Number.isInteger(height) || !Number.isInteger(width) || Math.min(height, width) < MIN_INPUT_SIDE) {
    throw new UsageError(
      `pictures of ${width} x ${height} pixels are too small for VGG16: the least is ${MIN_INPUT_SIDE} x ${MIN_INPUT_SIDE}`,
    );
  }
  const planned: PlannedLayer[] = [];
  let shape: readonly number[] = [height, width, 3];
  for (const layer of layersOf(widths)) {
    planned.push({ ...layer, inputShape: shape, ...planLayer(widths, layer, shape) });
    if (layer.name === last) break;
    shape = planned.at(-1)!.shape;
  }
  return planned;
}

function planLayer(
  widths: Widths,
  { name, operation, window }: Layer,
  inputShape: readonly number[],
): Pick<PlannedLayer, 'shape' | 'relu' | 'parameters' | 'flops'> {
  const [H = 1, W = 1, C = 1] = inputShape;
  switch (operation) {
    case 'conv3x3': {
      const O = widths.convs.get(name)!;
      return { shape: [H, W, O], relu: true, parameters: 9 * C * O + O, flops: 2 * H * W * O * 9 * C };
    }
    case 'maxpool2x2': {
      const shape = [Math.floor(H / 2), Math.floor(W / 2), C];
      return { shape, relu: false, parameters: 0, flops: 3 * shape[0]! * shape[1]! * C };
    }
    case 'avgpool': {
      const shape = window === undefined ? [C] : [Math.floor(H / window), Math.floor(W / window), C];
      // Of N numbers N - 1 additions and a division.
      return { shape, relu: false, parameters: 0, flops: H * W * C };
    }
    case 'maxpool':
      return { shape: [C], relu: false, parameters: 0, flops: (H * W - 1) * C };
    case 'linear': {
      const names = [...widths.dense.keys()];
      const O = widths.dense.get(name as DenseName)!;
      const side = widths.featureSide;
      if (name === names[0] && side !== undefined && (H !== side || W !== side)) {
        const px = inputSideOf(widths);
        throw new UsageError(
          `the classifier takes pictures of ${px} x ${px} pixels; layers up to ${widths.features} take any size`,
        );
      }
      const D = inputShape.reduce((product, length) => product * length, 1);
      return { shape: [O], relu: name !== names.at(-1), parameters: D * O + O, flops: 2 * D * O };
    }
    case 'softmax':
      // Whatever a file says: of one number it would make 1, and of every picture the first class.
      if (inputShape[0] === 1) {
        throw new UsageError(
          'a softmax over a single output is 1 whatever the picture; two classes need two outputs',
        );
      }
      // A shift, an exponential, a sum and a division for each class.
      return { shape: inputShape, relu: false, parameters: 0, flops: 4 * inputShape[0]! };
  }
}
