// dropout: the mask bit for bit as the reference's, as random as it should be, and the same backward as forward.

import { describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { CONTROL_WORDS, controlWords } from '../../src/kernels/control.js';
import { dropout } from '../../src/kernels/dropout/dropout.js';
import { seededRandom } from '../../src/random.js';
import { type DropoutKey, pcg4d, dropout as reference } from '../../src/reference/dropout.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { checkGradient } from '../support/gradcheck.js';
import { randomTensor, recorded, run } from '../support/kernel.js';
import { ROWS_CASES } from './cases.js';

const KEY = { seed: 0xfedcba98, step: 7, layer: 1 };

describe('dropout', () => {
  const gpu = useGpu();

  async function onGpu(x: Tensor, { seed, step, layer }: DropoutKey, rate: number): Promise<Float32Array> {
    using control = await Tensor.create(gpu(), 'control', [CONTROL_WORDS]);
    await gpu().write('control', control.buffer, controlWords({ lr: 0, step, seed }));
    await run(gpu(), (recorder) => dropout(recorder, { label: 'fc1', x, control, rate, layer }));
    return x.read();
  }

  it.each(ROWS_CASES)('$N x $O: $why', async ({ N, O }) => {
    for (const rate of [0.25, 0.5, 0.9]) {
      using x = await randomTensor(gpu(), 'x', [N, O], { seed: 4, outliers: 20 });
      const expected = reference(x.values, KEY, rate);
      const actual = await onGpu(x.tensor, KEY, rate);
      expect([...actual].map((value) => value === 0)).toEqual([...expected].map((value) => value === 0));
      expectClose(actual, expected, { atol: 0, rtol: 2e-7 });
    }
  });

  it('has the mask that the generator of the paper gives', () => {
    // By pcg4d as published, compiled from C with unsigned ints.
    expect([...pcg4d(0, 0, 0, 0)]).toEqual([251852841, 760645481, 850445371, 3542436074]);
    expect([...pcg4d(1, 2, 3, 0xfedcba98)]).toEqual([2097595364, 590238204, 3580388083, 570285507]);
  });

  it('keeps a number whose random word is the threshold itself', async () => {
    const words = pcg4d(0, KEY.layer, KEY.step, KEY.seed);
    using x = await Tensor.from(gpu(), 'x', [1, 4], new Float32Array(4).fill(1));
    const actual = await onGpu(x, KEY, words[0]! / 2 ** 32);
    expect([...actual].map((value) => value > 0)).toEqual([...words].map((word) => word >= words[0]!));
  });

  it('leaves padding zero, and all as it is at a rate of 0', async () => {
    using x = await Tensor.from(gpu(), 'x', [2, 4], new Float32Array([5, 7, 0, 0, 3, 9, 0, 0]));
    const nothing = await recorded(gpu(), (recorder) =>
      dropout(recorder, { label: 'fc1', x, control: x.view('c', [5]), rate: 0, layer: 0 }),
    );
    expect(nothing).toEqual([]);
    const dropped = await onGpu(x, KEY, 0.5);
    expect([2, 3, 6, 7].map((i) => dropped[i])).toEqual([0, 0, 0, 0]);
  });

  it('of a gradient, with the same key, is the gradient of dropout', () => {
    const random = seededRandom(5);
    const dy = Float64Array.from({ length: 24 }, () => random.normal());
    const x = Float64Array.from({ length: 24 }, () => random.normal());
    const f = (values: Float64Array) =>
      reference(values, KEY, 0.4).reduce((sum, value, i) => sum + value * dy[i]!, 0);
    checkGradient(f, x, reference(dy, KEY, 0.4));
  });

  describe('as random as it should be', () => {
    const COUNT = 65536;
    const kept = async (key: DropoutKey, rate: number) => {
      using ones = await Tensor.from(gpu(), 'ones', [64, COUNT / 64], new Float32Array(COUNT).fill(1));
      return (await onGpu(ones, key, rate)).map((value) => Number(value > 0));
    };
    const sum = (mask: Float32Array) => mask.reduce((total, value) => total + value, 0);
    /** Binomial numbers stay within five deviations but once in two million times. */
    const expectCount = (count: number, trials: number, probability: number) => {
      const deviation = Math.sqrt(trials * probability * (1 - probability));
      expect(Math.abs(count - trials * probability)).toBeLessThan(5 * deviation);
    };

    it.each([0.1, 0.5, 0.8])('a rate of %d keeps its share, in each lane of a quad', async (rate) => {
      const mask = await kept(KEY, rate);
      for (const lane of [0, 1, 2, 3]) {
        expectCount(sum(mask.filter((_, i) => i % 4 === lane)), COUNT / 4, 1 - rate);
      }
    });

    it.each([
      { name: 'the next step', other: { ...KEY, step: KEY.step + 1 } },
      { name: 'a step much later', other: { ...KEY, step: KEY.step + 4096 } },
      { name: 'another layer', other: { ...KEY, layer: 0 } },
      { name: 'the next seed', other: { ...KEY, seed: KEY.seed + 1 } },
      { name: 'a seed with another high bit', other: { ...KEY, seed: KEY.seed ^ 0x80000000 } },
      { name: 'layer and step exchanged', other: { ...KEY, step: KEY.layer, layer: KEY.step } },
    ])('$name has a mask of its own', async ({ other }) => {
      const [one, two] = [await kept(KEY, 0.5), await kept(other, 0.5)];
      expectCount(sum(one.map((value, i) => value * two[i]!)), COUNT, 0.25);
    });

    it('neighbours, near and a row apart, are kept independently', async () => {
      const mask = await kept(KEY, 0.5);
      for (const distance of [1, 2, 3, 4, 8, 64, 256, 1024, 4096]) {
        const pairs = mask.slice(distance).map((value, i) => value * mask[i]!);
        expectCount(sum(pairs), pairs.length, 0.25);
      }
    });

    it('a unit is kept in its share of many steps', () => {
      const ones = new Float64Array(8).fill(1);
      const counts = new Float64Array(8);
      const STEPS = 10_000;
      for (let step = 1; step <= STEPS; step++) {
        for (const [i, value] of reference(ones, { ...KEY, step }, 0.5).entries())
          counts[i]! += Number(value > 0);
      }
      for (const count of counts) expectCount(count, STEPS, 0.5);
    });
  });

  it('refuses rates that are no share', async () => {
    using x = await Tensor.create(gpu(), 'x', [1, 8]);
    for (const rate of [-0.1, 1, Number.NaN]) {
      const refused = () =>
        dropout(new Recorder(gpu(), 'test'), { label: 'fc1', x, control: x.view('c', [5]), rate, layer: 0 });
      expect(refused).toThrow(`fc1: a dropout of ${rate}, expected 0 to less than 1`);
    }
  });
});
