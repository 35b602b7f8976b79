// Weights known and a model opened, as the flags say.

import { type Command, Option } from 'commander';
import type { GpuInfo } from '../gpu/device.js';
import { BYTES_PER_VALUE, type TensorDtype } from '../gpu/tensor.js';
import { VGG16 } from '../node/vgg16.js';

import type { OpenedWeights } from '../weights/opened.js';
import { OFFLINE_OPTION } from './fetching.js';
import { withBar } from './progress.js';
import type { Terminal } from './terminal.js';
import { BASE_OPTION, baseFile, preprocessOption, type WeightsFlags, weightsFile } from './weights_file.js';

export interface ModelFlags extends WeightsFlags {
  readonly weights?: string;
  readonly adapter?: string;
  readonly dtype?: TensorDtype | undefined;
}

/** Flags whose weights are open already, as `base`, `preprocess` and `activation` say. */
export type OpenedModelFlags = Omit<ModelFlags, 'weights'> & { readonly weights: OpenedWeights };

export function addWeightsOption(command: Command, fallback = 'the embedded ImageNet base'): Command {
  return command
    .option(
      '--weights <file>',
      `a VGG16 in any format, a trained head or its run, or a name of \`vgg16 weights list\` (default: ${fallback})`,
    )
    .addOption(preprocessOption())
    .option(...BASE_OPTION)
    .option(...OFFLINE_OPTION);
}

export function addDtypeOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--dtype <type>',
      'how weights are kept on the GPU; f16 takes half the memory, and rounds them',
    )
      .choices(Object.keys(BYTES_PER_VALUE))
      .default('f32'),
  );
}

/**
 * Opens the model, with a bar on a terminal while a large file is loaded. Notes tell what was taken for granted of the
 * file, and where a CPU computes.
 *
 * @throws as `VGG16.load`
 */
export async function openModel(flags: ModelFlags | OpenedModelFlags, terminal: Terminal): Promise<VGG16> {
  const { weights, base, preprocess, activation, adapter, dtype } = flags;
  const { signal } = terminal;
  const reading = typeof weights === 'object' ? {} : { base, preprocess, activation };
  const model = await withBar('weights', terminal, (onProgress) =>
    VGG16.load({ weights, ...reading, adapter, dtype, signal, onProgress }),
  );
  for (const note of model.notes) terminal.note(note);
  noteSoftware(model.gpu.info, terminal);
  return model;
}

/** Says so where no GPU computes. */
export function noteSoftware({ isSoftware, source, description }: GpuInfo, terminal: Terminal): void {
  if (source === 'null') terminal.note('the null backend computes nothing: what it gives means nothing');
  else if (isSoftware) {
    terminal.note(
      `NO GPU: ${description} computes in software, correct but slow; \`vgg16 doctor\` says what to install`,
    );
  }
}

// The model that --weights and --base mean.

/** Opens it, after fetching what has to be fetched. Whoever opened it disposes of it. @throws as `fetchWeights` and `VGG16.load` */
export async function openNamedModel(flags: ModelFlags, terminal: Terminal): Promise<VGG16> {
  const { path: weights } = await weightsFile(flags.weights, flags, terminal);
  const base = await baseFile(flags, terminal);
  return openModel({ ...flags, weights, base }, terminal);
}
