// Another tool's VGG16 becomes a safetensors file that says where it is from and what input it expects.

import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Activation } from '../architecture.js';
import { OutputError, UsageError } from '../errors.js';
import {
  CHECKED_IN_USE,
  callback,
  checkOptions,
  flag,
  type OptionRules,
  oneOf,
  path,
  signal,
  text,
} from '../options.js';
import { isUrl } from '../realm.js';
import { ACTIVATION } from './activation.js';
import type { Preprocess } from './archive.js';
import { checkNames } from './checks.js';
import type { WorkOptions } from './chunks.js';
import { SAID_OF_NETWORKS, withoutKeys } from './foreign_metadata.js';
import { type OpenedWeights, type Origin, openWeights } from './open.js';
import { PREPROCESS, PREPROCESS_TEXTS } from './preprocess.js';
import { BYTES_PER_ELEMENT } from './source.js';
import { sizeOf } from './strided.js';
import { type NamedTensor, torchvisionTensors } from './torchvision.js';
import { describeVgg16, type Vgg16Weights } from './vgg16.js';
import { writeVgg16 } from './write.js';

export interface ConvertOptions extends WorkOptions {
  /** Of a head: the file of its base, instead of the one that it says. */
  readonly base?: string | URL | undefined;
  /** Default: f16 where all of the input's tensors are, else f32. */
  readonly dtype?: 'f32' | 'f16' | undefined;
  /** What input the network expects, where the file does not say it or says it wrongly. */
  readonly preprocess?: Preprocess | undefined;
  /** What makes probabilities of the outputs, where the file does not say it or says it wrongly. */
  readonly activation?: Activation | undefined;
  /** Names of the classifier's outputs, in their order. Default: those that the file says. */
  readonly classes?: readonly string[] | undefined;
  /** For the metadata: where the weights are from. Default: what the file says, else its name and format. */
  readonly source?: string | undefined;
  /** For the metadata: the licence of the weights. Default: what the file says. */
  readonly licence?: string | undefined;
  /** Whether a file that is there already may be replaced; false where absent. */
  readonly overwrite?: boolean | undefined;
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

/**
 * Converts a VGG16 of any format that `VGG16.load` reads to safetensors in torchvision's names; a trained head together
 * with its base, which the output does not need any more. Streams: memory does not grow with the file. The output
 * appears only when it is complete and on the disk.
 *
 * @param input  a path or a `file:` URL
 * @throws WeightsError for an input that is missing, damaged or no VGG16, and for numbers that are not finite in the
 *                      dtype, with tensor and place
 * @throws OutputError  where the output is there already or cannot be written
 * @throws UsageError   for an unknown dtype, preprocess or activation, classes that are no names or do not fit the classifier, and
 *                      where the output is a file that is read
 * @throws the signal's reason
 */
export async function convertWeights(
  input: string | URL,
  output: string,
  options: ConvertOptions = {},
): Promise<Conversion> {
  const { classes, preprocess, activation, base, onProgress, signal } = options;
  checkOptions('convertWeights()', options, CONVERT_OPTIONS);
  if (classes !== undefined) checkNames('classes', classes);
  await checkOutput([isUrl(input) ? fileURLToPath(input) : input], output, options);
  const source = await openWeights(input, { preprocess, activation, base });
  try {
    await checkOutput([source.path, ...(source.base ? [source.base.path] : [])], output, options);
    const weights = describeVgg16(source);
    checkClasses(weights, classes);
    const tensors = torchvisionTensors(weights);
    const dtype = options.dtype === undefined ? ownDtype(tensors) : DTYPES[options.dtype];
    const metadata = metadataOf(source, weights, options);
    await writeVgg16(output, weights, { dtype, metadata, onProgress, signal });
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
      metadata,
      notes: source.notes,
      tensors: tensors.map(({ name, shape, entry }) => ({
        name,
        shape,
        from: source.origins.get(entry.name)!,
      })),
    };
  } finally {
    await source.close();
  }
}

const DTYPES = { f32: 'F32', f16: 'F16' } as const;

/** The least that holds all numbers of the file; BF16, which few programs read, is widened. */
function ownDtype(tensors: readonly NamedTensor[]): 'F32' | 'F16' {
  return tensors.every(({ entry }) => entry.dtype === 'F16') ? 'F16' : 'F32';
}

const CONVERT_OPTIONS: OptionRules<ConvertOptions> = {
  base: path,
  dtype: oneOf(...(Object.keys(DTYPES) as (keyof typeof DTYPES)[])),
  preprocess: PREPROCESS,
  activation: ACTIVATION,
  classes: CHECKED_IN_USE,
  source: text,
  licence: text,
  overwrite: flag,
  onProgress: callback(),
  signal,
};

async function checkOutput(
  inputs: readonly string[],
  output: string,
  { overwrite = false }: ConvertOptions,
): Promise<void> {
  const existing = await realPath(output);
  if (existing === undefined) return;
  for (const input of inputs) {
    if (existing !== (await realPath(input))) continue;
    throw new UsageError(`${output} would be converted onto itself; name another file to write`);
  }
  if (!overwrite)
    throw new OutputError(`cannot write ${output}: it is there already; --force (overwrite) replaces it`);
}

function realPath(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
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
  options: ConvertOptions,
): Record<string, string> {
  // What a head says of itself is not all true of it with its base. The dtype is that of the file as it was.
  const asItStands = base ? {} : withoutKeys(ownMetadata ?? {}, SAID_OF_NETWORKS);
  const { dtype: _, ...own } = { ...metadata, ...asItStands };
  const names = options.classes ?? classes;
  return {
    ...own,
    format: 'pt', // for libraries that ask whether a file is PyTorch's
    source: options.source ?? own.source ?? `${basename(path)} (${format})`,
    preprocess: PREPROCESS_TEXTS[preprocess],
    ...(dense.length > 0 && { pool, activation }),
    ...(names && { classes: JSON.stringify(names) }),
    ...(options.licence !== undefined && { license: options.licence }),
  };
}
