// One convolution on the GPU, on any rung: what a kernel needs to be transformed first, is.

import type { Gpu } from '../../src/gpu/gpu.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { type Conv3x3Arguments, conv3x3, isWinograd } from '../../src/kernels/conv3x3/conv3x3.js';
import { pointsOf, winogradFilter } from '../../src/kernels/conv3x3/winograd.js';
import { runDispatches } from '../support/kernel.js';

/** `args.k` is (3,3,C,O) whatever the rung. */
export async function runConv3x3(gpu: Gpu, args: Conv3x3Arguments): Promise<void> {
  const { label, k, rung } = args;
  const owned: Tensor[] = [];
  try {
    if (isWinograd(rung)) {
      const nan = new Float32Array((pointsOf(rung) * k.size) / 9).fill(Number.NaN);
      const u = await Tensor.from(gpu, 'u', [pointsOf(rung), ...k.shape.slice(2)], nan);
      owned.push(u);
      await runDispatches(gpu, await winogradFilter(gpu, { label, k, u, rung }));
    }
    const { dispatches, scratch } = await conv3x3(gpu, { ...args, k: owned[0] ?? k });
    owned.push(...scratch);
    await runDispatches(gpu, dispatches);
  } finally {
    for (const tensor of owned) tensor.dispose();
  }
}
