import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GpuError } from '../../src/errors.js';
import type { Gpu } from '../../src/gpu/gpu.js';
import { Recorder } from '../../src/gpu/recorder.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { conv3x3 } from '../../src/kernels/conv3x3/conv3x3.js';
import {
  CONV3X3_RUNGS,
  type Conv3x3Rung,
  canRun,
  isWinograd,
  WINOGRAD_RUNGS,
} from '../../src/kernels/conv3x3/rungs.js';
import { chunksOf } from '../../src/kernels/conv3x3/winograd.js';
import { conv3x3 as reference } from '../../src/reference/conv3x3.js';
import { maxPool2x2 } from '../../src/reference/maxpool2x2.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { poisoned, randomTensor } from '../support/kernel.js';
import { CONV3X3_CASES, casesFor, withStorages } from './cases.js';
import { runConv3x3 } from './conv3x3_launch.js';

// float32 sums of up to 9*36 products of numbers around 1, added in another order than the reference's.
// Weights stored as f16 are rounded for both.
const TOLERANCE = { atol: 2e-5, rtol: 1e-5 };
// Winograd's sums are of numbers that the transforms made larger, and that cancel again: with tiles of 2x2, v is up to 4 times as
// large as x and y up to 9 products of points; with 4x4, 26 times, and weights of up to 55. Errors grow by far less, since
// rounding errors cancel as well: the worst here are 1.2e-5 and 5.3e-5, and what is wrong is off by about 1.
const WINOGRAD_TOLERANCE = { 2: { atol: 4e-5, rtol: 1e-5 }, 4: { atol: 2e-4, rtol: 1e-5 } };
const lacks = (gpu: Gpu, rung: Conv3x3Rung) => !canRun(gpu, rung, 'f32');
/** Those that compute in f32 throughout; the other has its own tests. */
const RUNGS = CONV3X3_RUNGS.filter((rung) => rung !== '07_subgroup_matrix');
const toleranceOf = (rung: Conv3x3Rung) =>
  isWinograd(rung) ? WINOGRAD_TOLERANCE[WINOGRAD_RUNGS[rung].side] : TOLERANCE;

describe.each(withStorages(RUNGS))('conv3x3/$rung, weights as $weights', ({ rung, dtype, without }) => {
  const gpu = useGpu({ without });
  beforeEach(({ skip }) => {
    skip(lacks(gpu(), rung), 'no subgroups of 8 threads here');
  });

  it.each(casesFor(CONV3X3_CASES, dtype))(
    '$N x $H x $W x $C -> $O: $why',
    async ({ N, H, W, C, O, relu }) => {
      using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 1 });
      using k = await randomTensor(gpu(), 'k', [3, 3, C, O], { seed: 2, dtype });
      using b = await randomTensor(gpu(), 'b', [O], { seed: 3 });
      using y = await poisoned(gpu(), 'y', [N, H, W, O]);
      const args = { label: 'layer', x: x.tensor, k: k.tensor, b: b.tensor, y, relu, rung };
      await runConv3x3(gpu(), args);
      const expected = reference(x.values, k.values, b.values, { N, H, W, C, O }, relu);
      expectClose(await y.read(), expected, toleranceOf(rung));
    },
  );

  it('holds for outliers 20 times as large', async () => {
    const [N, H, W, C, O] = [1, 7, 6, 12, 16];
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 4, outliers: 20 });
    using k = await randomTensor(gpu(), 'k', [3, 3, C, O], { seed: 5, outliers: 20, dtype });
    using b = await randomTensor(gpu(), 'b', [O], { seed: 6 });
    using y = await poisoned(gpu(), 'y', [N, H, W, O]);
    const args = { label: 'layer', x: x.tensor, k: k.tensor, b: b.tensor, y, relu: false, rung };
    await runConv3x3(gpu(), args);
    // Products of outliers reach 400 times the usual and cancel each other.
    expectClose(await y.read(), reference(x.values, k.values, b.values, { N, H, W, C, O }, false), {
      atol: isWinograd(rung) ? 1e-2 : 4e-3,
      rtol: 1e-5,
    });
  });
});

describe.each(CONV3X3_RUNGS.filter(isWinograd))('conv3x3/%s', (rung) => {
  const gpu = useGpu();
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });
  beforeEach(({ skip }) => {
    skip(lacks(gpu(), rung), 'no subgroups of 8 threads here');
  });

  it.each([
    { N: 2, H: 9, W: 14, C: 8, O: 20, relu: true, why: 'odd rows, tiles that end in the middle of a window' },
    { N: 1, H: 2, W: 2, C: 4, O: 4, relu: false, why: 'one window' },
  ])('pools $N x $H x $W x $C -> $O: $why', async ({ N, H, W, C, O, relu }) => {
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 1 });
    using k = await randomTensor(gpu(), 'k', [3, 3, C, O], { seed: 2 });
    using b = await randomTensor(gpu(), 'b', [O], { seed: 3 });
    const shape = [N, Math.floor(H / 2), Math.floor(W / 2), O];
    using y = await poisoned(gpu(), 'y', shape);
    const args = { label: 'layer', x: x.tensor, k: k.tensor, b: b.tensor, y, relu, pool: true, rung };
    await runConv3x3(gpu(), args);
    const convolved = reference(x.values, k.values, b.values, { N, H, W, C, O }, relu);
    expectClose(await y.read(), maxPool2x2(convolved, { N, H, W, C: O }), toleranceOf(rung));
  });

  it('goes through more tiles than memory is given for in chunks', async () => {
    const sizes = { N: 2, H: 91, W: 94, C: 4, O: 64 };
    const { N, H, W, C, O } = sizes;
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 4 });
    using k = await randomTensor(gpu(), 'k', [3, 3, C, O], { seed: 5 });
    using b = await randomTensor(gpu(), 'b', [O], { seed: 6 });
    using y = await poisoned(gpu(), 'y', [N, H, W, O]);
    const scratchBytes = 8 * 2 ** 20;
    const { tiles, chunk } = chunksOf(rung, sizes, scratchBytes);
    expect(chunk).toBeLessThan(tiles);
    const args = { label: 'layer', x: x.tensor, k: k.tensor, b: b.tensor, y, relu: true, rung };
    await runConv3x3(gpu(), { ...args, scratchBytes });
    const expected = reference(x.values, k.values, b.values, sizes, true);
    expectClose(await y.read(), expected, toleranceOf(rung));
  });
});

describe('conv3x3', () => {
  const gpu = useGpu();
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });

  it('gives the same bytes every time, and with another tile', async () => {
    using x = await randomTensor(gpu(), 'x', [2, 6, 5, 24], { seed: 7 });
    using k = await randomTensor(gpu(), 'k', [3, 3, 24, 36], { seed: 8 });
    using b = await randomTensor(gpu(), 'b', [36], { seed: 9 });
    const results: Float32Array[] = [];
    for (const tiling of [{}, {}, { BM: 32, BN: 32 }]) {
      using y = await poisoned(gpu(), 'y', [2, 6, 5, 36]);
      const rung = '03_register_blocked' as const;
      const args = { label: 'layer', x: x.tensor, k: k.tensor, b: b.tensor, y, relu: true, rung, tiling };
      await runConv3x3(gpu(), args);
      results.push(await y.read());
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it('names the layer and the tensor when shapes do not fit', async () => {
    using x = await Tensor.create(gpu(), 'x', [1, 4, 4, 4]);
    using k = await Tensor.create(gpu(), 'k', [3, 3, 8, 4]);
    using b = await Tensor.create(gpu(), 'b', [4]);
    using y = await Tensor.create(gpu(), 'y', [1, 4, 4, 4]);
    const rung = '03_register_blocked';
    const launch = () =>
      conv3x3(new Recorder(gpu(), 'test'), { label: 'block1_conv1', x, k, b, y, relu: true, rung });
    expect(launch).toThrow(GpuError);
    expect(launch).toThrow('block1_conv1: k is (3,3,8,4), expected (3,3,4,4)');
    using odd = await Tensor.create(gpu(), 'x', [1, 4, 4, 3]);
    expect(() =>
      conv3x3(new Recorder(gpu(), 'test'), { label: 'block1_conv1', x: odd, k, b, y, relu: true, rung }),
    ).toThrow('block1_conv1: x is (1,4,4,3), expected 4 sides of which the last is a multiple of 4');
    using half = await Tensor.create(gpu(), 'x', [1, 4, 4, 4], 'f16');
    expect(() =>
      conv3x3(new Recorder(gpu(), 'test'), { label: 'block1_conv1', x: half, k, b, y, relu: true, rung }),
    ).toThrow('block1_conv1: x is stored as f16, expected f32');
  });
});
