// conv3x3/07_subgroup_matrix, which rounds what it reads: where the adapter multiplies no matrices, all but its refusals is skipped.

import { beforeEach, describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import { SUBGROUP_MATRIX } from '../../src/gpu/subgroups.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { conv3x3 } from '../../src/kernels/conv3x3/conv3x3.js';
import { canRun, whyNot } from '../../src/kernels/conv3x3/rungs.js';
import { matrixOf, matrixTiling } from '../../src/kernels/conv3x3/subgroup_matrix.js';
import { Gpu } from '../../src/node/gpu.js';
import { conv3x3 as reference } from '../../src/reference/conv3x3.js';
import { decodeFloats, encodeFloats } from '../../src/weights/floats.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { poisoned, randomTensor, recorded } from '../support/kernel.js';
import { CONV3X3_CASES } from './cases.js';
import { runConv3x3 } from './conv3x3_launch.js';

const rung = '07_subgroup_matrix';
// Against a reference of the same halves, only the sums differ: f32, of exact products, as in other rungs; but hardware may cut
// where others round, and then errors of all depths have one sign. The worst on lavapipe is 1.3e-5.
const SUMS = { atol: 1e-4, rtol: 1e-5 };
// Against x as it is: each x is off by at most one in its eleventh bit, should an adapter cut there as well, and every product with
// it; the worst on lavapipe is 0.015. What f16 has no such bits for, below 2^-14, may be taken for zero.
const ROUNDING = 2 ** -10;
const SMALLEST = 2 ** -14;

const asHalves = (values: Float32Array) => decodeFloats(encodeFloats(values, 'F16'), 'F16');

describe(`conv3x3/${rung}`, () => {
  const gpu = useGpu();
  beforeEach(({ skip }) => {
    skip(!canRun(gpu(), rung, 'f16'), 'no subgroup matrices here');
  });

  const cases = CONV3X3_CASES.map((sizes) => ({ ...sizes, outliers: 1 }));
  const outliers = { N: 1, H: 7, W: 6, C: 12, O: 16, relu: false, outliers: 20, why: 'outliers' };
  it.each([...cases, outliers])('$N x $H x $W x $C -> $O: $why', async ({ relu, outliers, ...sizes }) => {
    const { N, H, W, C, O } = sizes;
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 1, outliers });
    using k = await randomTensor(gpu(), 'k', [3, 3, C, O], { seed: 2, outliers, dtype: 'f16' });
    using b = await randomTensor(gpu(), 'b', [O], { seed: 3 });
    using y = await poisoned(gpu(), 'y', [N, H, W, O]);
    await runConv3x3(gpu(), { label: 'layer', x: x.tensor, k: k.tensor, b: b.tensor, y, relu, rung });
    const actual = await y.read();
    const rounded = reference(asHalves(x.values), k.values, b.values, sizes, relu);
    expectClose(actual, rounded, outliers === 1 ? SUMS : { atol: 4e-3, rtol: 1e-5 });
    const exact = reference(x.values, k.values, b.values, sizes, relu);
    const allowed = reference(
      x.values.map((value) => Math.max(ROUNDING * Math.abs(value), SMALLEST)),
      k.values.map(Math.abs),
      new Float32Array(O).fill(SUMS.atol),
      sizes,
      false,
    );
    const excess = Float64Array.from(actual, (value, i) => Math.abs(value - exact[i]!) - allowed[i]!);
    expect(Math.max(...excess)).toBeLessThanOrEqual(0);
  });

  it('takes what is beyond f16 for the largest that it has', async () => {
    const sizes = { N: 1, H: 1, W: 4, C: 4, O: 4 };
    const values = Float32Array.of(
      65510,
      65530,
      1e6,
      3e38,
      -65510,
      -65530,
      -1e6,
      -3e38,
      1,
      -2,
      65504,
      -65504,
      0,
      0,
      0,
      0,
    );
    const ones = Float32Array.from({ length: 9 * 4 * 4 }, (_, i) => 1 + (i % 7));
    using x = await Tensor.from(gpu(), 'x', [1, 1, 4, 4], values);
    using k = await Tensor.from(gpu(), 'k', [3, 3, 4, 4], new Uint16Array(encodeFloats(ones, 'F16').buffer));
    using b = await Tensor.create(gpu(), 'b', [4]);
    using y = await poisoned(gpu(), 'y', [1, 1, 4, 4]);
    await runConv3x3(gpu(), { label: 'layer', x, k, b, y, relu: false, rung });
    const clamped = values.map((value) => Math.min(65504, Math.max(-65504, value)));
    expectClose(await y.read(), reference(clamped, ones, new Float32Array(4), sizes, false), {
      atol: 1,
      rtol: 0,
    });
  });

  it('gives the same bytes every time, with another tile, and in smaller subgroups than it is made for', async () => {
    using x = await randomTensor(gpu(), 'x', [2, 6, 15, 24], { seed: 7 });
    using k = await randomTensor(gpu(), 'k', [3, 3, 24, 84], { seed: 8, dtype: 'f16' });
    using b = await randomTensor(gpu(), 'b', [84], { seed: 9 });
    const product = matrixOf(gpu())!;
    const { M, N, K } = product;
    const { SUBGROUP } = matrixTiling(gpu(), product);
    const tilings = [
      {},
      {},
      { BM: 4 * M, BN: 4 * N },
      { BK: 2 * K, SUBGROUPS_M: 1, SUBGROUPS_N: 2, BM: 4 * M, BN: 2 * N },
      { SUBGROUP: 2 * SUBGROUP!, BM: 8 * M },
    ];
    const results: Float32Array[] = [];
    for (const tiling of tilings) {
      using y = await poisoned(gpu(), 'y', [2, 6, 15, 84]);
      await runConv3x3(gpu(), {
        label: 'layer',
        x: x.tensor,
        k: k.tensor,
        b: b.tensor,
        y,
        relu: true,
        rung,
        tiling,
      });
      results.push(await y.read());
    }
    for (const result of results.slice(1)) expect(result).toEqual(results[0]);
  });
});

describe(`what conv3x3/${rung} asks for`, () => {
  const gpu = useGpu({ adapter: 'null' });

  it.each([
    { without: [], dtype: 'f16', reason: undefined },
    {
      without: [],
      dtype: 'f32',
      reason: "needs kernels kept as f16, not f32: load the network with dtype 'f16'",
    },
    { without: ['shader-f16'], dtype: 'f16', reason: 'needs shader-f16, which the adapter does not have' },
    {
      without: [SUBGROUP_MATRIX],
      dtype: 'f16',
      reason: `needs products of matrices of f16 summed in f32 (${SUBGROUP_MATRIX}), the adapter has none`,
    },
  ] as const)('without $without, of kernels kept as $dtype: $reason', async ({ without, dtype, reason }) => {
    using lesser = await Gpu.open({ adapter: 'null', without });
    expect(whyNot(lesser, rung, dtype)).toBe(reason);
    using x = await Tensor.create(lesser, 'x', [1, 4, 4, 4]);
    using k = await Tensor.create(lesser, 'k', [3, 3, 4, 4], dtype);
    using b = await Tensor.create(lesser, 'b', [4]);
    using y = await Tensor.create(lesser, 'y', [1, 4, 4, 4]);
    const launch = (recorder: Recorder) =>
      conv3x3(recorder, { label: 'block1_conv1', x, k, b, y, relu: true, rung });
    if (reason) {
      expect(() => launch(new Recorder(lesser, 'test'))).toThrow(`block1_conv1: ${rung} ${reason}`);
    } else {
      expect((await recorded(lesser, launch)).length).toBe(1);
    }
  });

  it.each([
    { has: [], takes: undefined },
    { has: ['f16 f16 16x16x16', 'f32 f32 8x8x8'], takes: undefined },
    { has: ['f16 f32 16x8x16', 'f16 f32 16x16x16', 'f16 f32 32x8x16'], takes: '16x16x16' },
    { has: ['f16 f32 8x8x8', 'f16 f32 8x16x16', 'f16 f32 64x64x16'], takes: '8x16x16' },
    { has: ['f16 f32 24x16x16', 'f16 f32 16x16x64'], takes: undefined },
  ])('of $has it takes $takes', ({ has, takes }) => {
    const subgroupMatrixConfigs = has.map((config) => {
      const [componentType, resultComponentType, sides] = config.split(' ') as [string, string, string];
      const [M, N, K] = sides.split('x').map(Number) as [number, number, number];
      return { componentType, resultComponentType, M, N, K };
    });
    const found = matrixOf({ info: { ...gpu().info, subgroupMatrixConfigs } });
    expect(found && `${found.M}x${found.N}x${found.K}`).toBe(takes);
  });

  it.each([4, 8, 16, 32, 64].flatMap((maxSubgroup) => [8, 16].map((side) => ({ maxSubgroup, side }))))(
    'where a CPU computes, products of $side in subgroups of $maxSubgroup make a tile that all threads copy',
    ({ maxSubgroup, side }) => {
      const info = { ...gpu().info, source: 'system' as const, isSoftware: true, maxSubgroup };
      const product = { ...matrixOf(gpu())!, M: side, N: side, K: side };
      const tiling = matrixTiling({ info, limits: gpu().limits }, product);
      const { BM, BN, BK, SUBGROUPS_M, SUBGROUPS_N, SUBGROUP } = tiling;
      expect(BM! % (SUBGROUPS_M! * side)).toBe(0);
      expect(BN! % (SUBGROUPS_N! * side)).toBe(0);
      expect(BK).toBe(side);
      expect(BM! % ((4 * SUBGROUPS_M! * SUBGROUPS_N! * SUBGROUP!) / BK!)).toBe(0);
    },
  );

  it.each([
    { maxSubgroup: 8, threads: 32 },
    { maxSubgroup: 32, threads: 128 },
    { maxSubgroup: 64, threads: 256 },
    { maxSubgroup: 128, threads: 256 },
  ])('subgroups of $maxSubgroup: a workgroup of $threads', ({ maxSubgroup, threads }) => {
    const info = { ...gpu().info, maxSubgroup };
    const tiling = matrixTiling({ info, limits: gpu().limits }, matrixOf(gpu())!);
    expect(tiling.SUBGROUPS_M! * tiling.SUBGROUPS_N! * tiling.SUBGROUP!).toBe(threads);
  });
});
