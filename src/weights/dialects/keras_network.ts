// Reads a chain of Keras' layers as a VGG16: thirteen convolutions in five blocks, then dense layers, and between them
// nothing that computes anything else.

import { type Activation, CONVS_PER_BLOCK, type Pool, poolNamed } from '../../architecture.js';
import { FileFault } from '../file.js';
import { quote } from '../text.js';
import type { ConfiguredLayer, Json } from './keras_config.js';
import { afterLayer, isPixelLayer, refuseResizing } from './keras_pixels.js';
import { type PixelMap, UNCHANGED } from './pixel_map.js';
import type { PictureSize } from './stated_size.js';

export interface KerasNetwork {
  readonly convs: readonly ConfiguredLayer[];
  readonly dense: readonly ConfiguredLayer[];
  readonly norms: readonly KerasNorm[];
  readonly pool: Pool;
  /** Of the last dense layer; undefined where it gives its outputs as they are. */
  readonly activation: Activation | undefined;
  readonly notes: readonly string[];
  readonly pixels: ModelPixels;
  /** Of the pictures, in px, where the description says it. */
  readonly input: PictureSize | undefined;
  /** Whether a pooling layer rounds an odd side up, where VGG16's round down. */
  readonly roundsUp: boolean;
}

/** Batch normalisation, and the layer that it is folded into. */
export interface KerasNorm {
  readonly layer: ConfiguredLayer;
  readonly target: ConfiguredLayer;
  /** Whether it comes behind that layer, or in front of it. */
  readonly isBehind: boolean;
}

/** What the model itself does to pixels, in front of its first convolution. */
export interface ModelPixels {
  /** Undefined where one of the layers does what cannot be known. */
  readonly map: PixelMap | undefined;
  /** For messages: `layer "rescaling" (Rescaling)`; the one that is not known, or the last. */
  readonly layer: string | undefined;
}

const RELATIVES: ReadonlyMap<string, string> = new Map([
  ['1,1,2,2,2', 'VGG11'],
  ['2,2,2,2,2', 'VGG13'],
  ['2,2,4,4,4', 'VGG19'],
]);

/** What does nothing to a picture that is classified. */
const IDLE: ReadonlySet<string> = new Set([
  'InputLayer',
  'Dropout',
  'SpatialDropout2D',
  'GaussianDropout',
  'AlphaDropout',
  'GaussianNoise',
  'ActivityRegularization',
]);

/** What varies the pictures in training, and lets them pass when they are classified. */
const AUGMENTATION = /^Random(Flip|Rotation|Translation|Zoom|Contrast|Brightness|Height|Width)$/;

export const SUPPORTED =
  'convolutions and max poolings of VGG16, then Flatten (AveragePooling2D in front of it or not), GlobalAveragePooling2D or ' +
  'GlobalMaxPooling2D, Dense with ReLU between, BatchNormalization beside any of these, softmax or sigmoid';

/** A layer with weights, and what is applied to its output. */
interface Unit {
  readonly layer: ConfiguredLayer;
  activation: string;
}

/** @throws FileFault for anything that is not a VGG16's, with the layer's name and what is supported */
export function readNetwork(chain: readonly ConfiguredLayer[]): KerasNetwork {
  const convs: Unit[] = [];
  const dense: Unit[] = [];
  const notes: string[] = [];
  const norms: KerasNorm[] = [];
  /** Those in front of the dense layer that comes next. */
  let waiting: ConfiguredLayer[] = [];
  const blocks = [0];
  let pool: Pool | undefined;
  /** Of an average pooling in front of Flatten. */
  let window = 1;
  let pixels: ModelPixels = { map: UNCHANGED, layer: undefined };
  let isPadded = false;
  for (const [i, layer] of chain.entries()) {
    const { className } = layer;
    const unit = { layer, activation: activationOf(layer) };
    if (IDLE.has(className)) continue;
    if (className === 'ZeroPadding2D' && pads(layer, chain[i + 1])) {
      isPadded = true;
      continue;
    }
    if (convs.length === 0) {
      refuseResizing(layer);
      if (isPixelLayer(layer)) {
        pixels = pixels.map ? { map: afterLayer(pixels.map, layer), layer: named(layer) } : pixels;
        continue;
      }
    }
    // Only a dense layer takes in what stands in front of it.
    const [first] = waiting;
    if (first && !/^(Dense|Flatten|(Global)?AveragePooling2D)$/.test(className)) throw unsupported(first);
    if (AUGMENTATION.test(className))
      notes.push(`left out: ${layer.name} (${className}), which acts in training only`);
    else if (/^Conv(olution)?2D$/.test(className) && !pool && window === 1) {
      expect(layer, isPadded ? { ...CONV_SETTINGS, padding: ['valid'] } : CONV_SETTINGS);
      isPadded = false;
      convs.push(unit);
      blocks[blocks.length - 1]!++;
    } else if (className === 'MaxPooling2D' && !pool && window === 1) {
      expect(layer, POOL_SETTINGS);
      blocks.push(0);
    } else if (className === 'Flatten') {
      expect(layer, CHANNELS_LAST);
      pool ??= window === 1 ? 'flatten' : `avg${window}`;
    } else if (/^Global(Average|Max)Pooling2D$/.test(className) && !pool && window === 1) {
      expect(layer, CHANNELS_LAST);
      pool = className === 'GlobalMaxPooling2D' ? 'max' : 'avg';
    } else if (className === 'AveragePooling2D' && !pool && window === 1 && isBehindBlock(blocks)) {
      window = averageWindow(layer);
    } else if (className === 'BatchNormalization' && convs.length > 0) {
      // Of a map (batch, row, column, channel), or of a row (batch, number).
      expect(layer, { axis: pool ? [-1, 1] : [-1, 3] });
      const last = dense.at(-1) ?? convs.at(-1)!;
      const isDirect = dense.length > 0 || (!pool && blocks.at(-1)! > 0);
      if (isDirect && last.activation === 'linear') norms.push({ layer, target: last.layer, isBehind: true });
      else if (dense.length > 0 || blocks.at(-1) === 0) waiting.push(layer);
      else throw unsupported(layer);
    } else if (className === 'Dense' && pool) {
      dense.push(unit);
      norms.push(...waiting.map((norm) => ({ layer: norm, target: layer, isBehind: false })));
      waiting = [];
    } else if (/^(Activation|ReLU|Softmax)$/.test(className)) {
      if (className === 'ReLU') expect(layer, RELU_SETTINGS);
      // Behind an average, ReLU is no longer the convolution's.
      if (dense.length === 0 && (pool === 'avg' || window > 1) && convs.at(-1)?.activation !== 'relu')
        throw unsupported(layer);
      applyActivation(dense.at(-1) ?? convs.at(-1), unit);
    } else throw unsupported(layer);
  }
  if (waiting[0]) throw unsupported(waiting[0]);
  if (window > 1 && !pool)
    throw new FileFault('nothing flattens what AveragePooling2D gives: expected Flatten');
  checkBlocks(blocks);
  const activation = checkActivations(convs, dense);
  return {
    convs: convs.map(({ layer }) => layer),
    dense: dense.map(({ layer }) => layer),
    norms,
    pool: pool ?? 'flatten',
    activation,
    notes,
    pixels,
    input: inputSize(chain),
    roundsUp: chain.some(
      ({ className, config }) => className === 'MaxPooling2D' && config.padding === 'same',
    ),
  };
}

/** Whether a border of one zero is for the next layer, a convolution without one: together they are VGG16's. */
function pads({ config }: ConfiguredLayer, next: ConfiguredLayer | undefined): boolean {
  const isOfOne = [config.padding].flat(2).every((width) => width === 1);
  return isOfOne && /^Conv(olution)?2D$/.test(next?.className ?? '') && next!.config.padding === 'valid';
}

/** What the outermost layer says that says it: (batch, height, width, 3). */
function inputSize(chain: readonly ConfiguredLayer[]): PictureSize | undefined {
  for (const { config } of chain) {
    const shape = config.batch_shape ?? config.batch_input_shape;
    const [, height, width] = Array.isArray(shape) ? (shape as unknown[]) : [];
    if (typeof height === 'number' && typeof width === 'number') return { height, width };
  }
  return undefined;
}

/** For each setting the values that VGG16's layer may have; what is not said is Keras' default. */
type Settings = Readonly<Record<string, readonly unknown[]>>;

const CHANNELS_LAST: Settings = { data_format: ['channels_last', 'default', null] };

const CONV_SETTINGS: Settings = {
  ...CHANNELS_LAST,
  kernel_size: [3],
  strides: [1],
  dilation_rate: [1],
  groups: [1],
  padding: ['same'],
};

/** On sides that halve evenly, as VGG16's do, `same` is `valid`. */
const POOL_SETTINGS: Settings = {
  ...CHANNELS_LAST,
  pool_size: [2],
  strides: [2, null],
  padding: ['valid', 'same'],
};

const RELU_SETTINGS: Settings = { max_value: [null], negative_slope: [0, null], threshold: [0, null] };

/** @param counts  of convolutions before each pooling, and behind the last */
function isBehindBlock(counts: readonly number[]): boolean {
  return counts.length > 1 && counts.at(-1) === 0;
}

/** Side of square windows that do not overlap. @throws FileFault for others */
function averageWindow(layer: ConfiguredLayer): number {
  const { pool_size: said = 2 } = layer.config;
  const [side] = [said].flat();
  expect(layer, { ...CHANNELS_LAST, pool_size: [side], strides: [side, null], padding: ['valid'] });
  if (typeof side === 'number' && side > 1 && poolNamed(`avg${side}`)) return side;
  throw unsupported(layer);
}

function expect({ name, className, config }: ConfiguredLayer, settings: Settings): void {
  for (const [key, allowed] of Object.entries(settings)) {
    const said = config[key];
    if (said === undefined) continue;
    const values = Array.isArray(said) ? said : [said];
    if (values.every((value) => allowed.includes(value))) continue;
    throw new FileFault(
      `layer ${quote(name)} (${className}) has ${key} ${quote(JSON.stringify(said))}, VGG16's has ${allowed[0]}`,
    );
  }
}

/** `relu`, or Keras 3's `{"class_name": "function", "config": "relu"}`. */
function activationOf({ className, config }: ConfiguredLayer): string {
  if (className === 'ReLU') return 'relu';
  if (className === 'Softmax') return 'softmax';
  const said = config.activation ?? 'linear';
  if (typeof said === 'string') return said;
  const { config: inner, class_name: name } = said as Json;
  return String(typeof inner === 'string' ? inner : name).toLowerCase();
}

/** An activation that is a layer of its own goes to the layer before it. */
function applyActivation(target: Unit | undefined, { layer, activation }: Unit): void {
  if (activation === 'linear' || (target?.activation === 'relu' && activation === 'relu')) return;
  if (target?.activation !== 'linear') throw unsupported(layer);
  target.activation = activation;
}

function unsupported(layer: ConfiguredLayer): FileFault {
  return new FileFault(`${named(layer)} is not supported in this place: ${SUPPORTED}`);
}

function named({ name, className, config }: ConfiguredLayer): string {
  const activation = typeof config.activation === 'string' ? ` ${config.activation}` : '';
  return `layer ${quote(name)} (${quote(className + activation).slice(1, -1)})`;
}

/** @param counts  of convolutions before each pooling, and behind the last */
function checkBlocks(counts: readonly number[]): void {
  if (counts.join() === [...CONVS_PER_BLOCK, 0].join()) return;
  if (counts.join() === CONVS_PER_BLOCK.join())
    throw new FileFault('not a VGG16: the pooling behind its last block is missing');
  if (counts.every((count) => count === 0)) {
    throw new FileFault(
      "a head without VGG16's convolutions: put it on the network that it was trained on, and save both together",
    );
  }
  const blocks = counts.at(-1) === 0 ? counts.slice(0, -1) : counts;
  const relative = RELATIVES.get(blocks.join());
  const found = `${blocks.join(', ')} convolutions in its blocks where VGG16 has ${CONVS_PER_BLOCK.join(', ')}`;
  throw new FileFault(relative ? `this looks like ${relative}: ${found}` : `not a VGG16: ${found}`);
}

function checkActivations(convs: readonly Unit[], dense: readonly Unit[]): Activation | undefined {
  for (const { layer, activation } of [...convs, ...dense.slice(0, -1)]) {
    if (activation !== 'relu') throw wrongActivation(layer, activation, 'only relu is supported there');
  }
  const last = dense.at(-1);
  if (!last) return undefined;
  const { layer, activation } = last;
  if (activation === 'softmax' || activation === 'sigmoid') return activation;
  if (activation === 'linear') return undefined;
  throw wrongActivation(layer, activation, 'softmax, sigmoid or linear is supported at the end');
}

function wrongActivation(
  { name, className }: ConfiguredLayer,
  activation: string,
  supported: string,
): FileFault {
  return new FileFault(
    `layer ${quote(name)} (${className}) has activation ${quote(activation)}: ${supported}`,
  );
}
