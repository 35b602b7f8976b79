// One convolution on the GPU, on any rung: what a kernel needs to be transformed first, is.

import type { Gpu } from '../../src/gpu/gpu.js';
import { conv3x3 } from '../../src/kernels/conv3x3/conv3x3.js';
import type { Conv3x3Arguments } from '../../src/kernels/conv3x3/rungs.js';
import { isWinograd, pointsOf } from '../../src/kernels/conv3x3/rungs.js';
import { winogradFilter } from '../../src/kernels/conv3x3/winograd.js';
import { poisoned, run } from '../support/kernel.js';

/** `args.k` is (3,3,C,O) whatever the rung. */
export async function runConv3x3(gpu: Gpu, args: Conv3x3Arguments): Promise<void> {
  const { label, k, rung } = args;
  if (!isWinograd(rung)) {
    await run(gpu, (recorder) => conv3x3(recorder, args));
    return;
  }
  using u = await poisoned(gpu, 'u', [pointsOf(rung), ...k.shape.slice(2)]);
  await run(gpu, (recorder) => {
    winogradFilter(recorder, { label, k, u, rung });
    conv3x3(recorder, { ...args, k: u });
  });
}
