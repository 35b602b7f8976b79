// The layers of a PyTorch network by the order in which its file has them: where they are not called as torchvision calls
// them, where batch normalisation stands among them, and where a layer has no bias.
//
//   0.weight, 2.weight, ..., 1.0.weight        nn.Sequential(features, classifier)
//   conv1_1.weight, ..., fc8.weight            Oxford's names
//   features.0.weight, ..., fc.weight          a head beside the convolutions
//   features.1.running_mean                    a normalisation behind features.0, as VGG16-BN has them

import { CONVS, IMAGENET_CLASSES, torchvisionDense } from '../../architecture.js';
import { FileFault } from '../file.js';
import { type Affine, affineOf, foldedBehind, foldedInFront, zeros } from '../normalised.js';
import type { StridedTensor } from '../source.js';
import { reshaped, rowMajorStrides } from '../strided.js';
import { formatShape, listNames, quote } from '../text.js';

type Tensors = ReadonlyMap<string, StridedTensor>;

/** Tensors, and what was taken for granted of them. */
export interface Arranged {
  readonly tensors: Tensors;
  readonly notes: readonly string[];
}

/** What PyTorch's BatchNorm layers have where nothing else is said; a file of tensors does not say it. */
const EPSILON = 1e-5;
const EPSILON_NOTE = `batch normalisation is folded into the layers beside it, with PyTorch's usual epsilon of ${EPSILON}`;

const NORM_TENSORS = ['weight', 'bias', 'running_mean', 'running_var'] as const;

/** A module's name: what stands before the last dot. */
function moduleOf(tensor: string): string {
  return tensor.slice(0, Math.max(0, tensor.lastIndexOf('.')));
}

/** The modules with tensors, in order: the file's, or that of the numbers in their names. */
function modulesOf(tensors: Tensors, keepsOrder: boolean): string[] {
  const modules = [...new Set([...tensors.keys()].map(moduleOf))];
  return keepsOrder ? modules : modules.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

function kernelOf(tensors: Tensors, module: string): StridedTensor | undefined {
  const tensor = tensors.get(named(module, 'weight'));
  return tensor && tensor.shape.length >= 2 ? tensor : undefined;
}

function named(module: string, tensor: string): string {
  return module === '' ? tensor : `${module}.${tensor}`;
}

/** Whether a module is batch normalisation. */
export function hasNorms(names: Iterable<string>): boolean {
  return [...names].some((name) => name.endsWith('running_mean'));
}

/** Whether dense layers are among them that have no bias. */
export function hasBareDense(tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>): boolean {
  return [...tensors].some(
    ([name, { shape }]) =>
      shape.length === 2 && name.endsWith('.weight') && !tensors.has(named(moduleOf(name), 'bias')),
  );
}

/**
 * The tensors with batch normalisation folded into the layers beside it, and its own gone.
 *
 * @throws FileFault for one that stands where it cannot be folded, and where nothing tells the order of the layers
 */
export async function withNormsFolded(all: Tensors, keepsOrder: boolean): Promise<Arranged> {
  if (!hasNorms(all.keys())) return { tensors: all, notes: [] };
  const tensors = new Map(all);
  const modules = modulesOf(all, keepsOrder);
  const notes = [EPSILON_NOTE];
  for (const [i, module] of modules.entries()) {
    if (!all.has(named(module, 'running_mean'))) continue;
    const before = modules.slice(0, i).findLast((other) => kernelOf(all, other));
    const behind = modules.slice(i + 1).find((other) => kernelOf(all, other));
    const { target, isBehind, isTold } = placeOf(module, before, behind);
    if (!(isTold || keepsOrder))
      throw new FileFault(
        `where the normalisation ${quote(module)} stands is not told by its name; save the network as PyTorch's .pth, ` +
          'which keeps the order of its layers',
      );
    if (target === undefined)
      throw new FileFault(
        `the normalisation ${quote(module)} stands beside no layer that it can be folded into`,
      );
    if (!isTold)
      notes.push(
        `${quote(module)} is assumed to come directly ${isBehind ? 'after' : 'before'} ${quote(target)}, as in the file`,
      );
    const affine = await affineIn(all, module);
    for (const name of NORM_TENSORS) tensors.delete(named(module, name));
    fold(tensors, module, target, affine, isBehind);
  }
  return { tensors, notes };
}

interface Place {
  /** The layer that the normalisation goes into; undefined where there is none. */
  readonly target: string | undefined;
  /** Whether the normalisation stands behind it. */
  readonly isBehind: boolean;
  /** Whether numbers tell it. */
  readonly isTold: boolean;
}

/** Numbers of one Sequential tell whether an activation stands between: it has a number, too. */
function placeOf(module: string, before: string | undefined, behind: string | undefined): Place {
  const step = before === undefined ? undefined : stepBetween(before, module);
  const [own, others] = [module.split('.'), before?.split('.') ?? []];
  /** As a classifier's first layer follows the last of the features. */
  const beginsAnother = own.length > 1 && others.length > 1 && own[0] !== others[0];
  if (before !== undefined && step === 1) {
    if (behind !== undefined && stepBetween(module, behind) === 1)
      throw new FileFault(
        `${quote(behind)} follows ${quote(before)} with a normalisation between, and no ReLU: that is not supported`,
      );
    return { target: before, isBehind: true, isTold: true };
  }
  if (step !== undefined && step > 1) return { target: behind, isBehind: false, isTold: true };
  if (beginsAnother && behind !== undefined) {
    return { target: behind, isBehind: false, isTold: stepBetween(module, behind) !== undefined };
  }
  return { target: before, isBehind: true, isTold: false };
}

/** How many places on the second of two modules of one Sequential is; undefined where they are not. */
function stepBetween(first: string, second: string): number | undefined {
  const [a, b] = [first.split('.'), second.split('.')];
  const isOne = a.length === b.length && a.slice(0, -1).join() === b.slice(0, -1).join();
  const step = Number(b.at(-1) || Number.NaN) - Number(a.at(-1) || Number.NaN);
  return isOne && Number.isInteger(step) ? step : undefined;
}

async function affineIn(tensors: Tensors, module: string): Promise<Affine> {
  const mean = tensors.get(named(module, 'running_mean'))!;
  const variance = tensors.get(named(module, 'running_var'));
  if (!variance) throw new FileFault(`the normalisation ${quote(module)} has no running_var`);
  const [gamma, beta] = [tensors.get(named(module, 'weight')), tensors.get(named(module, 'bias'))];
  return await affineOf({ mean, variance, gamma, beta, epsilon: EPSILON });
}

function fold(
  tensors: Map<string, StridedTensor>,
  module: string,
  target: string,
  affine: Affine,
  isBehind: boolean,
): void {
  const kernel = kernelOf(tensors, target)!;
  const bias = tensors.get(named(target, 'bias')) ?? zeros(target, kernel.shape[0]!);
  if (!isBehind && kernel.shape.length !== 2) {
    throw new FileFault(
      `the normalisation ${quote(module)} comes before the convolution ${quote(target)}, whose padding it does not reach: ` +
        'that is not supported',
    );
  }
  const folded = isBehind
    ? foldedBehind({ kernel, bias }, affine)
    : foldedInFront({ kernel: byChannels(kernel, affine.scale.length), bias }, affine);
  const { shape } = kernel;
  tensors.set(named(target, 'weight'), { ...folded.kernel, shape, strides: rowMajorStrides(shape) });
  tensors.set(named(target, 'bias'), folded.bias);
}

/** A dense kernel (O,C*P) as (O,C,P) where a normalisation of C channels stands in front of the flattening. */
function byChannels(kernel: StridedTensor, channels: number): StridedTensor {
  const inputs = kernel.shape[1]!;
  const isMap = inputs !== channels && inputs % channels === 0;
  return isMap ? reshaped(kernel, 1, [channels, inputs / channels]) : kernel;
}

/** Zeros for every dense layer that has no bias. */
export function withBiases(all: Tensors): Tensors {
  const tensors = new Map<string, StridedTensor>();
  for (const [name, tensor] of all) {
    tensors.set(name, tensor);
    const bias = named(moduleOf(name), 'bias');
    const isBare = name.endsWith('.weight') && tensor.shape.length === 2 && !all.has(bias);
    if (isBare) tensors.set(bias, zeros(moduleOf(name), tensor.shape[0]!));
  }
  return tensors;
}

/** Convolutions that were numbered with normalisations between them, by torchvision's numbers without. */
export function withConvsNumbered(all: Tensors): Tensors {
  const numbers = [...all.keys()]
    .flatMap((name) => /^features\.(\d+)\.weight$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  if (numbers.length !== CONVS.length) return all;
  const renamed = new Map(numbers.map((number, i) => [`features.${number}`, CONVS[i]!.torchvision]));
  return new Map(
    [...all].map(([name, tensor]) => {
      const module = renamed.get(moduleOf(name));
      return [module === undefined ? name : named(module, name.slice(name.lastIndexOf('.') + 1)), tensor];
    }),
  );
}

/**
 * The network of a file in which nothing is called as torchvision calls it, or its head is not: thirteen convolutions and
 * then dense layers, each of which reads what the one before it gives, and no other tensor among them. It may be all of the
 * file, or what begins with a common prefix.
 *
 * @param all  in the order of the layers
 * @returns undefined where there is no such network
 */
export async function inOrderOfFile(
  all: Tensors,
): Promise<(Arranged & { readonly prefix: string }) | undefined> {
  const first = modulesOf(all, true).find((module) => isConv(kernelOf(all, module), 3));
  const steps = first?.split('.') ?? [];
  for (const depth of steps.keys()) {
    const prefix = steps
      .slice(0, depth)
      .map((step) => `${step}.`)
      .join('');
    const folded = await foldedIfPossible(new Map([...all].filter(([name]) => name.startsWith(prefix))));
    const within = folded && withBiases(folded.tensors);
    const layers = within && chainOf(within);
    if (!layers) continue;
    if (layers.length === CONVS.length) refuseHeadBeside(all, prefix, within);
    const names = layers.map((_, i) => CONVS[i]?.torchvision ?? torchvisionDense(i - CONVS.length));
    const tensors = layers.flatMap((layer, i) =>
      ['weight', 'bias'].map((tensor): [string, StridedTensor] => [
        `${names[i]}.${tensor}`,
        within.get(named(layer, tensor))!,
      ]),
    );
    const note =
      `its names, ${listNames([layers[0]!, layers.at(-1)!])}, are its own: layers are taken in the order of the file, with ` +
      "VGG16's poolings and ReLUs between them";
    return { tensors: new Map(tensors), notes: [note, ...folded.notes], prefix };
  }
  return undefined;
}

/**
 * @param prefix  of thirteen convolutions without a head
 * @throws FileFault for a dense layer beside them, in the Sequential or module that they are a part of
 */
function refuseHeadBeside(all: Tensors, prefix: string, convs: Tensors): void {
  const parent = prefix.split('.').slice(0, -2).join('.');
  const dense = [...all.values()].find(
    ({ name, shape }) =>
      !convs.has(name.slice(prefix.length)) && name.startsWith(parent) && shape.length === 2,
  );
  if (!dense || prefix === '') return;
  throw new FileFault(
    `the thirteen convolutions in ${quote(prefix.slice(0, -1))} have a head that does not read what they give: ` +
      `${quote(dense.name)} has the shape ${formatShape(dense.shape)}; a head that reads the average and the maximum of the map ` +
      "(fastai's AdaptiveConcatPool2d), or behind layers that VGG16 does not have, is not supported",
  );
}

/** Undefined where a normalisation stands in no network of this kind, as beside an optimiser's state. */
async function foldedIfPossible(tensors: Tensors): Promise<Arranged | undefined> {
  try {
    return await withNormsFolded(tensors, true);
  } catch (error) {
    if (error instanceof FileFault) return undefined;
    throw error;
  }
}

function isConv(kernel: StridedTensor | undefined, inputs: number): boolean {
  return kernel?.shape.slice(1).join() === [inputs, 3, 3].join();
}

/** The modules of a network from first to last; undefined where they do not follow each other as VGG16's do. */
function chainOf(tensors: Tensors): readonly string[] | undefined {
  const modules = modulesOf(tensors, true);
  const isLayer = (module: string) => kernelOf(tensors, module) && tensors.has(named(module, 'bias'));
  if (modules.length < CONVS.length || tensors.size !== 2 * modules.length || !modules.every(isLayer))
    return undefined;
  let width = 3;
  for (const [i, module] of modules.entries()) {
    const { shape } = kernelOf(tensors, module)!;
    const [outputs = 0, inputs = 0] = shape;
    const pixels = inputs / width;
    const readsMap = i === CONVS.length && Number.isInteger(Math.sqrt(pixels)) && pixels > 0;
    const fits =
      i < CONVS.length
        ? isConv(kernelOf(tensors, module), width)
        : shape.length === 2 &&
          (inputs === width || readsMap) &&
          !(i > CONVS.length && width === IMAGENET_CLASSES);
    if (!fits) return undefined;
    width = outputs;
  }
  return modules;
}
