// Reads a chain of Keras' layers as a VGG16: thirteen convolutions in five blocks, then dense layers, and between them
// nothing that computes anything else.

import { FileFault } from '../file.js';
import { quote } from '../text.js';
import type { ConfiguredLayer, Json } from './keras_config.js';

export interface KerasNetwork {
  readonly convs: readonly ConfiguredLayer[];
  readonly dense: readonly ConfiguredLayer[];
  readonly pool: 'flatten' | 'avg';
  /** Of the last dense layer. */
  readonly output: 'softmax' | 'linear' | 'sigmoid';
  readonly notes: readonly string[];
}

/** Convolutions of the five blocks, each of which a pooling ends. */
export const BLOCKS: readonly number[] = [2, 2, 3, 3, 3];

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

const PREPARATION: ReadonlySet<string> = new Set([
  'Rescaling',
  'Normalization',
  'Lambda',
  'TFOpLambda',
  'SlicingOpLambda',
  'Resizing',
  'CenterCrop',
]);

const SUPPORTED =
  'convolutions and max poolings of VGG16, then Flatten or GlobalAveragePooling2D, Dense with ReLU between, softmax';

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
  const blocks = [0];
  let pool: KerasNetwork['pool'] | undefined;
  for (const layer of chain) {
    const { className } = layer;
    const unit = { layer, activation: activationOf(layer) };
    if (IDLE.has(className)) continue;
    if (AUGMENTATION.test(className))
      notes.push(`left out: ${layer.name} (${className}), which acts in training only`);
    else if (/^Conv(olution)?2D$/.test(className) && !pool) {
      expect(layer, CONV_SETTINGS);
      convs.push(unit);
      blocks[blocks.length - 1]!++;
    } else if (className === 'MaxPooling2D' && !pool) {
      expect(layer, POOL_SETTINGS);
      blocks.push(0);
    } else if (className === 'Flatten') {
      expect(layer, CHANNELS_LAST);
      pool ??= 'flatten';
    } else if (className === 'GlobalAveragePooling2D' && !pool) {
      expect(layer, CHANNELS_LAST);
      pool = 'avg';
    } else if (className === 'Dense' && pool) dense.push(unit);
    else if (/^(Activation|ReLU|Softmax)$/.test(className)) {
      if (className === 'ReLU') expect(layer, RELU_SETTINGS);
      // Behind an average, ReLU is no longer the convolution's.
      if (dense.length === 0 && pool === 'avg' && convs.at(-1)?.activation !== 'relu')
        throw unsupported(layer);
      applyActivation(dense.at(-1) ?? convs.at(-1), unit);
    } else throw unsupported(layer, convs.length === 0 && PREPARATION.has(className));
  }
  checkBlocks(blocks);
  const output = checkActivations(convs, dense);
  return {
    convs: convs.map(({ layer }) => layer),
    dense: dense.map(({ layer }) => layer),
    pool: pool ?? 'flatten',
    output,
    notes,
  };
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
  use_bias: [true],
};

/** On sides that halve evenly, as VGG16's do, `same` is `valid`. */
const POOL_SETTINGS: Settings = {
  ...CHANNELS_LAST,
  pool_size: [2],
  strides: [2, null],
  padding: ['valid', 'same'],
};

const RELU_SETTINGS: Settings = { max_value: [null], negative_slope: [0, null], threshold: [0, null] };

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

function unsupported({ name, className, config }: ConfiguredLayer, prepares = false): FileFault {
  const activation = typeof config.activation === 'string' ? ` ${config.activation}` : '';
  const which = `layer ${quote(name)} (${quote(className + activation).slice(1, -1)})`;
  if (prepares) {
    return new FileFault(
      `${which} prepares pixels within the model, which is not supported: save the model without it, ` +
        'trained on what keras.applications.vgg16.preprocess_input makes',
    );
  }
  return new FileFault(`${which} is not supported in this place: ${SUPPORTED}`);
}

/** @param counts  of convolutions before each pooling, and behind the last */
function checkBlocks(counts: readonly number[]): void {
  if (counts.join() === [...BLOCKS, 0].join()) return;
  if (counts.join() === BLOCKS.join())
    throw new FileFault('not a VGG16: the pooling behind its last block is missing');
  const blocks = counts.at(-1) === 0 ? counts.slice(0, -1) : counts;
  const relative = RELATIVES.get(blocks.join());
  const found = `${blocks.join(', ')} convolutions in its blocks where VGG16 has ${BLOCKS.join(', ')}`;
  throw new FileFault(relative ? `this looks like ${relative}: ${found}` : `not a VGG16: ${found}`);
}

function checkActivations(convs: readonly Unit[], dense: readonly Unit[]): KerasNetwork['output'] {
  for (const { layer, activation } of [...convs, ...dense.slice(0, -1)]) {
    if (activation !== 'relu') throw wrongActivation(layer, activation, 'only relu is supported there');
  }
  const last = dense.at(-1);
  if (!last) return 'linear';
  const { layer, activation } = last;
  if (activation === 'softmax' || activation === 'linear') return activation;
  if (activation === 'sigmoid' && layer.config.units === 1) return 'sigmoid';
  throw wrongActivation(
    layer,
    activation,
    activation === 'sigmoid'
      ? 'that is supported for a single output only'
      : 'softmax or linear is supported at the end, or sigmoid with a single output',
  );
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
