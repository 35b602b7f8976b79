// How a kernel is to read its weights: as they are stored, by whatever the device has for it.

import type { WeightStorage } from '../gpu/pipelines.js';
import type { Tensor } from '../gpu/tensor.js';

/**
 * On NVIDIA's cards, Dawn keeps f16 back unless told otherwise, since not all of its tests of f16 pass there. They read the same
 * bytes packed, as they did before they were told; what f16 alone can do is for kernels that are chosen by name.
 */
export function weightStorage({ dtype, gpu }: Tensor): WeightStorage {
  if (dtype === 'f32') return 'f32';
  return gpu.features.has('shader-f16') && gpu.info.vendor !== 'nvidia' ? 'f16' : 'packed-f16';
}
