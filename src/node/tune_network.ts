// A whole VGG16 tuned: all its shapes at a size and for some batches, each saved as it is found.

import type { LayerName } from '../architecture.js';
import { UsageError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import { BYTES_PER_VALUE, type TensorDtype } from '../gpu/tensor.js';
import { checkCount, largestBatch } from '../model/batches.js';
import { choicesKeyOf } from '../network/choices.js';
import { planLayers, type Widths } from '../network/layers.js';
import {
  CHECKED_IN_USE,
  callback,
  checkOptions,
  listOf,
  type OptionRules,
  oneOf,
  signal,
  text,
  whole,
} from '../options.js';
import { shapesOf } from '../tune/shapes.js';
import { type TunedShape, type TuneOptions, tune } from '../tune/tune.js';
import { addChoices, choicesPath } from './choices_file.js';

export interface TuneNetworkOptions extends TuneOptions {
  /** Of the pictures. */
  readonly height: number;
  readonly width: number;
  /** The last layer that is tuned. */
  readonly until: LayerName;
  readonly batches: readonly number[];
  /** Where choices are kept; by default where `VGG16.load` looks for them. */
  readonly path?: string | undefined;
}

const TUNE_NETWORK_OPTIONS: OptionRules<TuneNetworkOptions> = {
  height: whole(1),
  width: whole(1),
  until: CHECKED_IN_USE,
  batches: listOf(whole(1)),
  dtype: oneOf(...(Object.keys(BYTES_PER_VALUE) as TensorDtype[])),
  path: text,
  onTuned: callback(),
  onProgress: callback(),
  signal,
};

const REQUIRED = ['height', 'width', 'until', 'batches', 'dtype'] as const;

export interface TunedNetwork {
  readonly path: string;
  readonly shapes: readonly TunedShape[];
}

/**
 * Chooses kernels for all layers that there is something to choose for. What is done is on the disk, whenever it is stopped.
 *
 * @throws UsageError for a size or batch that cannot be; OutputError; otherwise as `tune`
 */
export async function tuneNetwork(
  gpu: Gpu,
  widths: Widths,
  networkOptions: TuneNetworkOptions,
): Promise<TunedNetwork> {
  checkOptions('tuneNetwork()', networkOptions, TUNE_NETWORK_OPTIONS, REQUIRED);
  const { height, width, until, batches, path, ...options } = networkOptions;
  const { dtype, onTuned } = options;
  const layers = planLayers(widths, height, width, until);
  const most = largestBatch(gpu.limits, layers, height, width);
  for (const batch of batches) {
    checkCount('batch', batch);
    if (batch > most) {
      throw new UsageError(
        `a batch of ${batch} pictures of ${width} x ${height} px: the adapter can hold ${most}`,
      );
    }
  }
  const file = path ?? choicesPath(choicesKeyOf(gpu, dtype));
  const shapes = await tune(
    gpu,
    [...new Set(batches)].flatMap((batch) => shapesOf(layers, batch)),
    {
      ...options,
      onTuned: async (tuned, chosen) => {
        if (!chosen.isEmpty) await addChoices(file, gpu, dtype, chosen);
        await onTuned?.(tuned, chosen);
      },
    },
  );
  return { path: file, shapes };
}
