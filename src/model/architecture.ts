// VGG16 as data: its layers in order, and what each makes of a shape.
//
// Source   Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014,
//          arXiv:1409.1556, table 1, column D

import { UsageError } from '../errors.js';
import type { Vgg16Weights } from '../weights/vgg16.js';

export type Operation = 'conv3x3' | 'maxpool2x2' | 'linear' | 'softmax';

export const LAYERS = [
  { name: 'block1_conv1', operation: 'conv3x3' },
  { name: 'block1_conv2', operation: 'conv3x3' },
  { name: 'block1_pool', operation: 'maxpool2x2' },
  { name: 'block2_conv1', operation: 'conv3x3' },
  { name: 'block2_conv2', operation: 'conv3x3' },
  { name: 'block2_pool', operation: 'maxpool2x2' },
  { name: 'block3_conv1', operation: 'conv3x3' },
  { name: 'block3_conv2', operation: 'conv3x3' },
  { name: 'block3_conv3', operation: 'conv3x3' },
  { name: 'block3_pool', operation: 'maxpool2x2' },
  { name: 'block4_conv1', operation: 'conv3x3' },
  { name: 'block4_conv2', operation: 'conv3x3' },
  { name: 'block4_conv3', operation: 'conv3x3' },
  { name: 'block4_pool', operation: 'maxpool2x2' },
  { name: 'block5_conv1', operation: 'conv3x3' },
  { name: 'block5_conv2', operation: 'conv3x3' },
  { name: 'block5_conv3', operation: 'conv3x3' },
  { name: 'block5_pool', operation: 'maxpool2x2' },
  { name: 'fc1', operation: 'linear' },
  { name: 'fc2', operation: 'linear' },
  { name: 'fc3', operation: 'linear' },
  { name: 'softmax', operation: 'softmax' },
] as const satisfies readonly { name: string; operation: Operation }[];

export type LayerName = (typeof LAYERS)[number]['name'];

/** The smallest side a picture may have: five poolings halve it, and one pixel must be left. */
export const MIN_INPUT_SIDE = 32;

/** @throws UsageError for a name that is not a layer's, with the names that are. */
export function layerNamed(name: string): LayerName {
  const layer = LAYERS.find((candidate) => candidate.name === name);
  if (layer) return layer.name;
  throw new UsageError(
    `there is no layer "${name}"; the layers are ${LAYERS.map(({ name }) => name).join(' ')}`,
  );
}

/** How wide each layer of a particular VGG16 is: 64 to 512 channels, 4096 units and 1000 classes, or fewer. */
export interface Widths {
  /** Output channels of the thirteen convolutions, by name. */
  readonly convs: ReadonlyMap<string, number>;
  /** Outputs of fc1, fc2 and fc3, by name; empty without a top. */
  readonly dense: ReadonlyMap<string, number>;
  /** Side of the last feature map that fc1 was made for; undefined without a top. */
  readonly featureSide: number | undefined;
}

/** The network of the paper: 138,357,544 parameters, pictures of 224 x 224 px, the 1000 classes of ImageNet. */
export const PAPER_WIDTHS: Widths = {
  convs: new Map(
    LAYERS.filter(({ operation }) => operation === 'conv3x3').map(({ name }) => {
      const block = Number(name.charAt('block'.length));
      return [name, [64, 128, 256, 512, 512][block - 1]!];
    }),
  ),
  dense: new Map([
    ['fc1', 4096],
    ['fc2', 4096],
    ['fc3', 1000],
  ]),
  featureSide: 7,
};

/** How wide the layers of a weights file are. */
export function widthsOf({ convs, dense, featureSide }: Vgg16Weights): Widths {
  return {
    convs: new Map(convs.map(({ layer, outputChannels }) => [layer, outputChannels])),
    dense: new Map(dense.map(({ layer, outputs }) => [layer, outputs])),
    featureSide,
  };
}

export interface PlannedLayer {
  readonly name: LayerName;
  readonly operation: Operation;
  /** (H,W,C), or (D) from fc1 on: of one picture, without padding. */
  readonly inputShape: readonly number[];
  readonly shape: readonly number[];
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
  if (!Number.isInteger(height) || !Number.isInteger(width) || Math.min(height, width) < MIN_INPUT_SIDE) {
    throw new UsageError(
      `pictures of ${width} x ${height} pixels are too small for VGG16: the least is ${MIN_INPUT_SIDE} x ${MIN_INPUT_SIDE}`,
    );
  }
  const planned: PlannedLayer[] = [];
  let shape: readonly number[] = [height, width, 3];
  for (const { name, operation } of LAYERS) {
    const layer = planLayer(widths, name, operation, shape);
    planned.push({ name, operation, inputShape: shape, ...layer });
    if (name === until) return planned;
    shape = layer.shape;
  }
  throw new UsageError(`there is no layer "${until}"`);
}

function planLayer(
  widths: Widths,
  name: LayerName,
  operation: Operation,
  inputShape: readonly number[],
): Pick<PlannedLayer, 'shape' | 'parameters' | 'flops'> {
  const [H = 1, W = 1, C = 1] = inputShape;
  switch (operation) {
    case 'conv3x3': {
      const O = widths.convs.get(name)!;
      return { shape: [H, W, O], parameters: 9 * C * O + O, flops: 2 * H * W * O * 9 * C };
    }
    case 'maxpool2x2': {
      const shape = [Math.floor(H / 2), Math.floor(W / 2), C];
      return { shape, parameters: 0, flops: 3 * shape[0]! * shape[1]! * C };
    }
    case 'linear': {
      const O = widths.dense.get(name);
      if (O === undefined) throw new UsageError(`there is no ${name}: these weights end with block5_pool`);
      const side = widths.featureSide;
      if (name === 'fc1' && side !== undefined && (H !== side || W !== side)) {
        throw new UsageError(
          `the classifier takes pictures of ${side * 32} x ${side * 32} pixels; layers up to block5_pool take any size`,
        );
      }
      const D = inputShape.reduce((product, length) => product * length, 1);
      return { shape: [O], parameters: D * O + O, flops: 2 * D * O };
    }
    case 'softmax':
      // A shift, an exponential, a sum and a division for each class.
      return { shape: inputShape, parameters: 0, flops: 4 * inputShape[0]! };
  }
}
