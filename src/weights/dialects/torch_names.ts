// What PyTorch's names tell of a network besides its convolutions: how its pixels are prepared, and the order of dense
// layers that have names instead of numbers:
//
//   classifier.fc1.weight, classifier.fc2.weight, ...     nn.Sequential(OrderedDict([('fc1', nn.Linear(...)), ...]))
//   classifier.0.weight, ..., classifier.6.out.weight     the same in the place of torchvision's last layer

import { DENSE_OUTPUTS, IMAGENET_CLASSES, torchvisionDense } from '../../architecture.js';
import { WeightsError } from '../../errors.js';
import type { FoundVgg16 } from '../archive.js';
import { MAX_DEPTH } from '../head.js';
import type { StridedTensor, WeightsSource } from '../source.js';
import { listNames } from '../text.js';

const DENSE_TENSOR = /^(classifier(?:\.[^.]+)+)\.(?:weight|bias)$/;
const NAMED = /\.\d*[^.\d]/;

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/**
 * Whether any dense layer has a name instead of a number. Only kernels are asked: what else has a weight below
 * `classifier`, as a normalisation has, stays an unknown tensor.
 */
export function hasNamedDense(tensors: Shapes): boolean {
  return denseLayers(tensors).some((layer) => NAMED.test(layer));
}

/**
 * The tensors with their dense layers called `classifier.0`, `classifier.3`, ... where any of them had a name.
 *
 * @param tensors     by their names behind the network's prefix
 * @param keepsOrder  whether the tensors are in the order of the layers; else the widths must tell it
 * @throws WeightsError for a layer without a bias, for what is no dense layer, and where the widths fit in no order or
 *   in several
 */
export function withNumberedDense(
  path: string,
  tensors: ReadonlyMap<string, StridedTensor>,
  keepsOrder: boolean,
): ReadonlyMap<string, StridedTensor> {
  const layers = denseLayers(tensors);
  if (!layers.some((layer) => NAMED.test(layer))) return tensors;
  const fault = (what: string) => new WeightsError(`${path}: not a VGG16: ${what}`);
  const missing = layers.map((layer) => `${layer}.bias`).filter((bias) => !tensors.has(bias));
  if (missing.length > 0) throw fault(`only part of the classifier, missing: ${listNames(missing)}`);
  // Among numbered layers, what is none would be taken for one.
  const known = new Set(layers.flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]));
  const unknown = [...tensors.keys()].filter((name) => name.startsWith('classifier.') && !known.has(name));
  if (unknown.length > 0) throw fault(`unknown tensors: ${listNames(unknown)}`);
  // Too many are refused in any order.
  const ordered = keepsOrder || layers.length > MAX_DEPTH ? layers : orderByWidths(path, layers, tensors);
  const numbers = new Map(ordered.map((layer, i) => [layer, torchvisionDense(i)]));
  const renamed = [...tensors].map(([name, tensor]): [string, StridedTensor] => {
    const layer = DENSE_TENSOR.exec(name)?.[1] ?? '';
    const number = numbers.get(layer);
    return [number === undefined ? name : number + name.slice(layer.length), tensor];
  });
  return new Map(renamed);
}

/** In the file's order: what has a kernel (O,I). */
function denseLayers(tensors: Shapes): string[] {
  return [...tensors].flatMap(([name, { shape }]) => {
    const isKernel = name.endsWith('.weight') && shape.length === 2;
    return (isKernel && DENSE_TENSOR.exec(name)?.[1]) || [];
  });
}

/** The one order in which each layer reads as many numbers as the one before it gives. */
function orderByWidths(path: string, layers: readonly string[], tensors: Shapes): readonly string[] {
  const shapeOf = (layer: string) => tensors.get(`${layer}.weight`)!.shape as [number, number];
  const fault = (what: string) =>
    new WeightsError(
      `${path}: the order of the dense layers ${listNames(layers)} is not told by their names, and ${what}; ` +
        "save them as PyTorch's .pth, which keeps it",
    );
  const shapes = layers.map((layer) => shapeOf(layer).join());
  const twin = layers.find((_, i) => shapes.indexOf(shapes[i]!) < i);
  if (twin !== undefined) {
    const first = layers[shapes.indexOf(shapeOf(twin).join())]!;
    throw fault(`${listNames([first, twin])} have the same shape`);
  }
  const orders: string[][] = [];
  const extend = (order: readonly string[]): void => {
    if (order.length === layers.length) orders.push([...order]);
    const width = order.length > 0 ? shapeOf(order.at(-1)!)[0] : undefined;
    for (const layer of layers) {
      if (orders.length > 1) return;
      if (order.includes(layer) || (width !== undefined && shapeOf(layer)[1] !== width)) continue;
      extend([...order, layer]);
    }
  };
  extend([]);
  const [only, another] = orders;
  if (!only) throw fault('their widths fit in none');
  if (another) throw fault('their widths fit in several');
  return only;
}

/** The dense layers of torchvision's own head. */
const TORCHVISION_HEAD = DENSE_OUTPUTS.map((_, i) => torchvisionDense(i));

/**
 * What tells how pixels are prepared: nothing but the names, unless metadata say it.
 *
 * @param tensors  by their names behind the network's prefix
 */
export function evidenceOf(
  tensors: Shapes,
  metadata: WeightsSource['metadata'],
): Pick<FoundVgg16, 'guessedBy' | 'isPublished'> {
  if (metadata.preprocess !== undefined) return {};
  const isHeadless = ![...tensors.keys()].some((name) => !name.startsWith('features.'));
  const isPublished = isHeadless || isOwnTimm(tensors) || isOwnTorchvision(tensors);
  return { guessedBy: 'its names', isPublished };
}

function isOwnTimm(tensors: Shapes): boolean {
  return tensors.has('pre_logits.fc1.weight') && tensors.has('pre_logits.fc2.weight');
}

function isOwnTorchvision(tensors: Shapes): boolean {
  const layers = denseLayers(tensors);
  return (
    layers.length === TORCHVISION_HEAD.length &&
    layers.every((layer) => TORCHVISION_HEAD.includes(layer)) &&
    tensors.get(`${TORCHVISION_HEAD.at(-1)}.weight`)?.shape[0] === IMAGENET_CLASSES
  );
}
