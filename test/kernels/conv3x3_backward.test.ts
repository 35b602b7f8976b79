import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.js';
import { Recorder } from '../../src/gpu/recorder.js';
import { Tensor } from '../../src/gpu/tensor.js';
import {
  CONV3X3_RUNGS,
  type Conv3x3Rung,
  canRun,
  isWinograd,
  pointsOf,
} from '../../src/kernels/conv3x3/rungs.js';
import { winogradFilter } from '../../src/kernels/conv3x3/winograd.js';
import {
  conv3x3BackwardBias,
  conv3x3BackwardInput,
  conv3x3BackwardKernel,
  rotateKernel,
} from '../../src/kernels/conv3x3_backward/conv3x3_backward.js';
import { CONV3X3_BACKWARD_RUNGS, whyNotBackward } from '../../src/kernels/conv3x3_backward/rungs.js';
import { seededRandom } from '../../src/random.js';
import { conv3x3 as forward } from '../../src/reference/conv3x3.js';
import {
  conv3x3BackwardBias as biasReference,
  conv3x3BackwardInput as inputReference,
  conv3x3BackwardKernel as kernelReference,
} from '../../src/reference/conv3x3_backward.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { checkGradient } from '../support/gradcheck.js';
import { planned, poisoned, randomTensor, run } from '../support/kernel.js';
import { CONV3X3_CASES } from './cases.js';

// As conv3x3's: float32 sums of products of numbers around 1; Winograd's are larger in between.
const TOLERANCE = { atol: 3e-5, rtol: 1e-5 };
const WINOGRAD_TOLERANCE = { atol: 3e-4, rtol: 1e-5 };

const CASES = [
  ...CONV3X3_CASES,
  { N: 5, H: 7, W: 6, C: 12, O: 8, relu: true, why: 'five pictures with odd rows' },
  { N: 4, H: 3, W: 9, C: 8, O: 132, relu: true, why: 'more columns than two workgroups own' },
] as const;

describe('the float64 gradients of conv3x3', () => {
  const sizes = { N: 2, H: 4, W: 3, C: 2, O: 3 };
  const { N, H, W, C, O } = sizes;
  const random = seededRandom(1);
  const normals = (length: number) => Float64Array.from({ length }, () => random.normal());
  const [x, k, b] = [normals(N * H * W * C), normals(9 * C * O), normals(O)];
  const weights = normals(N * H * W * O);
  /** Any function of y serves; one that is not linear would catch a gradient taken at another point. */
  const loss = () =>
    forward(x, k, b, sizes, false).reduce((sum, value, i) => sum + weights[i]! * value * value, 0);
  const dy = forward(x, k, b, sizes, false).map((value, i) => 2 * weights[i]! * value);

  it('by the input agrees with central differences', () => {
    checkGradient(loss, x, inputReference(dy, k, sizes));
  });
  it('by the kernel agrees with central differences', () => {
    checkGradient(loss, k, kernelReference(x, dy, sizes));
  });
  it('by the bias agrees with central differences', () => {
    checkGradient(loss, b, biasReference(dy, sizes));
  });
});

/** dx on the GPU from k (3,3,C,O), on any rung. */
async function runInput(
  gpu: Gpu,
  rung: Conv3x3Rung,
  args: { dy: Tensor; k: Tensor; dx: Tensor; mask?: Tensor },
): Promise<void> {
  const [, , C, O] = args.k.shape as [number, number, number, number];
  using r = await poisoned(gpu, 'r', [3, 3, O, C]);
  using u = await poisoned(gpu, 'u', [isWinograd(rung) ? pointsOf(rung) : 1, O, C]);
  await run(gpu, (recorder) => {
    rotateKernel(recorder, { label: 'layer', k: args.k, r });
    if (isWinograd(rung)) winogradFilter(recorder, { label: 'layer', k: r, u, rung });
    const form = isWinograd(rung) ? u : r;
    conv3x3BackwardInput(recorder, { label: 'layer', ...args, r: form, choice: { rung } });
  });
}

describe.each(CONV3X3_RUNGS.filter((rung) => rung !== '07_subgroup_matrix'))(
  'the gradient of conv3x3 by its input, %s',
  (rung) => {
    const gpu = useGpu();
    beforeEach(({ skip }) => skip(!canRun(gpu(), rung, 'f32'), 'no subgroups of 8 threads here'));
    const tolerance = isWinograd(rung) ? WINOGRAD_TOLERANCE : TOLERANCE;

    it.each(CASES)('$N x $H x $W x $C -> $O: $why', async ({ N, H, W, C, O, relu }) => {
      using dy = await randomTensor(gpu(), 'dy', [N, H, W, O], { seed: 1 });
      using k = await randomTensor(gpu(), 'k', [3, 3, C, O], { seed: 2 });
      using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 3 });
      using dx = await poisoned(gpu(), 'dx', [N, H, W, C]);
      const expected = inputReference(dy.values, k.values, { N, H, W, C, O });
      const args = { dy: dy.tensor, k: k.tensor, dx };
      await runInput(gpu(), rung, relu ? { ...args, mask: x.tensor } : args);
      const masked = expected.map((value, i) => (relu && !(x.values[i]! > 0) ? 0 : value));
      expectClose(await dx.read(), masked, tolerance);
    });
  },
);

describe.each(CONV3X3_BACKWARD_RUNGS)('conv3x3_backward/%s', (rung) => {
  const gpu = useGpu();
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });
  beforeEach(({ skip }) => skip(!!whyNotBackward(gpu(), rung), 'no subgroups of 8 threads here'));
  const isExact = rung === '01_naive' || rung === '02_register_blocked';
  const tolerance = isExact ? TOLERANCE : WINOGRAD_TOLERANCE;

  it.each(CASES)('$N x $H x $W x $C -> $O: $why', async ({ N, H, W, C, O }) => {
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 1 });
    using dy = await randomTensor(gpu(), 'dy', [N, H, W, O], { seed: 2 });
    using dk = await poisoned(gpu(), 'dk', [3, 3, C, O]);
    const expected = kernelReference(x.values, dy.values, { N, H, W, C, O });
    const args = { label: 'layer', x: x.tensor, dy: dy.tensor, dk };
    await run(gpu(), (recorder) => conv3x3BackwardKernel(recorder, { ...args, choice: { rung } }));
    expectClose(await dk.read(), expected, tolerance);
  });

  it('splits the pixels into slices and chunks, adds to what is there, and repeats to the bit', async () => {
    const sizes = { N: 3, H: 21, W: 10, C: 12, O: 20 };
    const { N, H, W, C, O } = sizes;
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 3 });
    using dy = await randomTensor(gpu(), 'dy', [N, H, W, O], { seed: 4 });
    using dk = await randomTensor(gpu(), 'dk', [3, 3, C, O], { seed: 5 });
    const before = dk.values;
    const gradient = kernelReference(x.values, dy.values, sizes);
    const args = { label: 'layer', x: x.tensor, dy: dy.tensor, dk: dk.tensor };
    // Room for 32 tiles at a time, of 54.
    const choice = { rung, slices: 5, scratchBytes: 4 * 36 * O * 32 };
    using plan = await planned(gpu(), (recorder) =>
      conv3x3BackwardKernel(recorder, { ...args, accumulate: true, choice }),
    );
    await plan.run();
    const once = await dk.tensor.read();
    expectClose(
      once,
      gradient.map((value, i) => value + before[i]!),
      tolerance,
    );
    await dk.tensor.write(before as Float32Array<ArrayBuffer>);
    await plan.run();
    expect(await dk.tensor.read()).toEqual(once);
  });

  it('holds for outliers 20 times as large', async () => {
    const sizes = { N: 1, H: 7, W: 6, C: 12, O: 16 };
    const { N, H, W, C, O } = sizes;
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 6, outliers: 20 });
    using dy = await randomTensor(gpu(), 'dy', [N, H, W, O], { seed: 7, outliers: 20 });
    using dk = await poisoned(gpu(), 'dk', [3, 3, C, O]);
    const args = { label: 'layer', x: x.tensor, dy: dy.tensor, dk };
    await run(gpu(), (recorder) => conv3x3BackwardKernel(recorder, { ...args, choice: { rung } }));
    // Products of outliers reach 400 times the usual and cancel each other.
    expectClose(await dk.read(), kernelReference(x.values, dy.values, sizes), {
      atol: isExact ? 4e-3 : 2e-2,
      rtol: 1e-5,
    });
  });
});

describe('conv3x3_backward', () => {
  const gpu = useGpu();
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });

  it.each([
    { N: 1, H: 1, W: 1, O: 4, accumulate: false, why: 'one pixel' },
    { N: 3, H: 7, W: 9, O: 68, accumulate: true, why: 'three slices, more quads than a workgroup' },
    { N: 2, H: 150, W: 140, O: 12, accumulate: false, why: 'slices of more than their least' },
  ])('sums dy for the bias: $why', async ({ N, H, W, O, accumulate }) => {
    using dy = await randomTensor(gpu(), 'dy', [N, H, W, O], { seed: 1 });
    using db = await randomTensor(gpu(), 'db', [O], { seed: 2 });
    const args = { label: 'layer', dy: dy.tensor, db: db.tensor, accumulate };
    await run(gpu(), (recorder) => conv3x3BackwardBias(recorder, args));
    const expected = biasReference(dy.values, { O }).map((sum, i) => sum + (accumulate ? db.values[i]! : 0));
    // Sums of up to 42,000 numbers around 1, which come to about 200.
    expectClose(await db.tensor.read(), expected, { atol: 1e-3, rtol: 1e-5 });
  });

  it('leaves padding zero: channels without a gradient or an input', async () => {
    const [N, H, W, C, O] = [2, 5, 4, 8, 8];
    const padded = (length: number, columns: number, inside: number) =>
      Float32Array.from({ length }, (_, i) => (i % columns < inside ? (i % 7) - 3.5 : 0));
    using x = await Tensor.from(gpu(), 'x', [N, H, W, C], padded(N * H * W * C, C, 5));
    using dy = await Tensor.from(gpu(), 'dy', [N, H, W, O], padded(N * H * W * O, O, 6));
    for (const rung of CONV3X3_BACKWARD_RUNGS) {
      if (whyNotBackward(gpu(), rung)) continue;
      using dk = await poisoned(gpu(), 'dk', [3, 3, C, O]);
      await run(gpu(), (recorder) =>
        conv3x3BackwardKernel(recorder, { label: 'layer', x, dy, dk, choice: { rung } }),
      );
      const values = await dk.read();
      const wrong = values.findIndex((value, i) =>
        i % O < 6 && Math.floor(i / O) % C < 5 ? value === 0 : value !== 0,
      );
      expect(wrong, rung).toBe(-1);
    }
  });

  it('refuses what does not fit, naming the layer', async () => {
    using x = await Tensor.create(gpu(), 'x', [1, 4, 4, 8]);
    using dy = await Tensor.create(gpu(), 'dy', [1, 4, 4, 4]);
    using dk = await Tensor.create(gpu(), 'dk', [3, 3, 4, 4]);
    const label = 'block1_conv2';
    const kernel = () => conv3x3BackwardKernel(new Recorder(gpu(), 'test'), { label, x, dy, dk });
    expect(kernel).toThrow('block1_conv2: dk is (3,3,4,4), expected (3,3,8,4)');
    const bias = () => conv3x3BackwardBias(new Recorder(gpu(), 'test'), { label, dy, db: x });
    expect(bias).toThrow('block1_conv2: x is (1,4,4,8), expected (4)');
    const rotated = () => rotateKernel(new Recorder(gpu(), 'test'), { label, k: dk, r: x });
    expect(rotated).toThrow('block1_conv2: x is (1,4,4,8), expected (3,3,4,4)');
  });
});
