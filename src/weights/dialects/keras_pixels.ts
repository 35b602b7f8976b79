// Keras' layers that prepare pixels within the model: Rescaling, Normalization, and the operations that
// `preprocess_input` becomes in a functional model.
//
//   Keras 3   GetItem, GetItem, GetItem, Stack, Add, TrueDivide, ...   operands in inbound_nodes: args
//   Keras 2   SlicingOpLambda, TFOpLambda "nn.bias_add", ...           operands in inbound_nodes: keywords
//
// A Lambda is Python's byte code, which nobody reads here.

import { FileFault } from '../file.js';
import { quote } from '../text.js';
import { argumentsOf, type ConfiguredLayer, isWhole, type Json } from './keras_config.js';
import { type PixelMap, reordered, scaled, shifted } from './pixel_map.js';

const PIXEL_LAYERS: ReadonlySet<string> = new Set([
  ...['Rescaling', 'Normalization', 'Lambda', 'TFOpLambda', 'SlicingOpLambda'],
  ...['Add', 'Subtract', 'Multiply', 'Divide', 'TrueDivide', 'GetItem', 'Stack', 'Flip', 'Cast'],
]);

/** What changes which pixels there are. */
const RESIZING: ReadonlySet<string> = new Set(['Resizing', 'CenterCrop', 'ZeroPadding2D', 'Cropping2D']);

const SWAPPED = [2, 1, 0];

/** Whether a layer in front of the first convolution prepares pixels, as far as its class tells. */
export function isPixelLayer({ className }: ConfiguredLayer): boolean {
  return PIXEL_LAYERS.has(className);
}

/** @throws FileFault for a layer that resizes or crops the picture */
export function refuseResizing({ className, name }: ConfiguredLayer): void {
  if (!RESIZING.has(className)) return;
  throw new FileFault(
    `layer ${quote(name)} (${className}) changes the picture's size within the model, which is not supported: save the ` +
      'model from the layer behind it; pictures are brought to size by --resize and --crop (framing)',
  );
}

/**
 * What a layer makes of pixels that have come through `map`; undefined where it cannot be known.
 *
 * @throws FileFault for numbers that are not in the model's description
 */
export function afterLayer(map: PixelMap, layer: ConfiguredLayer): PixelMap | undefined {
  const { className, config } = layer;
  if (className === 'Rescaling') {
    const [scale, offset] = [numbersIn(config.scale ?? 1), numbersIn(config.offset ?? 0)];
    return scale && offset && shifted(scaled(map, scale), offset);
  }
  if (className === 'Normalization') return normalised(map, config);
  if (className === 'Stack') {
    return Array.isArray(config.channels) ? reordered(map, config.channels as number[]) : undefined;
  }
  if (className === 'SlicingOpLambda')
    return isReversal(keywordsOf(layer)?.slice_spec) ? reordered(map, SWAPPED) : undefined;
  if (className === 'GetItem')
    return isReversal(argumentsOf(layer)?.[1]) ? reordered(map, SWAPPED) : undefined;
  if (className === 'TFOpLambda') {
    const { function: name = '' } = config;
    const { y, bias, axis } = keywordsOf(layer) ?? {};
    if (/(^|\.)reverse$/.test(String(name)))
      return [-1, 3].includes(Number([axis].flat()[0])) ? reordered(map, SWAPPED) : undefined;
    return computed(map, String(name).replace(/^.*\./, ''), numbersIn(bias ?? y));
  }
  if (className === 'Flip')
    return [-1, 3].includes(Number(config.axis)) ? reordered(map, SWAPPED) : undefined;
  if (className === 'Cast') return map;
  const [first, second] = argumentsOf(layer) ?? [];
  // A number minus pixels turns them over, which no one does.
  if (numbersIn(first) && !/^(Add|Multiply)$/.test(className)) return undefined;
  return computed(map, className.toLowerCase(), numbersIn(second) ?? numbersIn(first));
}

function computed(
  map: PixelMap,
  operation: string,
  operand: readonly number[] | undefined,
): PixelMap | undefined {
  if (operation === 'cast') return map;
  if (!operand) return undefined;
  if (/^(add|bias_add|__add__|__operators__add)$/.test(operation)) return shifted(map, operand);
  if (/^(subtract|sub)$/.test(operation))
    return shifted(
      map,
      operand.map((value) => -value),
    );
  if (/^(multiply|mul)$/.test(operation)) return scaled(map, operand);
  if (/^(divide|truediv|truedivide)$/.test(operation))
    return scaled(
      map,
      operand.map((value) => 1 / value),
    );
  return undefined;
}

function normalised(map: PixelMap, { mean, variance, invert }: Json): PixelMap | undefined {
  const [means, variances] = [numbersIn(mean), numbersIn(variance)];
  if (!means || !variances || invert === true) return undefined;
  const centred = shifted(
    map,
    means.map((value) => -value),
  );
  return scaled(
    centred,
    variances.map((value) => 1 / Math.max(Math.sqrt(value), 1e-7)),
  );
}

/** One number, or one for each colour, however deep in lists, tensors and arrays; undefined for anything else. */
function numbersIn(value: unknown): readonly number[] | undefined {
  const found: number[] = [];
  const collect = (item: unknown): boolean => {
    if (typeof item === 'number') return Number.isFinite(item) && found.push(item) <= 3;
    if (Array.isArray(item)) return item.length <= 3 && item.every(collect);
    if (typeof item !== 'object' || item === null) return false;
    const { class_name: className, config } = item as Json;
    if (className === '__tensor__' || className === '__numpy__')
      return collect((config as Json | undefined)?.value);
    return false;
  };
  return collect(value) && (found.length === 1 || found.length === 3) ? found : undefined;
}

/** `[..., ::-1]` and nothing else. */
function isReversal(slices: unknown): boolean {
  const last = Array.isArray(slices) ? slices.at(-1) : undefined;
  if (typeof last !== 'object' || last === null) return false;
  const { config } = last as Json;
  const { start = null, stop = null, step } = (config ?? last) as Json;
  const others = (slices as unknown[]).slice(0, -1);
  return start === null && stop === null && step === -1 && others.every(isWhole);
}

/** Keras 2: `["input_3", 0, 0, {"y": 255.0}]`, which some versions put into another list. */
function keywordsOf({ calls }: ConfiguredLayer): Json | undefined {
  let call: unknown = calls;
  while (Array.isArray(call) && Array.isArray(call[0])) call = call[0];
  const keywords =
    Array.isArray(call) && typeof call[0] === 'string' && call[0] !== '_CONSTANT_VALUE' ? call[3] : undefined;
  return typeof keywords === 'object' && keywords !== null ? (keywords as Json) : undefined;
}
