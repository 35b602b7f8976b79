// Weights known and a model opened, as the flags say.

import type { Command } from 'commander';
import type { Vgg16Options } from '../model/options.js';
import { VGG16 } from '../model/vgg16.js';
import { embeddedBasePath } from '../weights/embedded.js';
import { openWeights } from '../weights/open.js';
import { describeVgg16, type Vgg16Weights } from '../weights/vgg16.js';
import { createProgress, type ProgressStream } from './progress.js';
import type { Terminal } from './terminal.js';

export interface ModelFlags {
  readonly weights?: string;
  readonly adapter?: string;
}

export function addWeightsOption(command: Command): Command {
  return command.option(
    '--weights <file>',
    "a VGG16 as safetensors, in torchvision's or timm's names (default: the embedded ImageNet base)",
  );
}

/**
 * What a weights file holds, from its header alone. Its source is closed.
 *
 * @throws WeightsError for a file that is missing, damaged or no VGG16
 */
export async function describeWeights(file = embeddedBasePath()): Promise<Vgg16Weights> {
  const source = await openWeights(file);
  try {
    return describeVgg16(source);
  } finally {
    await source.close();
  }
}

/** Less than this is loaded before a bar could be read. */
const BYTES_WORTH_A_BAR = 100e6;

/**
 * Opens the model, with a bar on a terminal while a large file is loaded, and a note where a CPU computes.
 *
 * @throws as `VGG16.load`
 */
export async function openModel({ weights, adapter }: ModelFlags, terminal: Terminal): Promise<VGG16> {
  const { signal, stderr } = terminal;
  const model = await loadWithBar({ weights, adapter, signal }, stderr);
  const { isSoftware, source, description } = model.gpu.info;
  if (source === 'null') terminal.note('the null backend computes nothing: what it gives means nothing');
  else if (isSoftware) {
    terminal.note(
      `NO GPU: ${description} computes in software, correct but slow; \`vgg16 doctor\` says what to install`,
    );
  }
  return model;
}

async function loadWithBar(options: Vgg16Options, stream: ProgressStream): Promise<VGG16> {
  const bar = createProgress({ label: 'weights', total: 0, unit: 'B', stream });
  try {
    return await VGG16.load({
      ...options,
      onProgress: ({ loaded, total }) => {
        if (stream.isTTY && total >= BYTES_WORTH_A_BAR) bar.update(loaded, total);
      },
    });
  } finally {
    bar.done();
  }
}
