// NumPy's files say nothing of the library that trained a network: the names in them do.

import { CONVS } from '../../architecture.js';
import { WeightsError } from '../../errors.js';
import type { Archive, FoundLayer, FoundVgg16 } from '../archive.js';
import { permuted } from '../strided.js';
import { listNames } from '../text.js';
import { overSquareMap } from './over_map.js';
import { findTorch, prefixesOf } from './torch.js';

/**
 * @throws WeightsError for names that are neither Frossard's nor torchvision's, and for an incomplete network
 * @throws FileFault for shapes that no layer of VGG16 has
 */
export async function findNpz(archive: Archive): Promise<FoundVgg16> {
  const found = findFrossard(archive);
  if (found) return found;
  const names = [...archive.tensors.keys()];
  if (prefixesOf(names).length > 0) return await findTorch(archive);
  throw new WeightsError(
    `${archive.path}: no VGG16 in names that are known, Frossard's (conv1_1_W ...) or torchvision's ` +
      `(features.0.weight ...): it holds ${listNames(names) || 'no floating point array'}`,
  );
}

// Davi Frossard's VGG16 in NumPy's .npz, from before Keras had its own, and files that follow its names:
//
//   conv1_1_W (3,3,3,64)   conv1_1_b (64,)   ...   fc6_W (25088,4096)   fc6_b   fc7_W   fc7_b   fc8_W   fc8_b
//
// Kernels are (height, width, inputs, outputs), dense ones (inputs, outputs) with the inputs flattened as H, W, C.
// The numbers are the original network's, but for the order of the first convolution's input channels: it reads RGB,
// minus caffe's mean, where caffe reads BGR. `settlePixels` puts them in the order that the pixels have.
//
// Source   https://www.cs.toronto.edu/~frossard/post/vgg16/

/** `block1_conv1` is his `conv1_1`. */
const CONV_NAMES = CONVS.map(({ name }) => name.replace(/^block(\d)_conv(\d)$/, 'conv$1_$2'));
const DENSE = ['fc6', 'fc7', 'fc8'];

/**
 * @returns undefined where the names are not Frossard's
 * @throws WeightsError for layers that are missing
 * @throws FileFault for shapes that no layer of VGG16 has
 */
function findFrossard(archive: Archive): FoundVgg16 | undefined {
  const { path, tensors } = archive;
  if (!tensors.has('conv1_1_W')) return undefined;
  const hasTop = DENSE.some((layer) => tensors.has(`${layer}_W`));
  const layers = hasTop ? [...CONV_NAMES, ...DENSE] : CONV_NAMES;
  const names = layers.flatMap((layer) => [`${layer}_W`, `${layer}_b`]);
  const missing = names.filter((name) => !tensors.has(name));
  if (missing.length > 0) {
    throw new WeightsError(
      `${path}: not the whole of a VGG16 in Frossard's names, missing: ${listNames(missing)}`,
    );
  }
  const layer = (name: string): FoundLayer => {
    return { kernel: tensors.get(`${name}_W`)!, bias: tensors.get(`${name}_b`)! };
  };
  const convs = CONV_NAMES.map(layer).map(({ kernel, bias }) => {
    return { kernel: permuted(kernel, [3, 2, 0, 1]), bias };
  });
  const channels = convs.at(-1)!.kernel.shape[0]!;
  const dense = (hasTop ? DENSE : []).map(layer).map(({ kernel, bias }, i) => {
    return {
      kernel: i === 0 ? overSquareMap(kernel, { axis: 0, channels, order: 'HWC' }) : permuted(kernel, [1, 0]),
      bias,
    };
  });
  const left = [...tensors.keys()].filter((name) => !names.includes(name));
  const notes = left.length > 0 ? [`left out, beside the network: ${listNames(left)}`] : [];
  const pixels = { preprocess: 'caffe', guessedBy: 'its names', readsReversed: true } as const;
  return { convs, dense, pool: 'flatten', ...pixels, isPublished: true, notes };
}
