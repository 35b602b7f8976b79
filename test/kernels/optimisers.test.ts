// sgd and adamw: the references against PyTorch, the GPU against both, and what all steps share.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { type AdamWHyperParameters, adamw } from '../../src/kernels/adamw/adamw.js';
import { CONTROL_WORDS, controlWords } from '../../src/kernels/control.js';
import { gradientNorm } from '../../src/kernels/gradient_norm/gradient_norm.js';
import { type SgdHyperParameters, sgd } from '../../src/kernels/sgd/sgd.js';
import { seededRandom } from '../../src/random.js';
import { adamw as adamwReference } from '../../src/reference/adamw.js';
import { gradientNorm as normReference } from '../../src/reference/gradient_norm.js';
import { sgd as sgdReference } from '../../src/reference/sgd.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { planned, poisoned } from '../support/kernel.js';

type Optimiser =
  | { readonly name: 'sgd'; readonly hyper: SgdHyperParameters }
  | { readonly name: 'adamw'; readonly hyper: AdamWHyperParameters };

type GoldenSteps = Optimiser & {
  readonly maxNorm: number | null;
  readonly norms: readonly number[];
  /** The weights after each step. */
  readonly after: readonly (readonly number[])[];
};

const golden = JSON.parse(readFileSync('test/golden/training/kernels.json', 'utf8')) as {
  lrs: readonly number[];
  start: readonly number[];
  gradients: readonly (readonly number[])[];
  optimisers: readonly GoldenSteps[];
};

interface Problem {
  readonly start: ArrayLike<number>;
  readonly gradients: readonly ArrayLike<number>[];
  readonly lrs: readonly number[];
  readonly maxNorm: number | null;
}

/** The weights after each step, by the references. */
function inFloat64(optimiser: Optimiser, { start, gradients, lrs, maxNorm }: Problem): Float64Array[] {
  const w = Float64Array.from(start);
  const [first, second] = [new Float64Array(w.length), new Float64Array(w.length)];
  return gradients.map((dw, i) => {
    const factor = maxNorm === null ? 1 : normReference([dw], maxNorm).factor;
    const lr = lrs[i]!;
    if (optimiser.name === 'sgd') sgdReference(w, dw, first, lr, optimiser.hyper, factor);
    else adamwReference(w, dw, first, second, { lr, step: i + 1 }, optimiser.hyper, factor);
    return w.slice();
  });
}

describe.each(golden.optimisers)('$name $hyper, maxNorm $maxNorm', (optimiser) => {
  it('the float64 reference does the steps of PyTorch', () => {
    const steps = inFloat64(optimiser, { ...golden, maxNorm: optimiser.maxNorm });
    for (const [i, w] of steps.entries()) {
      expectClose(w, optimiser.after[i]!, { atol: 1e-12, rtol: 1e-12 });
      if (optimiser.maxNorm !== null) {
        const { norm } = normReference([golden.gradients[i]!], optimiser.maxNorm);
        expectClose([norm], [optimiser.norms[i]!], { atol: 0, rtol: 1e-12 });
      }
    }
  });
});

describe('the optimisers', () => {
  const gpu = useGpu();

  /** The weights after each step, of one recording that is replayed; `finish` sees the state before it is gone. */
  async function onGpu(
    optimiser: Optimiser,
    { start, gradients, lrs, maxNorm }: Problem,
    finish: (state: Tensor[]) => Promise<void> = async () => {},
  ): Promise<Float32Array[]> {
    const label = 'fc1';
    const shape = [start.length / 4, 4];
    using w = await Tensor.from(gpu(), 'w', shape, Float32Array.from(start));
    using dw = await Tensor.create(gpu(), 'dw', shape);
    using first = await Tensor.create(gpu(), 'm', shape);
    using second = await Tensor.create(gpu(), 'v', shape);
    using control = await Tensor.create(gpu(), 'control', [CONTROL_WORDS]);
    using clip = maxNorm === null ? undefined : await poisoned(gpu(), 'clip', [4]);
    const common = { label, w, dw, control, ...(clip && { clip }) };
    using plan = await planned(gpu(), (recorder) => {
      if (clip) gradientNorm(recorder, { label, gradients: [dw], clip, maxNorm: maxNorm! });
      if (optimiser.name === 'sgd') sgd(recorder, { ...common, momentum: first, hyper: optimiser.hyper });
      else adamw(recorder, { ...common, m: first, v: second, hyper: optimiser.hyper });
    });
    const betas = optimiser.name === 'adamw' ? optimiser.hyper : {};
    const steps: Float32Array[] = [];
    for (const [i, gradient] of gradients.entries()) {
      await gpu().write('dw', dw.buffer, Float32Array.from(gradient));
      const words = controlWords({ ...betas, lr: lrs[i]!, step: i + 1, seed: 0 });
      await gpu().write('control', control.buffer, words);
      await plan.run();
      steps.push(await w.read());
    }
    await finish([first, second]);
    return steps;
  }

  it.each(golden.optimisers)(
    '$name does the steps of PyTorch: $hyper, maxNorm $maxNorm',
    async (optimiser) => {
      const steps = await onGpu(optimiser, { ...golden, maxNorm: optimiser.maxNorm });
      for (const [i, w] of steps.entries()) expectClose(w, optimiser.after[i]!, { atol: 2e-6, rtol: 2e-6 });
    },
  );

  const random = seededRandom(3);
  const normal = (size: number, scale: number) =>
    Float32Array.from({ length: size }, (_, i) => scale * random.normal() * (i % 10 === 3 ? 20 : 1));
  const optimisers: readonly Optimiser[] = [
    { name: 'sgd', hyper: { momentum: 0.9, nesterov: true, weightDecay: 1e-4 } },
    { name: 'adamw', hyper: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 } },
  ];

  it.each(optimisers)('$name: more quads than a workgroup, gradients great and tiny', async (optimiser) => {
    const size = 4 * 131;
    const gradients = [normal(size, 1), normal(size, 1e-4), normal(size, 1e-7), normal(size, 10)];
    const problem = { start: normal(size, 0.1), gradients, lrs: [1e-3, 1e-2, 1e-3, 1e-4], maxNorm: null };
    const expected = inFloat64(optimiser, problem);
    const actual = await onGpu(optimiser, problem);
    for (const [i, w] of actual.entries()) expectClose(w, expected[i]!, { atol: 1e-6, rtol: 1e-6 });
    expect(await onGpu(optimiser, problem)).toEqual(actual);
  });

  it.each(optimisers)('$name leaves padding zero, its state too', async (optimiser) => {
    const padded = (size: number) => normal(size, 1).map((value, i) => (i % 4 < 2 ? value : 0));
    const gradients = Array.from({ length: 5 }, () => padded(16));
    const problem = { start: padded(16), gradients, lrs: [0.1, 0.1, 0.1, 0.1, 0.1], maxNorm: 1 };
    const isZero = (values: Float32Array) => values.every((value, i) => i % 4 < 2 || value === 0);
    const steps = await onGpu(optimiser, problem, async (state) => {
      for (const tensor of state) expect(isZero(await tensor.read())).toBe(true);
    });
    for (const w of steps) expect(isZero(w)).toBe(true);
  });

  it('refuse what does not fit', async () => {
    using w = await Tensor.create(gpu(), 'w', [4, 4]);
    const control = w.view('control', [CONTROL_WORDS]);
    const row = w.view('row', [16]);
    const hyper = { momentum: 0, nesterov: false, weightDecay: 0 };
    const other = () =>
      sgd(new Recorder(gpu(), 'test'), { label: 'fc1', w, dw: row, momentum: w, control, hyper });
    expect(other).toThrow('fc1: row is (16), expected (4,4)');
    const odd = w.view('odd', [3, 5]);
    const fifteen = () =>
      sgd(new Recorder(gpu(), 'test'), { label: 'fc1', w: odd, dw: odd, momentum: odd, control, hyper });
    expect(fifteen).toThrow('fc1: odd is (3,5), expected a number of values that 4 divides');
    const adam = { beta1: 0.9, beta2: 0.999, epsilon: 0, weightDecay: 0 };
    const zero = () =>
      adamw(new Recorder(gpu(), 'test'), { label: 'fc1', w, dw: w, m: w, v: w, control, hyper: adam });
    expect(zero).toThrow('fc1: an epsilon of 0');
  });
});

describe('the control words', () => {
  it('are declared alike in every kernel that reads them', () => {
    const texts = ['dropout/dropout', 'metrics/metrics', 'sgd/sgd', 'adamw/adamw'].map(
      (path) => /struct Control \{[^}]*\}/.exec(readFileSync(`src/kernels/${path}.wgsl`, 'utf8'))?.[0],
    );
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]!.match(/: (f32|u32),/g)!.length).toBe(CONTROL_WORDS);
  });

  it('take the bias corrections in float64', () => {
    const words = controlWords({ lr: 0.01, step: 1, seed: -1, beta1: 0.9, beta2: 0.999 });
    expect(words[1]).toBe(1);
    expect(words[2]).toBe(0xffffffff);
    const floats = new Float32Array(words.buffer);
    const expected = [0.01, 0.01 / 0.1, 1 / Math.sqrt(0.001)].map(Math.fround);
    expectClose([floats[0]!, floats[3]!, floats[4]!], expected, { atol: 0, rtol: 1e-7 });
  });
});
