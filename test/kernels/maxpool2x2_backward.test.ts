import { afterEach, describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { CONV3X3_RUNGS, isWinograd, whyNot } from '../../src/kernels/conv3x3/rungs.js';
import { maxPool2x2, maxPool2x2Backward, positionsShape } from '../../src/kernels/maxpool2x2/maxpool2x2.js';
import { seededRandom } from '../../src/random.js';
import { conv3x3 as convReference } from '../../src/reference/conv3x3.js';
import { maxPool2x2 as forward, maxPool2x2Backward as reference } from '../../src/reference/maxpool2x2.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { checkGradient } from '../support/gradcheck.js';
import { poisoned, randomTensor, run } from '../support/kernel.js';
import { MAXPOOL2X2_CASES } from './cases.js';
import { runConv3x3 } from './conv3x3_launch.js';

const CASES = [
  ...MAXPOOL2X2_CASES,
  { N: 2, H: 9, W: 6, C: 8, why: 'words with two windows, and with one' },
  { N: 1, H: 8, W: 8, C: 68, why: 'whole words, more of them than a workgroup' },
] as const;

describe('the float64 gradient of maxpool2x2', () => {
  it('agrees with central differences', () => {
    const sizes = { N: 2, H: 5, W: 4, C: 3 };
    const random = seededRandom(1);
    // Whole numbers in random order and no two alike: no maximum changes within a step.
    const x = Float64Array.from({ length: 120 }, (_, i) => (i * 7919) % 127);
    const weights = Float64Array.from({ length: 2 * 2 * 2 * 3 }, () => random.normal());
    const loss = () => forward(x, sizes).reduce((sum, value, i) => sum + weights[i]! * value, 0);
    checkGradient(loss, x, reference(x, weights, sizes));
  });
});

describe('maxpool2x2, backward', () => {
  const gpu = useGpu();
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });

  it.each(CASES)('$N x $H x $W x $C: $why', async (sizes) => {
    const { N, H, W, C } = sizes;
    const shape = [N, Math.floor(H / 2), Math.floor(W / 2), C];
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 1 });
    using dy = await randomTensor(gpu(), 'dy', shape, { seed: 2 });
    using y = await poisoned(gpu(), 'y', shape);
    using positions = await poisoned(gpu(), 'positions', positionsShape([N, H, W, C]));
    const label = 'pool';
    for (const mask of [false, true]) {
      using dx = await poisoned(gpu(), 'dx', [N, H, W, C]);
      await run(gpu(), (recorder) => {
        maxPool2x2(recorder, { label, x: x.tensor, y, positions });
        maxPool2x2Backward(recorder, { label, dy: dy.tensor, y, positions, mask, dx });
      });
      expect(await y.read()).toEqual(new Float32Array(forward(x.values, sizes)));
      const expected = reference(x.values, dy.values, sizes);
      const masked = expected.map((value, i) => (mask && !(x.values[i]! > 0) ? 0 : value));
      // As bytes, but for the sign of zero.
      expectClose(await dx.read(), masked, { atol: 0, rtol: 0 });
    }
  });

  it('takes the first of equal numbers, as PyTorch does', async () => {
    // A window of four equal numbers, and windows whose largest stands twice.
    const values = [5, 5, 1, 7, 5, 5, 7, 2, 3, 9, 4, 4, 9, 1, 4, 8];
    const quads = Float32Array.from({ length: 64 }, (_, i) => values[i >> 2]!);
    using x = await Tensor.from(gpu(), 'x', [1, 4, 4, 4], quads);
    using dy = await Tensor.from(gpu(), 'dy', [1, 2, 2, 4], new Float32Array(16).fill(1));
    using y = await poisoned(gpu(), 'y', [1, 2, 2, 4]);
    using positions = await poisoned(gpu(), 'positions', positionsShape([1, 4, 4, 4]));
    using dx = await poisoned(gpu(), 'dx', [1, 4, 4, 4]);
    await run(gpu(), (recorder) => {
      maxPool2x2(recorder, { label: 'pool', x, y, positions });
      maxPool2x2Backward(recorder, { label: 'pool', dy, y, positions, mask: false, dx });
    });
    // torch.nn.functional.max_pool2d(x, 2, return_indices=True) gives the places 0, 3, 9 and 15.
    const got = (await dx.read()).filter((_, i) => i % 4 === 2);
    expect([...got].flatMap((value, place) => (value === 1 ? [place] : []))).toEqual([0, 3, 9, 15]);
  });

  it.each(CONV3X3_RUNGS.filter(isWinograd).filter((rung) => rung !== '05_winograd_2x2'))(
    'gets the same positions from %s, which pools as it computes',
    async (rung) => {
      if (whyNot(gpu(), rung, 'f32')) return;
      for (const { relu, ...sizes } of [
        { N: 2, H: 9, W: 14, C: 8, O: 20, relu: true },
        { N: 3, H: 4, W: 7, C: 4, O: 72, relu: false },
      ]) {
        const { N, H, W, C, O } = sizes;
        const shape = [N, Math.floor(H / 2), Math.floor(W / 2), O];
        using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 1 });
        using k = await randomTensor(gpu(), 'k', [3, 3, C, O], { seed: 2 });
        using b = await randomTensor(gpu(), 'b', [O], { seed: 3 });
        using dy = await randomTensor(gpu(), 'dy', shape, { seed: 4 });
        using y = await poisoned(gpu(), 'y', shape);
        using positions = await poisoned(gpu(), 'positions', positionsShape([N, H, W, O]));
        using dx = await poisoned(gpu(), 'dx', [N, H, W, O]);
        const args = { label: 'layer', x: x.tensor, k: k.tensor, b: b.tensor, y, relu, rung };
        await runConv3x3(gpu(), { ...args, pool: true, positions, scratchBytes: 36 * 4 * 72 * 32 });
        const convolved = convReference(x.values, k.values, b.values, sizes, relu);
        expectClose(await y.read(), forward(convolved, { N, H, W, C: O }), { atol: 2e-4, rtol: 1e-5 });
        await run(gpu(), (recorder) =>
          maxPool2x2Backward(recorder, { label: 'layer', dy: dy.tensor, y, positions, mask: relu, dx }),
        );
        const expected = reference(convolved, dy.values, { N, H, W, C: O });
        const masked = expected.map((value, i) => (relu && !(convolved[i]! > 0) ? 0 : value));
        expectClose(await dx.read(), masked, { atol: 0, rtol: 0 });
      }
    },
  );

  it('refuses what does not fit, naming the layer', async () => {
    using x = await Tensor.create(gpu(), 'x', [1, 4, 4, 4]);
    using y = await Tensor.create(gpu(), 'y', [1, 2, 2, 4]);
    using positions = await Tensor.create(gpu(), 'positions', [1, 1, 1, 2]);
    const label = 'block1_pool';
    const pool = () => maxPool2x2(new Recorder(gpu(), 'test'), { label, x, y, positions });
    expect(pool).toThrow('block1_pool: positions is (1,1,1,2), expected (1,1,1,1)');
    const args = { label, dy: x, y, positions, mask: false, dx: x };
    const back = () => maxPool2x2Backward(new Recorder(gpu(), 'test'), args);
    expect(back).toThrow('block1_pool: x is (1,4,4,4), expected (1,2,2,4)');
  });
});
