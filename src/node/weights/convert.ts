// Another tool's VGG16 becomes a safetensors file, or an ONNX model, that says where it is from and what input it expects.

import { rm } from 'node:fs/promises';
import { OutputError, UsageError } from '../../errors.js';
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
} from '../../options.js';
import { ACTIVATION } from '../../weights/activation.js';
import { checkNames } from '../../weights/checks.js';
import type { WorkOptions } from '../../weights/chunks.js';
import {
  type Conversion,
  conversionOf,
  DTYPES,
  type ResultOptions,
  tensorsToWrite,
} from '../../weights/conversion.js';
import { diffWeights, isSameNetwork } from '../../weights/diff.js';
import { PREPROCESS } from '../../weights/preprocess.js';
import { describeVgg16, type Vgg16Weights } from '../../weights/vgg16.js';
import { pathOf, realPath } from './locate.js';
import { type OpenOptions, openWeights } from './open.js';
import { writeSafetensors } from './safetensors.js';

export interface ConvertOptions extends OpenOptions, ResultOptions, WorkOptions {
  /** Whether a file that is there already may be replaced; false where absent. */
  readonly overwrite?: boolean | undefined;
}

const CONVERT_OPTIONS: OptionRules<ConvertOptions> = {
  base: path,
  format: oneOf('safetensors', 'onnx'),
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

/**
 * Converts a VGG16 of any format that `VGG16.load` reads to safetensors in torchvision's names, or to an ONNX model that takes
 * a picture's bytes and gives probabilities; a trained head together with its base, which the output does not need any more.
 * Streams: memory does not grow with the file. The output appears only when it is complete and on the disk. An ONNX model is
 * read back and compared, number by number.
 *
 * @param input  a path or a `file:` URL
 * @throws WeightsError for an input that is missing, damaged or no VGG16, and for numbers that are not finite in the
 *                      dtype, with tensor and place
 * @throws OutputError  where the output is there already, cannot be written, or is not read back as it was meant
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
  await checkOutput([pathOf(input)], output, options);
  const source = await openWeights(input, { preprocess, activation, base });
  try {
    await checkOutput([source.path, ...(source.base ? [source.base.path] : [])], output, options);
    const conversion = conversionOf(source, options);
    const weights = describeVgg16(source);
    const tensors = tensorsToWrite(weights, conversion.dtype, { onProgress, signal });
    if (formatOf(output, options) === 'safetensors') {
      await writeSafetensors(output, tensors, conversion.metadata);
      return conversion;
    }
    const { writeOnnx } = await import('./onnx_file.js');
    const named = { ...weights, classes: options.classes ?? weights.classes };
    await writeOnnx(output, named, tensors, conversion.metadata);
    await checkWritten(output, named, signal);
    return conversion;
  } finally {
    await source.close();
  }
}

/** What is written under a name. */
export function formatOf(output: string, { format }: ResultOptions): 'safetensors' | 'onnx' {
  return format ?? (/\.onnx$/i.test(output) ? 'onnx' : 'safetensors');
}

/** @throws OutputError where the file, read back, is not the network that was written */
async function checkWritten(
  output: string,
  weights: Vgg16Weights,
  signal: AbortSignal | undefined,
): Promise<void> {
  const written = await openWeights(output);
  try {
    const again = describeVgg16(written);
    const isSame = isSameNetwork(await diffWeights(weights, again, { signal }));
    const saysTheSame =
      again.features === weights.features &&
      again.pool === weights.pool &&
      (weights.dense.length === 0 || again.activation === weights.activation) &&
      JSON.stringify(again.classes) === JSON.stringify(weights.classes);
    if (isSame && saysTheSame) return;
  } finally {
    await written.close();
  }
  await rm(output, { force: true });
  throw new OutputError(
    `${output}: read back, it was another network than was written: removed; please report it`,
  );
}

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
