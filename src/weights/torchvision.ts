// VGG16's tensors as torchvision calls and shapes them, whatever the file calls them: the form in which files are
// written and compared.

import { CONVS, torchvisionDense } from '../architecture.js';
import type { TensorEntry } from './source.js';
import type { Vgg16Weights } from './vgg16.js';

export interface NamedTensor {
  /** `features.0.weight`, `classifier.6.bias` */
  readonly name: string;
  /** Kernels (O,I,3,3) and (O,I), biases (O). */
  readonly shape: readonly number[];
  /** In the file. */
  readonly entry: TensorEntry;
}

/** Kernel and bias of each layer, from the first to the last. */
export function torchvisionTensors({ convs, dense }: Vgg16Weights): NamedTensor[] {
  const layers = [
    ...convs.map(({ inputChannels, outputChannels, kernel, bias }, i) => ({
      name: CONVS[i]!.torchvision,
      shape: [outputChannels, inputChannels, 3, 3],
      kernel,
      bias,
    })),
    ...dense.map(({ inputs, outputs, kernel, bias }, i) => ({
      name: torchvisionDense(i),
      shape: [outputs, inputs],
      kernel,
      bias,
    })),
  ];
  return layers.flatMap(({ name, shape, kernel, bias }) => [
    { name: `${name}.weight`, shape, entry: kernel },
    { name: `${name}.bias`, shape: shape.slice(0, 1), entry: bias },
  ]);
}
