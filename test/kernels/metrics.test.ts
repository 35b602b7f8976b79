// metrics: totals that are exact over 100,000 pictures, and the first step that went wrong.

import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/gpu/tensor.js';
import { CONTROL_WORDS, controlWords } from '../../src/kernels/control.js';
import { addMetrics, readTotals, TOTALS_WORDS, type Totals } from '../../src/kernels/metrics/metrics.js';
import { seededRandom } from '../../src/random.js';
import { metrics as reference } from '../../src/reference/metrics.js';
import { useGpu } from '../support/gpu.js';
import { planned, run } from '../support/kernel.js';

const step = (number: number) => controlWords({ lr: 0, step: number, seed: 0 });

describe('metrics', () => {
  const gpu = useGpu();

  /** The totals over batches, each with the number of its step. */
  async function onGpu(batches: readonly { step: number; rows: Float32Array }[]): Promise<Totals> {
    using totals = await Tensor.create(gpu(), 'totals', [TOTALS_WORDS]);
    using control = await Tensor.create(gpu(), 'control', [CONTROL_WORDS]);
    for (const batch of batches) {
      using rows = await Tensor.from(gpu(), 'rows', [batch.rows.length / 4, 4], batch.rows);
      await gpu().write('control', control.buffer, step(batch.step));
      await run(gpu(), (recorder) => addMetrics(recorder, { label: 'metrics', rows, totals, control }));
    }
    return readTotals(await totals.readBytes());
  }

  /** Losses and weights of every size, times `scale`. */
  function randomRows(N: number, seed: number, scale = 1): Float32Array {
    const random = seededRandom(seed);
    return Float32Array.from({ length: N }, () => 0).reduce(
      (rows, _, n) => {
        const weight = random.uniform() * scale;
        rows.set([weight * Math.exp(3 * random.normal()), weight, random.below(2), 1], 4 * n);
        return rows;
      },
      new Float32Array(4 * N),
    );
  }

  it.each([1, 3, 64, 65, 1000])('adds up %d rows', async (N) => {
    const rows = randomRows(N, N);
    const { loss, ...counts } = await onGpu([{ step: 1, rows }]);
    const expected = reference(rows);
    expect(Math.abs(loss - expected.loss)).toBeLessThan(1e-12 * expected.loss);
    expect(counts).toEqual({ accuracy: expected.accuracy, count: N });
  });

  it('is exact over 100,000 pictures, of great and of tiny weights', async () => {
    for (const scale of [1, 1e-6]) {
      const all = randomRows(100_000, 7, scale);
      const batches = Array.from({ length: 4 }, (_, i) => ({
        step: i + 1,
        rows: all.slice(i * 100_000, (i + 1) * 100_000),
      }));
      const { loss, accuracy, count } = await onGpu(batches);
      const expected = reference(all);
      // Each row is rounded to 2^-48 of a weight whose mean is scale / 2; f32 alone would give 1e-4 of the loss.
      expect(Math.abs(loss - expected.loss)).toBeLessThan((1e-14 / scale) * (1 + expected.loss));
      expect({ accuracy, count }).toEqual({ accuracy: expected.accuracy, count: 100_000 });
    }
  });

  it('carries from word to word', async () => {
    // 200 losses just under 2^28 fill all three words; 2^-48 is the smallest unit.
    const row = [2 ** 28 - 16, 2 ** -48, 1, 1];
    const rows = Float32Array.from({ length: 800 }, (_, i) => row[i % 4]!);
    const totals = await onGpu([{ step: 1, rows }]);
    expect(totals).toEqual({ loss: (2 ** 28 - 16) * 2 ** 48, accuracy: 1, count: 200 });
    // Together all ones in the word in the middle, which the last carry turns into a one in the highest.
    const losses = [0xffffff * 2 ** -8, 0xff * 2 ** -16, 2 ** -17, 2 ** -17];
    const carried = Float32Array.from({ length: 16 }, (_, i) => [losses[i >> 2]!, 1, 0, 1][i % 4]!);
    expect((await onGpu([{ step: 1, rows: carried }])).loss).toBe(2 ** 16 / 4);
  });

  it('does not count rows without a picture, and says NaN of nothing', async () => {
    const rows = new Float32Array([0.5, 2, 1, 1, 0, 0, 0, 0]);
    expect(await onGpu([{ step: 1, rows }])).toEqual({ loss: 0.25, accuracy: 1, count: 1 });
    expect(await onGpu([{ step: 1, rows: new Float32Array(8) }])).toEqual({
      loss: Number.NaN,
      accuracy: Number.NaN,
      count: 0,
    });
  });

  it.each([Number.NaN, Infinity, -Infinity, 2 ** 28])(
    'remembers the first step with a loss of %d, and counts on',
    async (bad) => {
      const good = new Float32Array([0.5, 1, 1, 1, 1, 1, 0, 1]);
      const rows = new Float32Array([0.5, 1, 1, 1, bad, 1, 0, 1]);
      const totals = await onGpu([
        { step: 7, rows: good },
        { step: 8, rows },
        { step: 9, rows },
        { step: 10, rows: good },
      ]);
      expect(totals).toEqual({ loss: Number.NaN, accuracy: 0.5, count: 8, badStep: 8 });
    },
  );

  it('begins anew with zeros, and knows step 0', async () => {
    using totals = await Tensor.create(gpu(), 'totals', [TOTALS_WORDS]);
    using control = await Tensor.create(gpu(), 'control', [CONTROL_WORDS]);
    using rows = await Tensor.from(gpu(), 'rows', [1, 4], new Float32Array([Number.NaN, 1, 0, 1]));
    using plan = await planned(gpu(), (recorder) =>
      addMetrics(recorder, { label: 'metrics', rows, totals, control }),
    );
    await plan.run();
    expect(readTotals(await totals.readBytes()).badStep).toBe(0);
    await gpu().write('totals', totals.buffer, new Uint32Array(totals.size));
    await gpu().write('rows', rows.buffer, new Float32Array([3, 2, 1, 1]));
    await plan.run();
    expect(readTotals(await totals.readBytes())).toEqual({ loss: 1.5, accuracy: 1, count: 1 });
  });
});
