// What a VGG16 of another tool becomes as safetensors: torchvision's names, a number format, and metadata that say where it
// is from and what input it expects.

import type { Activation } from '../architecture.js';
import { UsageError } from '../errors.js';
import type { Preprocess } from './archive.js';
import { chunkOptions, type WorkOptions } from './chunks.js';
import { readFinite } from './finite.js';
import { SAID_OF_NETWORKS, withoutKeys } from './foreign_metadata.js';
import type { OpenedWeights, Origin } from './opened.js';
import { preprocessText } from './preprocess.js';
import type { TensorToWrite } from './safetensors.js';
import { BYTES_PER_ELEMENT, type Dtype } from './source.js';
import { sizeOf } from './strided.js';
import { fileName } from './text.js';
import { type NamedTensor, torchvisionTensors } from './torchvision.js';
import { describeVgg16, type Vgg16Weights } from './vgg16.js';

/** What may be said of a conversion's result. */
export interface ResultOptions {
  /** What to write; by default ONNX where the output's name ends with `.onnx`, else safetensors. */
  readonly format?: 'safetensors' | 'onnx' | undefined;
  /** Default: f16 where all of the input's tensors are, else f32. */
  readonly dtype?: 'f32' | 'f16' | undefined;
  /** Names of the classifier's outputs, in their order. Default: those that the file says. */
  readonly classes?: readonly string[] | undefined;
  /** For the metadata: where the weights are from. Default: what the file says, else its name and format. */
  readonly source?: string | undefined;
  /** For the metadata: the licence of the weights. Default: what the file says. */
  readonly licence?: string | undefined;
}

/** What `convertWeights` has made of what. */
export interface Conversion {
  /** Of the input, for people: "PyTorch (zip)". */
  readonly format: string;
  readonly dtype: 'F32' | 'F16';
  readonly layers: number;
  readonly parameters: number;
  /** Of the output's tensors. */
  readonly bytes: number;
  readonly preprocess: Preprocess;
  /** What makes probabilities of the classifier's outputs. */
  readonly activation: Activation;
  /** Outputs of the classifier, 0 without one. */
  readonly classes: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** What was taken for granted, a line each. */
  readonly notes: readonly string[];
  readonly tensors: readonly ConvertedTensor[];
}

export interface ConvertedTensor {
  /** In the output, in torchvision's names. */
  readonly name: string;
  readonly shape: readonly number[];
  /** In the input. */
  readonly from: Origin;
}

export const DTYPES = { f32: 'F32', f16: 'F16' } as const;

/**
 * What an opened VGG16 becomes.
 *
 * @throws WeightsError for what is no VGG16; UsageError for classes that do not fit the classifier
 */
export function conversionOf(source: OpenedWeights, options: ResultOptions): Conversion {
  const weights = describeVgg16(source);
  checkClasses(weights, options.classes);
  const tensors = torchvisionTensors(weights);
  const dtype = options.dtype === undefined ? ownDtype(tensors) : DTYPES[options.dtype];
  const parameters = tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return {
    format: source.format,
    dtype,
    layers: tensors.length / 2,
    parameters,
    bytes: parameters * BYTES_PER_ELEMENT[dtype],
    preprocess: weights.preprocess,
    activation: weights.activation,
    classes: weights.dense.at(-1)?.outputs ?? 0,
    metadata: metadataOf(source, weights, options),
    notes: source.notes,
    tensors: tensors.map(({ name, shape, entry }) => ({
      name,
      shape,
      from: source.origins.get(entry.name)!,
    })),
  };
}

/**
 * The tensors for `writeSafetensors`, from the first layer to the last, none of their numbers NaN or infinite. They are read
 * while they are written.
 *
 * @throws WeightsError as `readFinite`, the signal's reason; both while they are read
 */
export function tensorsToWrite(weights: Vgg16Weights, dtype: Dtype, options: WorkOptions): TensorToWrite[] {
  const tensors = torchvisionTensors(weights);
  const entries = tensors.map(({ entry }) => entry);
  const reading = { ...chunkOptions(entries, options), buffers: {} };
  return tensors.map(({ name, shape, entry }) => {
    return { name, dtype, shape, data: readFinite(weights.source, entry, dtype, reading) };
  });
}

/** The least that holds all numbers of the file; BF16, which few programs read, is widened. */
function ownDtype(tensors: readonly NamedTensor[]): 'F32' | 'F16' {
  return tensors.every(({ entry }) => entry.dtype === 'F16') ? 'F16' : 'F32';
}

function checkClasses({ source, dense }: Vgg16Weights, classes: readonly string[] | undefined): void {
  const outputs = dense.at(-1)?.outputs;
  if (classes === undefined || classes.length === outputs) return;
  const named = classes.length === 1 ? '1 class was' : `${classes.length} classes were`;
  const width = outputs === 1 ? '1 output' : `${outputs} outputs`;
  const has = outputs === undefined ? 'has no classifier' : `has a classifier with ${width}`;
  throw new UsageError(`${named} named, but ${source.path} ${has}`);
}

/**
 * What the file says of itself, with the rest filled in. ImageNet's classes are not listed: 1000 outputs without names
 * are taken for them.
 */
function metadataOf(
  { path, format, metadata, ownMetadata, base }: OpenedWeights,
  { dense, pool, classes, preprocess, activation }: Vgg16Weights,
  options: ResultOptions,
): Record<string, string> {
  // What a head says of itself is not all true of it with its base. The dtype is that of the file as it was.
  const asItStands = base ? {} : withoutKeys(ownMetadata ?? {}, SAID_OF_NETWORKS);
  const { dtype: _, ...own } = { ...metadata, ...asItStands };
  const names = options.classes ?? classes;
  return {
    ...own,
    format: 'pt', // for libraries that ask whether a file is PyTorch's
    source: options.source ?? own.source ?? `${fileName(path)} (${format})`,
    preprocess: preprocessText(preprocess),
    ...(dense.length > 0 && { pool, activation }),
    ...(names && { classes: JSON.stringify(names) }),
    ...(options.licence !== undefined && { license: options.licence }),
  };
}
