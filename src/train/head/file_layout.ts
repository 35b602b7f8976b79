// Between a head as it is trained and as files have it, in torchvision's layout: kernels (outputs,inputs), and the inputs of a
// flattened feature map in the order C, H, W. Here kernels are (inputs,outputs), and maps H, W, C as activations lie.

import { UsageError } from '../../errors.js';
import type { HeadTrainer } from './head_trainer.js';

/** The square feature map that a first layer reads flattened. */
export interface FlattenedMap {
  readonly side: number;
  readonly channels: number;
}

/** What a file makes of a layer's inputs, each by its number here. */
export interface FileInputs {
  /** The place in the file. */
  place(input: number): number;
  /** What is taken from it before k. Files have it in b: less the sum of their k times mean. */
  mean(input: number): number;
  /** What it is multiplied by then. Files have it in k: ours times scale. */
  scale(input: number): number;
}

const AS_THEY_ARE: FileInputs = { place: (input) => input, mean: () => 0, scale: () => 1 };

/**
 * @param index  the layer's number, from 0
 * @throws UsageError for a map of another size than the trainer's inputs
 */
export function fileInputsOf(
  { shape, options }: HeadTrainer,
  index: number,
  map: FlattenedMap | undefined,
): FileInputs {
  if (index > 0) return AS_THEY_ARE;
  const { side, channels } = map ?? { side: 1, channels: shape.inputs };
  const space = side * side;
  if (space * channels !== shape.inputs) {
    throw new UsageError(
      `a map of ${side} x ${side} x ${channels} is not the ${shape.inputs} inputs of the head`,
    );
  }
  const { mean, scale } = options.standardisation ?? {};
  return {
    place: (input) => (input % channels) * space + Math.trunc(input / channels),
    mean: (input) => mean?.[input] ?? 0,
    scale: (input) => scale?.[input] ?? 1,
  };
}
