// The head of a VGG16: what its dense layers are called in a weights file, and what the first of them reads.
//
//   naming        layers                                          first kernel        the others
//   torchvision   classifier.N, or deeper: classifier.6.0, ...;   (O, C*S*S) or,      (O, I)
//                 any number of them, in the order of their       averaged, (O, C)
//                 numbers; a single one may be `classifier`
//   timm          pre_logits.fc1, pre_logits.fc2, head.fc         (O, C, S, S)        (O, I, 1, 1), the last (O, I)
//
// torchvision's own is classifier.0, .3, .6: ReLU and dropout take numbers, too.

import { type FeatureLayer, featureSideOf, isFlattened, type Pool, windowOf } from '../architecture.js';
import { WeightsError } from '../errors.js';
import { saidPool, saidSize } from './head_metadata.js';
import { matchShape, type ShapePattern } from './shapes.js';
import type { TensorEntry, WeightsSource } from './source.js';
import { formatShape, quote } from './text.js';

/** torchvision's and timm's heads have three; more than this is no classifier that anyone trained. */
export const MAX_DEPTH = 16;

export interface HeadNaming {
  readonly dialect: 'torchvision' | 'timm';
  /** The dense layers' names without `.weight` and `.bias`, first to last; at least one. */
  readonly layers: readonly string[];
}

const TIMM: HeadNaming = { dialect: 'timm', layers: ['pre_logits.fc1', 'pre_logits.fc2', 'head.fc'] };

const TORCHVISION_TENSOR = /^(classifier(?:\.(?:0|[1-9]\d{0,3}))*)\.(?:weight|bias)$/;

/**
 * The head that a file with these tensors has, or begins to have; undefined where none of its names is a head's.
 *
 * @throws WeightsError for more layers than a head may have, and for two without room for a ReLU between them
 */
export function headNamingOf({ path, tensors }: WeightsSource): HeadNaming | undefined {
  const names = [...tensors.keys()];
  const layers = new Set(names.flatMap((name) => TORCHVISION_TENSOR.exec(name)?.[1] ?? []));
  if (layers.size === 0) {
    return TIMM.layers.some((layer) => tensors.has(`${layer}.weight`) || tensors.has(`${layer}.bias`))
      ? TIMM
      : undefined;
  }
  if (layers.size > MAX_DEPTH) {
    throw new WeightsError(
      `${path}: the classifier has ${layers.size} dense layers; at most ${MAX_DEPTH} are supported`,
    );
  }
  if (lacksMiddle(layers)) layers.add('classifier.3');
  const ordered = [...layers].sort(byNumericPath);
  const isDense = (layer: string) => (tensors.get(`${layer}.weight`)?.shape.length ?? 0) > 1;
  const adjacent = ordered.findIndex((layer, i) => leavesNoRoom(ordered[i - 1], layer) && isDense(layer));
  if (adjacent > 0) {
    const [before, layer] = [ordered[adjacent - 1]!, ordered[adjacent]!].map(quote);
    throw new WeightsError(
      `${path}: ${layer} follows ${before} without a ReLU between, as their numbers tell: a head behind a head is not ` +
        'supported; put the new layer in the place of the old one, and train that',
    );
  }
  return { dialect: 'torchvision', layers: ordered };
}

/** How many outputs the last dense layer has, by its kernel; undefined where there is none. @throws WeightsError as `headNamingOf` */
export function classifierOutputs(source: WeightsSource): number | undefined {
  const last = headNamingOf(source)?.layers.at(-1);
  return source.tensors.get(`${last}.weight`)?.shape[0];
}

/** torchvision's head without its second layer: fc2 is square, so that the widths fit all the same. */
function lacksMiddle(layers: ReadonlySet<string>): boolean {
  const places = new Set([...layers].map((layer) => numericPath(layer)[0]));
  return places.has(0) && places.has(6) && ![1, 2, 3, 4, 5].some((place) => places.has(place));
}

/** Whether no activation has a number between two layers of one Sequential. */
function leavesNoRoom(before: string | undefined, layer: string): boolean {
  if (before === undefined) return false;
  const [a, b] = [numericPath(before), numericPath(layer)];
  return a.length === b.length && b.every((place, i) => place - a[i]! === (i === b.length - 1 ? 1 : 0));
}

function numericPath(layer: string): number[] {
  return layer.split('.').slice(1).map(Number);
}

/** classifier.3 before classifier.10, and classifier.6 before classifier.6.0. */
function byNumericPath(one: string, other: string): number {
  const [a, b] = [numericPath(one), numericPath(other)];
  const differs = a.findIndex((place, i) => place !== b[i]);
  return differs < 0 ? a.length - b.length : a[differs]! - (b[differs] ?? -1);
}

/** What a dense layer's kernel must look like behind `inputs` units. */
export function denseShape({ dialect, layers }: HeadNaming, layer: string, inputs: number): ShapePattern {
  return dialect === 'timm' && layer !== layers.at(-1) ? ['O', inputs, 1, 1] : ['O', inputs];
}

/** What the first dense layer reads: a flattened map of this side, or a number for each channel. */
export interface HeadInput {
  readonly pool: Pool;
  /** Side of the map that is flattened; undefined where one number for each channel is read, whatever its size. */
  readonly featureSide: number | undefined;
  /** Side in px of the pictures that the head was trained with; undefined where the file does not say it. */
  readonly size: number | undefined;
}

/**
 * What the head reads of a last feature map of `channels` channels, by the metadata `pool`, else by the first kernel's
 * shape: flattened.
 *
 * @throws WeightsError where the shape suits neither, or not what the metadata `pool` and `size` say
 */
export function headInputOf(
  source: WeightsSource,
  naming: HeadNaming,
  kernel: TensorEntry,
  features: FeatureLayer,
  channels: number,
): HeadInput {
  const input = mapOf(source, naming, kernel, channels);
  const size = saidSize(source);
  const mapSide = size && featureSideOf(size, features);
  const side = mapSide && Math.floor(mapSide / windowOf(input.pool));
  if (side === undefined || input.featureSide === undefined || side === input.featureSide)
    return { ...input, size };
  throw new WeightsError(
    `${source.path}: metadata size is "${size}", of which ${features} makes a map of side ${mapSide}, but ` +
      `${quote(kernel.name)} reads one of side ${input.featureSide}`,
  );
}

function mapOf(
  source: WeightsSource,
  { dialect }: HeadNaming,
  kernel: TensorEntry,
  channels: number,
): Omit<HeadInput, 'size'> {
  const pool = saidPool(source);
  if (dialect === 'timm') {
    const { S } = matchShape(source, kernel, ['O', channels, 'S', 'S']);
    const isMap = pool === undefined || isFlattened(pool);
    if (isMap) return { pool: pool ?? 'flatten', featureSide: S! };
    throw new WeightsError(
      `${source.path}: metadata pool is ${quote(pool)}, but ${quote(kernel.name)} of shape ${formatShape(kernel.shape)} reads ` +
        'a flattened feature map',
    );
  }
  if (pool !== undefined && !isFlattened(pool)) {
    matchShape(source, kernel, ['O', channels]);
    return { pool, featureSide: undefined };
  }
  const { I } = matchShape(source, kernel, ['O', 'I']);
  const featureSide = squareSide(I!, channels);
  if (featureSide !== undefined) return { pool: pool ?? 'flatten', featureSide };
  throw new WeightsError(
    `${source.path}: tensor ${quote(kernel.name)}: expected shape (O, ${channels} * S * S) for a square feature map ` +
      `of ${channels} channels, found ${formatShape(kernel.shape)}`,
  );
}

/** Side of the square feature map that has this many numbers; undefined where none has. */
export function squareSide(size: number, channels: number): number | undefined {
  const side = Math.sqrt(size / channels);
  return Number.isInteger(side) && side > 0 ? side : undefined;
}
