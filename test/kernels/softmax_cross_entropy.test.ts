// softmax_cross_entropy: the reference against PyTorch and differences, the GPU against the reference.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { padToQuad } from '../../src/kernels/shapes.js';
import {
  IGNORED,
  softmaxCrossEntropy,
} from '../../src/kernels/softmax_cross_entropy/softmax_cross_entropy.js';
import { seededRandom } from '../../src/random.js';
import { softmaxCrossEntropy as reference } from '../../src/reference/softmax_cross_entropy.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { checkGradient } from '../support/gradcheck.js';
import { poisoned, run } from '../support/kernel.js';
import { SOFTMAX_CROSS_ENTROPY_CASES } from './cases.js';

interface Batch {
  readonly N: number;
  readonly O: number;
  readonly classes: number;
  readonly smoothing: number;
  readonly x: Float32Array;
  readonly labels: Uint32Array;
  readonly classWeights: Float32Array;
}

interface GoldenLoss {
  readonly why: string;
  readonly classes: number;
  readonly smoothing: number;
  readonly weights: readonly number[] | null;
  readonly labels: readonly number[];
  readonly x: readonly number[];
  readonly loss: number;
  readonly dx: readonly number[];
}

const { losses } = JSON.parse(readFileSync('test/golden/training/kernels.json', 'utf8')) as {
  losses: readonly GoldenLoss[];
};

/** Rows of `classes` numbers into rows of whole quads. */
function padded(values: readonly number[], classes: number, filler: number): number[] {
  const O = padToQuad(classes);
  return Array.from({ length: (values.length / classes) * O }, (_, i) =>
    i % O < classes ? values[Math.floor(i / O) * classes + (i % O)]! : filler,
  );
}

/** What stands in the padding of scores and weights must not matter. */
const paddedInput = (values: readonly number[], classes: number) =>
  Float32Array.from(padded(values, classes, 1e9));

function goldenBatch({ classes, smoothing, weights, labels, x }: GoldenLoss): Batch {
  return {
    N: labels.length,
    O: padToQuad(classes),
    classes,
    smoothing,
    x: paddedInput(x, classes),
    labels: Uint32Array.from(labels, (label) => (label === -1 ? IGNORED : label)),
    classWeights: paddedInput(weights ?? new Array(classes).fill(1), classes),
  };
}

function randomBatch(form: (typeof SOFTMAX_CROSS_ENTROPY_CASES)[number], deviation: number): Batch {
  const { N, classes, smoothing, weighted, ignored } = form;
  const random = seededRandom(N + classes);
  const x = Array.from({ length: N * classes }, () => deviation * random.normal());
  const weights = Array.from({ length: classes }, () => (weighted ? 0.1 + 3 * random.uniform() : 1));
  const labels = Uint32Array.from({ length: N }, (_, n) =>
    n % 2 === 1 && n < 2 * ignored ? IGNORED : random.below(classes),
  );
  return {
    N,
    O: padToQuad(classes),
    classes,
    smoothing,
    x: paddedInput(x, classes),
    labels,
    classWeights: paddedInput(weights, classes),
  };
}

const referenceOf = ({ x, labels, classWeights, N, O, classes, smoothing }: Batch) =>
  reference(x, labels, classWeights, { N, O }, classes, smoothing);

describe('the float64 reference', () => {
  it.each(losses)('gives what PyTorch gives: $why', (golden) => {
    const batch = goldenBatch(golden);
    const { loss, dx } = referenceOf(batch);
    expectClose([loss], [golden.loss], { atol: 1e-12, rtol: 1e-12 });
    expectClose(dx, padded(golden.dx, golden.classes, 0), { atol: 1e-12, rtol: 1e-12 });
  });

  const small = SOFTMAX_CROSS_ENTROPY_CASES.filter(({ N, classes }) => N * classes < 500);
  it.each(small)('has the gradient that differences give: $why', (form) => {
    const batch = randomBatch(form, 1);
    const { N, O, classes, smoothing, labels, classWeights } = batch;
    const loss = (x: Float64Array) => reference(x, labels, classWeights, { N, O }, classes, smoothing).loss;
    checkGradient(loss, Float64Array.from(batch.x), referenceOf(batch).dx);
  });
});

describe('softmax_cross_entropy', () => {
  const gpu = useGpu();

  async function onGpu(batch: Batch): Promise<{ dx: Float32Array; rows: Float32Array }> {
    const { N, O, classes, smoothing } = batch;
    using x = await Tensor.from(gpu(), 'x', [N, O], batch.x);
    using labels = await Tensor.from(gpu(), 'labels', [N], batch.labels);
    using classWeights = await Tensor.from(gpu(), 'class weights', [O], batch.classWeights);
    using dx = await poisoned(gpu(), 'dx', [N, O]);
    using rows = await poisoned(gpu(), 'rows', [N, 4]);
    const args = { label: 'loss', x, labels, classWeights, dx, rows, classes, smoothing };
    await run(gpu(), (recorder) => softmaxCrossEntropy(recorder, args));
    const result = { dx: await dx.read(), rows: await rows.read() };
    return result;
  }

  /** Losses grow with the scores, and so does what f32 cannot tell apart; WGSL grants log 2^-21 near 1. */
  const expectReference = (batch: Batch, actual: { dx: Float32Array; rows: Float32Array }) => {
    const { dx, rows } = referenceOf(batch);
    expectClose(actual.rows, rows, { atol: 5e-6, rtol: 5e-6 });
    // Each is a difference of shares of the row's weight, of which the batch has at least one.
    expectClose(actual.dx, dx, { atol: 2e-6, rtol: 3e-5 });
    const inPadding = actual.dx.filter((_, i) => i % batch.O >= batch.classes);
    expect(inPadding.every((value) => value === 0)).toBe(true);
  };

  it.each(losses)('follows PyTorch: $why', async (golden) => {
    const batch = goldenBatch(golden);
    expectReference(batch, await onGpu(batch));
  });

  it.each(SOFTMAX_CROSS_ENTROPY_CASES)('$N rows of $classes: $why', async (form) => {
    for (const deviation of [1, 30]) {
      const batch = randomBatch(form, deviation);
      const first = await onGpu(batch);
      expectReference(batch, first);
      expect(await onGpu(batch)).toEqual(first);
    }
  });

  const plain = { N: 4, O: 4, classes: 3, smoothing: 0.1 };
  const classWeights = new Float32Array([1, 2, 3, 0]);

  it.each([Number.NaN, Infinity, -Infinity])(
    'shows a score of %d in its row, and in no other',
    async (bad) => {
      const x = new Float32Array([1, 2, 3, 0, 4, bad, 6, 0, bad, bad, bad, bad, 1, 0, 1, bad]);
      const labels = new Uint32Array([0, 2, IGNORED, 1]);
      const { rows } = await onGpu({ ...plain, x, labels, classWeights });
      expect(rows[4]).toBeNaN();
      expect([...rows.subarray(5, 12)]).toEqual([3, 0, 1, 0, 0, 0, 0]);
      const clean = x.map((value) => (Number.isFinite(value) ? value : 0));
      const expected = reference(clean, labels, classWeights, plain, 3, 0.1).rows;
      for (const n of [0, 3]) {
        expectClose(rows.slice(4 * n, 4 * n + 4), expected.slice(4 * n, 4 * n + 4), {
          atol: 5e-6,
          rtol: 5e-6,
        });
      }
    },
  );

  it('shows a label that is no class', async () => {
    const labels = new Uint32Array([0, 3, 77, 1]);
    const { rows } = await onGpu({ ...plain, x: new Float32Array(16), labels, classWeights });
    expect([0, 4, 8, 12].map((i) => Number.isNaN(rows[i]))).toEqual([false, true, true, false]);
    expect([...rows.subarray(5, 8)]).toEqual([0, 0, 1]);
  });

  it('gives no gradient where there is nothing to learn from', async () => {
    const x = new Float32Array(16).fill(Number.NaN);
    const none = await onGpu({ ...plain, x, labels: new Uint32Array(4).fill(IGNORED), classWeights });
    expect([...none.dx, ...none.rows].every((value) => value === 0)).toBe(true);
    const weightless = new Float32Array([0, 2, 3, 0]);
    const zeros = await onGpu({
      ...plain,
      x: new Float32Array(16),
      labels: new Uint32Array(4),
      classWeights: weightless,
    });
    expect([...zeros.dx].every((value) => value === 0)).toBe(true);
  });

  it('refuses what does not fit', async () => {
    using x = await Tensor.create(gpu(), 'x', [2, 4]);
    const [labels, rows] = [x.view('labels', [2]), x.view('rows', [2, 4])];
    const args = { label: 'loss', x, labels, classWeights: x.view('w', [4]), dx: x, rows };
    const nine = () =>
      softmaxCrossEntropy(new Recorder(gpu(), 'test'), { ...args, classes: 9, smoothing: 0 });
    expect(nine).toThrow('loss: 9 classes do not fit into 4 columns');
    const all = () => softmaxCrossEntropy(new Recorder(gpu(), 'test'), { ...args, classes: 3, smoothing: 1 });
    expect(all).toThrow('loss: a label smoothing of 1, expected 0 to less than 1');
  });
});
