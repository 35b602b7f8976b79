// gradient_norm on the GPU against float64, over tensors of many sizes.

import { describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { gradientNorm } from '../../src/kernels/gradient_norm/gradient_norm.js';
import { gradientNorm as reference } from '../../src/reference/gradient_norm.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { planned, poisoned, randomTensor } from '../support/kernel.js';
import { GRADIENT_NORM_CASES } from './cases.js';

describe('gradient_norm', () => {
  const gpu = useGpu();

  /** What two runs of one recording gave. */
  async function onGpu(gradients: readonly Tensor[], maxNorm: number): Promise<Float32Array[]> {
    using clip = await poisoned(gpu(), 'clip', [4]);
    using plan = await planned(gpu(), (recorder) =>
      gradientNorm(recorder, { label: 'norm', gradients, clip, maxNorm }),
    );
    const runs: Float32Array[] = [];
    for (let i = 0; i < 2; i++) {
      await plan.run();
      runs.push(await clip.read());
    }
    return runs;
  }

  const ofValues = (values: readonly number[]) =>
    Tensor.from(gpu(), 'dw', [values.length], new Float32Array(values));

  it.each(GRADIENT_NORM_CASES)('$why', async ({ sizes }) => {
    const all = await Promise.all(
      sizes.map((size, i) => randomTensor(gpu(), 'dw', [size / 4, 4], { seed: i, outliers: 20 })),
    );
    const values = all.map((each) => each.values);
    for (const maxNorm of [0.1, 1e6]) {
      const { factor, norm } = reference(values, maxNorm);
      const [once, again] = await onGpu(
        all.map(({ tensor }) => tensor),
        maxNorm,
      );
      expectClose(once!, [factor, norm, 0, 0], { atol: 0, rtol: 1e-5 });
      expect(again).toEqual(once);
    }
    for (const { tensor } of all) tensor.dispose();
  });

  it.each([
    { why: 'no gradient at all', values: [0, 0, 0, 0], expected: [1, 0, 0, 0] },
    { why: 'squares that overflow', values: [1e30, 1, 0, 0], expected: [0, Infinity, 0, 0] },
    { why: 'infinity', values: [-Infinity, 1, 0, 0], expected: [0, Infinity, 0, 0] },
    { why: 'NaN', values: [Number.NaN, 1, 0, 0], expected: [Number.NaN, Number.NaN, 0, 0] },
    {
      why: 'NaN beside infinity',
      values: [Number.NaN, Infinity, 0, 0],
      expected: [Number.NaN, Number.NaN, 0, 0],
    },
  ])('says so: $why', async ({ values, expected }) => {
    using dw = await ofValues(values);
    using other = await ofValues([0, 0, 0, 0]);
    const [once] = await onGpu([other, dw], 1);
    expect([...once!]).toEqual(expected);
  });

  it('refuses what does not fit, and leaves nothing behind', async () => {
    const before = gpu().liveBuffers;
    const [clip, odd] = [await ofValues([0, 0, 0, 0]), await ofValues([1, 2, 3, 4, 5])];
    const args = { label: 'norm', clip, maxNorm: 1 };
    expect(() => gradientNorm(new Recorder(gpu(), 'test'), { ...args, gradients: [] })).toThrow(
      'norm: no gradients to take the norm of',
    );
    expect(() => gradientNorm(new Recorder(gpu(), 'test'), { ...args, gradients: [odd] })).toThrow(
      'norm: dw is (5), expected a number of values that 4 divides',
    );
    expect(() =>
      gradientNorm(new Recorder(gpu(), 'test'), { ...args, gradients: [clip], maxNorm: 0 }),
    ).toThrow('norm: a largest norm of 0, expected more than 0');
    clip.dispose();
    odd.dispose();
    expect(gpu().liveBuffers).toBe(before);
  });
});
