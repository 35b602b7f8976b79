import { afterEach, describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import { Tensor } from '../../src/gpu/tensor.js';
import {
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
} from '../../src/kernels/linear/backward.js';
import { seededRandom } from '../../src/random.js';
import { linear as forward } from '../../src/reference/linear.js';
import {
  linearBackwardBias as biasReference,
  linearBackwardInput as inputReference,
  linearBackwardKernel as kernelReference,
} from '../../src/reference/linear_backward.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { checkGradient } from '../support/gradcheck.js';
import { planned, poisoned, randomTensor, run } from '../support/kernel.js';
import { LINEAR_BACKWARD_CASES } from './cases.js';
import { cut, cutsOf, joined, poisonedPieces } from './linear_pieces.js';

// float32 sums of at most 132 products of numbers around 1, added in another order than the reference's.
const TOLERANCE = { atol: 2e-5, rtol: 1e-5 };
// Products of outliers reach 400 times the usual and cancel each other.
const OUTLIERS = { atol: 4e-3, rtol: 1e-5 };

describe('the float64 gradients of linear agree with central differences', () => {
  const sizes = { N: 3, D: 5, O: 4 };
  const { N, D, O } = sizes;
  const random = seededRandom(1);
  const normals = (length: number) => Float64Array.from({ length }, () => random.normal());
  const [x, k, b, weights] = [normals(N * D), normals(D * O), normals(O), normals(N * O)];
  /** Any function of y serves; one that is not linear would catch a gradient taken at another point. */
  const lossOf = (y: Float64Array) => y.reduce((sum, value, i) => sum + weights[i]! * value * value, 0);
  const loss = () => lossOf(forward(x, k, b, sizes, false));
  const dy = forward(x, k, b, sizes, false).map((value, i) => 2 * weights[i]! * value);
  const at = (name: string, columns: number) => (i: number) =>
    `${name}[${Math.floor(i / columns)},${i % columns}]`;

  it('by the input', () => {
    checkGradient(loss, x, inputReference(dy, k, sizes), { nameOf: at('x', D) });
  });
  it('by the kernel', () => {
    checkGradient(loss, k, kernelReference(x, dy, sizes), { nameOf: at('k', O) });
  });
  it('by the bias', () => {
    checkGradient(loss, b, biasReference(dy, sizes), { nameOf: (i) => `b[${i}]` });
  });
  it('and a wrong one is found, by its name', () => {
    const wrong = kernelReference(x, dy, sizes);
    wrong[6]! += 1e-4;
    const check = () => checkGradient(loss, k, wrong, { nameOf: at('k', O) });
    expect(check).toThrow(/^gradient by k\[1,2\]: -?[\d.]+, central differences give -?[\d.]+$/);
  });
});

describe('linear, backward', () => {
  const gpu = useGpu();
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });
  const cases = [
    ...LINEAR_BACKWARD_CASES.map((sizes) => ({ ...sizes, outliers: 1, tolerance: TOLERANCE })),
    { N: 9, D: 20, O: 100, why: 'outliers 20 times as large', outliers: 20, tolerance: OUTLIERS },
  ];

  it.each(cases)('by the input, $N x $D x $O: $why', async ({ N, D, O, outliers, tolerance }) => {
    using dy = await randomTensor(gpu(), 'dy', [N, O], { seed: 1, outliers });
    using k = await randomTensor(gpu(), 'k', [D, O], { seed: 2, outliers });
    const expected = inputReference(dy.values, k.values, { N, D, O });
    for (const cuts of cutsOf(O)) {
      const pieces = await cut(gpu(), k, cuts);
      using dx = await poisoned(gpu(), 'dx', [N, D]);
      using plan = await planned(gpu(), (recorder) =>
        linearBackwardInput(recorder, { label: 'fc', dy: dy.tensor, pieces, dx }),
      );
      await plan.run();
      const once = await dx.read();
      expectClose(once, expected, tolerance);
      // What the first piece finds in dx does not matter, and sums are added in the same order every time.
      await plan.run();
      expect(await dx.read()).toEqual(once);
      for (const piece of pieces) piece.k.dispose();
    }
  });

  it.each(cases)('by the kernel, $N x $D x $O: $why', async ({ N, D, O, outliers, tolerance }) => {
    using x = await randomTensor(gpu(), 'x', [N, D], { seed: 3, outliers });
    using dy = await randomTensor(gpu(), 'dy', [N, O], { seed: 4, outliers });
    const expected = kernelReference(x.values, dy.values, { N, D, O });
    for (const cuts of cutsOf(O)) {
      const pieces = await poisonedPieces(gpu(), [D, O], cuts);
      const args = { label: 'fc', x: x.tensor, dy: dy.tensor, pieces };
      using plan = await planned(gpu(), (recorder) => linearBackwardKernel(recorder, args));
      await plan.run();
      const once = await joined(pieces, [D, O]);
      expectClose(once, expected, tolerance);
      await plan.run();
      expect(await joined(pieces, [D, O])).toEqual(once);
      for (const piece of pieces) piece.k.dispose();
    }
  });

  it.each([...cases, { N: 5, D: 4, O: 260, why: 'over a workgroup', outliers: 20, tolerance: OUTLIERS }])(
    'by the bias, $N x $O: $why',
    async ({ N, O, outliers, tolerance }) => {
      using dy = await randomTensor(gpu(), 'dy', [N, O], { seed: 5, outliers });
      using db = await poisoned(gpu(), 'db', [O]);
      await run(gpu(), (recorder) => linearBackwardBias(recorder, { label: 'fc', dy: dy.tensor, db }));
      expectClose(await db.read(), biasReference(dy.values, { N, O }), tolerance);
    },
  );

  it('leaves padding zero: columns without a gradient, depths without an input', async () => {
    const [N, D, O] = [3, 8, 8];
    using x = await Tensor.from(gpu(), 'x', [N, D], padded(N, D, 5));
    using dy = await Tensor.from(gpu(), 'dy', [N, O], padded(N, O, 6));
    using k = await Tensor.from(gpu(), 'k', [D, O], padded(D, O, 6).fill(0, 5 * O));
    using dx = await poisoned(gpu(), 'dx', [N, D]);
    using db = await poisoned(gpu(), 'db', [O]);
    using dk = await poisoned(gpu(), 'dk', [D, O]);
    await run(gpu(), (recorder) => {
      linearBackwardInput(recorder, { label: 'fc', dy, pieces: [{ first: 0, k }], dx });
      linearBackwardKernel(recorder, { label: 'fc', x, dy, pieces: [{ first: 0, k: dk }] });
      linearBackwardBias(recorder, { label: 'fc', dy, db });
    });
    const nonZero = (
      values: Float32Array,
      columns: number,
      inside: (row: number, column: number) => boolean,
    ) =>
      values.forEach((value, i) => {
        expect(value !== 0, `at ${i}`).toBe(inside(Math.floor(i / columns), i % columns));
      });
    nonZero(await dx.read(), D, (_, d) => d < 5);
    nonZero(await db.read(), O, (_, o) => o < 6);
    nonZero(await dk.read(), O, (d, o) => d < 5 && o < 6);
  });

  it('refuses what does not fit, naming the layer', async () => {
    using x = await Tensor.create(gpu(), 'x', [2, 8]);
    using dy = await Tensor.create(gpu(), 'dy', [2, 4]);
    using dx = await Tensor.create(gpu(), 'dx', [3, 8]);
    using k = await Tensor.create(gpu(), 'k', [8, 4]);
    using half = await Tensor.create(gpu(), 'half', [8, 4], 'f16');
    const label = 'fc1';
    const input = () =>
      linearBackwardInput(new Recorder(gpu(), 'test'), { label, dy, pieces: [{ first: 0, k }], dx });
    expect(input).toThrow('fc1: dx is (3,8), expected (2,8)');
    const f16 = () =>
      linearBackwardInput(new Recorder(gpu(), 'test'), { label, dy, pieces: [{ first: 0, k: half }], dx: x });
    expect(f16).toThrow('fc1: half is stored as f16, expected f32');
    const gap = () =>
      linearBackwardKernel(new Recorder(gpu(), 'test'), { label, x, dy, pieces: [{ first: 4, k }] });
    expect(gap).toThrow('fc1: a piece of k begins at column 4, expected 0');
    const rows = () =>
      linearBackwardKernel(new Recorder(gpu(), 'test'), { label, x: dx, dy, pieces: [{ first: 0, k }] });
    expect(rows).toThrow('fc1: dy is (2,4), expected (3,4)');
    const bias = () => linearBackwardBias(new Recorder(gpu(), 'test'), { label, dy, db: x.view('db', [8]) });
    expect(bias).toThrow('fc1: db is (8), expected (4)');
  });
});

/** Positive numbers in the first `columns` of each row, zeros behind them. */
function padded(rows: number, sides: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * sides }, (_, i) => (i % sides < columns ? 1 + (i % 7) : 0));
}
