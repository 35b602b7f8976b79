// A single sigmoid output as two classes. softmax(0, z) is (1 - sigmoid(z), sigmoid(z)), exactly.

import type { FoundLayer, Storage, StridedTensor } from '../archive.js';

/** @param layer  a dense layer with one output; kernel (1,I) or (1,C,S,S) */
export function asTwoClasses({ kernel, bias }: FoundLayer): FoundLayer {
  return { kernel: withZeros(kernel), bias: withZeros(bias) };
}

/** (1, ...) becomes (2, ...), zeros first. */
function withZeros(tensor: StridedTensor): StridedTensor {
  const zeros = tensor.storage.length;
  return {
    ...tensor,
    shape: [2, ...tensor.shape.slice(1)],
    strides: [zeros, ...tensor.strides.slice(1)],
    storage: precededByZeros(tensor.storage),
  };
}

/** As many zeros as the storage has numbers, then these. */
function precededByZeros(storage: Storage): Storage {
  const zeros = storage.length;
  return {
    ...storage,
    length: 2 * zeros,
    read: async (start, target) => {
      const count = Math.min(Math.max(zeros - start, 0), target.length);
      target.fill(0, 0, count);
      if (count < target.length) await storage.read(start + count - zeros, target.subarray(count));
    },
  };
}
