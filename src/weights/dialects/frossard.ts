// Davi Frossard's VGG16 in NumPy's .npz, from before Keras had its own, and files that follow its names:
//
//   conv1_1_W (3,3,3,64)   conv1_1_b (64,)   ...   fc6_W (25088,4096)   fc6_b   fc7_W   fc7_b   fc8_W   fc8_b
//
// Kernels are (height, width, inputs, outputs), dense ones (inputs, outputs) with the inputs flattened as H, W, C.
// The numbers are the original network's, but for the order of the first convolution's input channels: it reads RGB,
// minus caffe's mean, where caffe reads BGR. They are turned back here, so that the picture is prepared caffe's way;
// where someone has trained them on with RGB prepared as torchvision does, they stay as they are.
//
// Source   https://www.cs.toronto.edu/~frossard/post/vgg16/

import { WeightsError } from '../../errors.js';
import type { Archive, FoundLayer, FoundVgg16, Preprocess, Storage, StridedTensor } from '../archive.js';
import { FileFault } from '../file.js';
import { gather } from '../gather.js';
import { permuted, sizeOf, wholeTensor } from '../strided.js';
import { formatShape, listNames, quote } from '../text.js';
import { overSquareMap } from './over_map.js';

const CONVS_OF_BLOCKS = [2, 2, 3, 3, 3];
const CONVS = CONVS_OF_BLOCKS.flatMap((count, block) =>
  Array.from({ length: count }, (_, i) => `conv${block + 1}_${i + 1}`),
);
const DENSE = ['fc6', 'fc7', 'fc8'];

const COLOURS = 3;

/** The first convolution's kernel is held in memory; VGG16's has 1728 numbers. */
const LARGEST_FIRST_KERNEL = 2 ** 20;

/**
 * @param preprocess  how pixels are to be prepared: decides the order of the first convolution's input channels
 * @returns undefined where the names are not Frossard's
 * @throws WeightsError for layers that are missing
 * @throws FileFault for shapes that no layer of VGG16 has
 */
export function findFrossard(archive: Archive, preprocess: Preprocess = 'caffe'): FoundVgg16 | undefined {
  const { path, tensors } = archive;
  if (!tensors.has('conv1_1_W')) return undefined;
  const hasTop = DENSE.some((layer) => tensors.has(`${layer}_W`));
  const layers = hasTop ? [...CONVS, ...DENSE] : CONVS;
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
  const isTurned = preprocess === 'caffe';
  const convs = CONVS.map(layer).map(({ kernel, bias }, i) => {
    return {
      kernel: permuted(i === 0 && isTurned ? withColoursReversed(kernel) : kernel, [3, 2, 0, 1]),
      bias,
    };
  });
  const channels = convs.at(-1)!.kernel.shape[0]!;
  const dense = (hasTop ? DENSE : []).map(layer).map(({ kernel, bias }, i) => {
    return {
      kernel: i === 0 ? overSquareMap(kernel, { axis: 0, channels, order: 'HWC' }) : permuted(kernel, [1, 0]),
      bias,
    };
  });
  const left = [...tensors.keys()].filter((name) => !names.includes(name));
  const notes = [
    isTurned && "the first convolution's input channels, RGB, are put in caffe's order, BGR",
    left.length > 0 && `left out, beside the network: ${listNames(left)}`,
  ].filter((note) => note !== false);
  return { convs, dense, pool: 'flatten', preprocess, notes };
}

/** A kernel (H,W,3,O) with its input channels in the opposite order; read as a whole, and kept. */
function withColoursReversed(kernel: StridedTensor): StridedTensor {
  const { name, shape, storage } = kernel;
  const [height, width, inputs, outputs] = shape;
  if (shape.length !== 4 || inputs !== COLOURS || sizeOf(shape) > LARGEST_FIRST_KERNEL) {
    throw new FileFault(`tensor ${quote(name)}: expected shape (3, 3, 3, O), found ${formatShape(shape)}`);
  }
  const readReversed = async () => {
    const values = new Float32Array(sizeOf(shape));
    await gather(kernel, values.length).read(0, values);
    const reversed = new Float32Array(values.length);
    for (let pixel = 0; pixel < height! * width!; pixel++) {
      for (let colour = 0; colour < COLOURS; colour++) {
        const from = (pixel * COLOURS + colour) * outputs!;
        const to = (pixel * COLOURS + COLOURS - 1 - colour) * outputs!;
        reversed.set(values.subarray(from, from + outputs!), to);
      }
    }
    return reversed;
  };
  let reversed: Promise<Float32Array> | undefined;
  const inMemory: Storage = {
    length: sizeOf(shape),
    stored: storage.stored,
    dtype: storage.dtype,
    read: async (start, target) => {
      reversed ??= readReversed();
      target.set((await reversed).subarray(start, start + target.length));
    },
  };
  return wholeTensor(name, shape, inMemory);
}
