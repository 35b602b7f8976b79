// How a kernel is to read its weights: as they are stored, by whatever the device has for it.

import type { WeightStorage } from '../gpu/pipelines.js';
import type { Tensor } from '../gpu/tensor.js';

export function weightStorage(k: Tensor): WeightStorage {
  if (k.dtype === 'f32') return 'f32';
  return k.gpu.features.has('shader-f16') ? 'f16' : 'packed-f16';
}
