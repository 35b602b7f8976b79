import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import { Tensor } from '../../src/gpu/tensor.js';
import {
  bestLinearRung,
  canRunLinear,
  LINEAR_RUNGS,
  type LinearRung,
  linear,
} from '../../src/kernels/linear/linear.js';
import { Gpu } from '../../src/node/gpu.js';
import { linear as reference } from '../../src/reference/linear.js';
import { decodeFloats } from '../../src/weights/floats.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { poisoned, randomTensor, recorded, run } from '../support/kernel.js';
import { casesFor, GEMV_MAX_CASE, LINEAR_CASES, withStorages } from './cases.js';
import { cut, cutsOf } from './linear_pieces.js';

// float32 sums of up to 260 products of numbers around 1, added in another order than the reference's.
// Weights stored as f16 are rounded for both.
const TOLERANCE = { atol: 2e-5, rtol: 1e-5 };
const RUNGS = Object.keys(LINEAR_RUNGS) as LinearRung[];

describe.each(withStorages(RUNGS))('linear/$rung, weights as $weights', ({ rung, dtype, without }) => {
  const gpu = useGpu({ without });
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });
  beforeEach(({ skip }) => {
    skip(!canRunLinear(gpu(), rung), 'no subgroups of 8 threads here');
  });

  const cases = casesFor(LINEAR_CASES, dtype).filter(({ N }) => rung !== '03_gemv' || N <= GEMV_MAX_CASE);
  it.each(cases)('$N x $D -> $O: $why', async ({ N, D, O, relu }) => {
    using x = await randomTensor(gpu(), 'x', [N, D], { seed: 1 });
    using k = await randomTensor(gpu(), 'k', [D, O], { seed: 2, dtype });
    using b = await randomTensor(gpu(), 'b', [O], { seed: 3 });
    const expected = reference(x.values, k.values, b.values, { N, D, O }, relu);
    // How a kernel is cut does not depend on how it is stored: f16 takes the last way only.
    for (const cuts of dtype === 'f32' ? cutsOf(O) : cutsOf(O).slice(-1)) {
      const pieces = await cut(gpu(), k, cuts);
      using y = await poisoned(gpu(), 'y', [N, O]);
      const args = { label: 'fc', x: x.tensor, pieces, b: b.tensor, y, relu, rung };
      await run(gpu(), (recorder) => linear(recorder, args));
      expectClose(await y.read(), expected, TOLERANCE);
      for (const piece of pieces) piece.k.dispose();
    }
  });

  it('holds for outliers 20 times as large', async () => {
    const [N, D, O] = [2, 100, 24];
    using x = await randomTensor(gpu(), 'x', [N, D], { seed: 4, outliers: 20 });
    using k = await randomTensor(gpu(), 'k', [D, O], { seed: 5, outliers: 20, dtype });
    using b = await randomTensor(gpu(), 'b', [O], { seed: 6 });
    using y = await poisoned(gpu(), 'y', [N, O]);
    const pieces = [{ first: 0, k: k.tensor }];
    const args = { label: 'fc', x: x.tensor, pieces, b: b.tensor, y, relu: false, rung };
    await run(gpu(), (recorder) => linear(recorder, args));
    // Products of outliers reach 400 times the usual and cancel each other.
    const expected = reference(x.values, k.values, b.values, { N, D, O }, false);
    expectClose(await y.read(), expected, { atol: 4e-3, rtol: 1e-5 });
  });
});

describe('linear', () => {
  const gpu = useGpu();
  const packing = useGpu({ without: ['shader-f16'] });
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });

  it.for(RUNGS)(
    '%s: widens every finite f16 exactly, but may take subnormals for zero',
    async (rung, { skip }) => {
      skip(!canRunLinear(gpu(), rung), 'no subgroups of 8 threads here');
      const halves = Uint16Array.from({ length: 65536 }, (_, i) => i).filter(
        (half) => (half & 0x7c00) !== 0x7c00,
      );
      const [D, O] = [4, halves.length];
      const expected = decodeFloats(new Uint8Array(halves.buffer), 'F16');
      for (const device of [gpu(), packing()]) {
        const bits = new Uint16Array(D * O);
        bits.set(halves, 2 * O);
        using x = await Tensor.from(device, 'x', [1, D], new Float32Array([0, 0, 1, 0]));
        using k = await Tensor.from(device, 'k', [D, O], bits);
        using b = await Tensor.create(device, 'b', [O]);
        using y = await poisoned(device, 'y', [1, O]);
        const pieces = [{ first: 0, k }];
        await run(device, (recorder) =>
          linear(recorder, { label: 'fc', x, pieces, b, y, relu: false, rung }),
        );
        const values = await y.read();
        const flushed = values.map((value, i) =>
          Math.abs(expected[i]!) < 2 ** -14 && value === 0 ? expected[i]! : value,
        );
        expectClose(flushed, expected, { atol: 0, rtol: 0 });
      }
    },
  );

  const LINEAR_KERNELS = {
    '04_register_blocked': ['linear/04_transpose', 'linear/04_register_blocked', 'linear/03_gemv_sum'],
    '05_subgroup': ['linear/05_subgroup', 'linear/03_gemv_sum'],
  };
  const GEMV = ['linear/03_gemv', 'linear/03_gemv_sum'];
  it.each([
    { N: 8, isForMany: false },
    { N: 9, isForMany: true },
    { N: 300, isForMany: true },
  ])('takes what is best for a batch of $N unless told otherwise', async ({ N, isForMany }) => {
    const many = LINEAR_KERNELS[bestLinearRung(gpu(), N) as keyof typeof LINEAR_KERNELS];
    const kernels = isForMany ? many : GEMV;
    using x = await Tensor.create(gpu(), 'x', [N, 8]);
    using k = await Tensor.create(gpu(), 'k', [8, 4]);
    using b = await Tensor.create(gpu(), 'b', [4]);
    using y = await Tensor.create(gpu(), 'y', [N, 4]);
    const args = { label: 'fc', x, pieces: [{ first: 0, k }], b, y, relu: true };
    const dispatches = await recorded(gpu(), (recorder) => linear(recorder, args));
    expect(dispatches.map(({ kernel }) => kernel)).toEqual(kernels);
  });

  it.each([
    { isSoftware: true, minSubgroup: 8, best: '05_subgroup' },
    { isSoftware: true, minSubgroup: 4, best: '04_register_blocked' },
    { isSoftware: false, minSubgroup: 32, best: '04_register_blocked' },
  ])('with subgroups of $minSubgroup, software $isSoftware, that is $best', ({ best, ...info }) => {
    expect(bestLinearRung({ info: { ...gpu().info, ...info } } as unknown as Gpu, 9)).toBe(best);
  });

  it('refuses 05 where there are no subgroups, naming the layer', async () => {
    using lesser = await Gpu.open({ adapter: 'null', without: ['subgroups'] });
    using x = await Tensor.create(lesser, 'x', [9, 8]);
    using k = await Tensor.create(lesser, 'k', [8, 4]);
    using b = await Tensor.create(lesser, 'b', [4]);
    using y = await Tensor.create(lesser, 'y', [9, 4]);
    const args = {
      label: 'fc1',
      x,
      pieces: [{ first: 0, k }],
      b,
      y,
      relu: true,
      rung: '05_subgroup',
    } as const;
    expect(() => linear(new Recorder(lesser, 'test'), args)).toThrow(
      'fc1: 05_subgroup needs subgroups of at least 8 threads, the adapter has none',
    );
  });

  it('refuses pieces that leave a gap, naming the layer', async () => {
    using x = await Tensor.create(gpu(), 'x', [1, 8]);
    using k = await Tensor.create(gpu(), 'k', [8, 4]);
    using b = await Tensor.create(gpu(), 'b', [12]);
    using y = await Tensor.create(gpu(), 'y', [1, 12]);
    const launch = (firsts: number[]) => {
      const pieces = firsts.map((first) => ({ first, k }));
      return () => linear(new Recorder(gpu(), 'test'), { label: 'fc1', x, pieces, b, y, relu: true });
    };
    expect(launch([0, 8])).toThrow('fc1: a piece of k begins at column 8, expected 4');
    expect(launch([0, 4])).toThrow('fc1: the pieces of k have 8 columns, expected 12');
  });
});
