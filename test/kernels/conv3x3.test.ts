import { describe, expect, it } from 'vitest';
import { GpuError } from '../../src/errors.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { CONV3X3_RUNGS, type Conv3x3Rung, conv3x3 } from '../../src/kernels/conv3x3/conv3x3.js';
import { conv3x3 as reference } from '../../src/reference/conv3x3.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { poisoned, randomTensor, runDispatches } from '../support/kernel.js';
import { CONV3X3_CASES, casesFor, withStorages } from './cases.js';

// float32 sums of up to 9*36 products of numbers around 1, added in another order than the reference's.
// Weights stored as f16 are rounded for both.
const TOLERANCE = { atol: 2e-5, rtol: 1e-5 };
const RUNGS = Object.keys(CONV3X3_RUNGS) as Conv3x3Rung[];

describe.each(withStorages(RUNGS))('conv3x3/$rung, weights as $weights', ({ rung, dtype, without }) => {
  const gpu = useGpu({ without });

  it.each(casesFor(CONV3X3_CASES, dtype))(
    '$N x $H x $W x $C -> $O: $why',
    async ({ N, H, W, C, O, relu }) => {
      const x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 1 });
      const k = await randomTensor(gpu(), 'k', [3, 3, C, O], { seed: 2, dtype });
      const b = await randomTensor(gpu(), 'b', [O], { seed: 3 });
      const y = await poisoned(gpu(), 'y', [N, H, W, O]);
      const args = { label: 'layer', x: x.tensor, k: k.tensor, b: b.tensor, y, relu, rung };
      await runDispatches(gpu(), await conv3x3(gpu(), args));
      const expected = reference(x.values, k.values, b.values, { N, H, W, C, O }, relu);
      expectClose(await y.read(), expected, TOLERANCE);
      for (const tensor of [x.tensor, k.tensor, b.tensor, y]) tensor.dispose();
    },
  );

  it('holds for outliers 20 times as large', async () => {
    const [N, H, W, C, O] = [1, 7, 6, 12, 16];
    const x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 4, outliers: 20 });
    const k = await randomTensor(gpu(), 'k', [3, 3, C, O], { seed: 5, outliers: 20, dtype });
    const b = await randomTensor(gpu(), 'b', [O], { seed: 6 });
    const y = await poisoned(gpu(), 'y', [N, H, W, O]);
    const args = { label: 'layer', x: x.tensor, k: k.tensor, b: b.tensor, y, relu: false, rung };
    await runDispatches(gpu(), await conv3x3(gpu(), args));
    // Products of outliers reach 400 times the usual and cancel each other.
    expectClose(await y.read(), reference(x.values, k.values, b.values, { N, H, W, C, O }, false), {
      atol: 4e-3,
      rtol: 1e-5,
    });
    for (const tensor of [x.tensor, k.tensor, b.tensor, y]) tensor.dispose();
  });
});

describe('conv3x3', () => {
  const gpu = useGpu();

  it('gives the same bytes every time, and with another tile', async () => {
    const x = await randomTensor(gpu(), 'x', [2, 6, 5, 24], { seed: 7 });
    const k = await randomTensor(gpu(), 'k', [3, 3, 24, 36], { seed: 8 });
    const b = await randomTensor(gpu(), 'b', [36], { seed: 9 });
    const results: Float32Array[] = [];
    for (const tiling of [{}, {}, { BM: 32, BN: 32 }]) {
      const y = await poisoned(gpu(), 'y', [2, 6, 5, 36]);
      const args = { label: 'layer', x: x.tensor, k: k.tensor, b: b.tensor, y, relu: true, tiling };
      await runDispatches(gpu(), await conv3x3(gpu(), args));
      results.push(await y.read());
      y.dispose();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    for (const { tensor } of [x, k, b]) tensor.dispose();
  });

  it('names the layer and the tensor when shapes do not fit', async () => {
    const x = await Tensor.create(gpu(), 'x', [1, 4, 4, 4]);
    const k = await Tensor.create(gpu(), 'k', [3, 3, 8, 4]);
    const b = await Tensor.create(gpu(), 'b', [4]);
    const y = await Tensor.create(gpu(), 'y', [1, 4, 4, 4]);
    const launch = conv3x3(gpu(), { label: 'block1_conv1', x, k, b, y, relu: true });
    await expect(launch).rejects.toThrow(GpuError);
    await expect(launch).rejects.toThrow('block1_conv1: k is (3,3,8,4), expected (3,3,4,4)');
    const odd = await Tensor.create(gpu(), 'x', [1, 4, 4, 3]);
    await expect(conv3x3(gpu(), { label: 'block1_conv1', x: odd, k, b, y, relu: true })).rejects.toThrow(
      'block1_conv1: x is (1,4,4,3), expected 4 sides of which the last is a multiple of 4',
    );
    const half = await Tensor.create(gpu(), 'x', [1, 4, 4, 4], 'f16');
    await expect(conv3x3(gpu(), { label: 'block1_conv1', x: half, k, b, y, relu: true })).rejects.toThrow(
      'block1_conv1: x is stored as f16, expected f32',
    );
    for (const tensor of [x, k, b, y, odd, half]) tensor.dispose();
    expect(gpu().liveBuffers).toBe(0);
  });
});
