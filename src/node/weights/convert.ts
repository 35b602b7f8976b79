// Another tool's VGG16 becomes a safetensors file that says where it is from and what input it expects.

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
import { PREPROCESS } from '../../weights/preprocess.js';
import { describeVgg16 } from '../../weights/vgg16.js';
import { pathOf, realPath } from './locate.js';
import { type OpenOptions, openWeights } from './open.js';
import { writeSafetensors } from './safetensors.js';

export interface ConvertOptions extends OpenOptions, ResultOptions, WorkOptions {
  /** Whether a file that is there already may be replaced; false where absent. */
  readonly overwrite?: boolean | undefined;
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
  await checkOutput([pathOf(input)], output, options);
  const source = await openWeights(input, { preprocess, activation, base });
  try {
    await checkOutput([source.path, ...(source.base ? [source.base.path] : [])], output, options);
    const conversion = conversionOf(source, options);
    const tensors = tensorsToWrite(describeVgg16(source), conversion.dtype, { onProgress, signal });
    await writeSafetensors(output, tensors, conversion.metadata);
    return conversion;
  } finally {
    await source.close();
  }
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
