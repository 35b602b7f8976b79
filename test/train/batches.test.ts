import { describe, expect, it } from 'vitest';
import { plainReading, readBatches, shuffledReading } from '../../src/train/batches.js';
import type { FeatureRow, FeatureTable } from '../../src/train/features/spec.js';
import { driftOf, standardisationOf } from '../../src/train/standardise.js';

/** A table of `count` rows that are computed: `value(sample, view, column)`. */
function table(
  count: number,
  width: number,
  views = 0,
  value = (sample: number, view: number, column: number) => sample * 100 + view * 10 + column,
): FeatureTable & { readonly reads: number[]; open: number } {
  const samples = Array.from({ length: count }, (_, i) => ({ name: `${i}`, picture: `${i}`, label: i % 3 }));
  return {
    ...{ width, samples, views, reads: [], open: 0 },
    digest: '',
    stats: { computed: 0, cached: 0, broken: 0, seconds: 0, gpuIdleShare: 0 },
    async read(rows: readonly FeatureRow[], target: Float32Array) {
      this.open++;
      this.reads.push(rows.length);
      await new Promise(setImmediate);
      for (const [i, { sample, view }] of rows.entries()) {
        for (let c = 0; c < width; c++) target[i * width + c] = value(sample, view, c);
      }
      this.open--;
    },
    refreshViews: async () => {},
    close: async () => {},
  };
}

describe('batches', () => {
  it('hold every row once, in the order asked for, the next one read ahead', async () => {
    const source = table(10, 2);
    const seen: number[] = [];
    for await (const { x, labels, rows } of readBatches(source, plainReading(source), 4)) {
      // Another one is being read into other memory by now.
      await new Promise(setImmediate);
      expect([...labels]).toEqual(rows.map(({ sample }) => sample % 3));
      expect([...x]).toEqual(rows.flatMap(({ sample }) => [sample * 100, sample * 100 + 1]));
      seen.push(...rows.map(({ sample }) => sample));
    }
    expect(seen).toEqual([...Array(10).keys()]);
    expect(source.reads).toEqual([4, 4, 2]);
  });

  it('leave nothing reading behind who stops early', async () => {
    const source = table(10, 2);
    for await (const _ of readBatches(source, plainReading(source), 4)) break;
    expect(source.open).toBe(0);
    for await (const _ of readBatches(table(0, 2), { count: 0, row: () => ({ sample: 0, view: 0 }) }, 4)) {
      expect.unreachable();
    }
  });

  it('fail as the table fails', async () => {
    const source = { ...table(10, 2), read: () => Promise.reject(new Error('gone')) };
    await expect(readBatches(source, plainReading(source), 4).next()).rejects.toThrow('gone');
  });
});

describe('an epoch', () => {
  const rowsOf = (views: number, epoch: number, areNew: boolean, seed = 1) => {
    const { count, row } = shuffledReading(table(9, 1, views), seed, epoch, areNew);
    return Array.from({ length: count }, (_, i) => row(i));
  };

  it('shows each picture once, in an order of its own, the same for the same seed', () => {
    const order = (epoch: number, seed?: number) => rowsOf(0, epoch, false, seed).map(({ sample }) => sample);
    expect(order(0)).not.toEqual(order(1));
    expect(order(3)).toEqual(order(3));
    expect(order(3)).not.toEqual(order(3, 2));
    expect([...order(5)].sort()).toEqual([...Array(9).keys()]);
  });

  it('shows cached views and the plain picture in turn', () => {
    const shown = (sample: number) =>
      [0, 1, 2].map((epoch) => rowsOf(2, epoch, false).find((row) => row.sample === sample)!.view);
    for (let sample = 0; sample < 9; sample++) expect([...shown(sample)].sort()).toEqual([0, 1, 2]);
  });

  it('shows nothing but new views where they are drawn anew', () => {
    for (const { view } of rowsOf(2, 4, true)) expect([1, 2]).toContain(view);
  });
});

describe('standardisation', () => {
  const value = (sample: number, _: number, column: number) =>
    (column % 2 === 0 ? 5 + 3 * Math.sin(sample + column) : 400 * Math.cos(sample * 2 + column)) as number;

  it('gives each number, or each channel, mean 0 and deviation 1 over the pictures', async () => {
    const source = table(200, 4, 0, value);
    for (const [by, channels] of [
      ['feature', 2],
      ['channel', 2],
    ] as const) {
      const { mean, scale } = (await standardisationOf(source, by, channels))!;
      const groups = by === 'feature' ? 4 : 2;
      for (let group = 0; group < groups; group++) {
        const columns = [0, 1, 2, 3].filter((column) => column % groups === group);
        const numbers = columns.flatMap((column) =>
          Array.from({ length: 200 }, (_, i) => (value(i, 0, column) - mean[column]!) * scale[column]!),
        );
        const average = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
        const variance = numbers.reduce((sum, number) => sum + number ** 2, 0) / numbers.length;
        expect(average).toBeCloseTo(0, 5);
        // The small channels are kept from being blown up as far as that.
        expect(variance).toBeLessThan(1.0001);
        if (group % 2 === 1) expect(variance).toBeCloseTo(1, 4);
      }
    }
    expect(await standardisationOf(source, 'none', 2)).toBeUndefined();
  });

  it('is finite where nothing varies, and does not blow up what hardly does', async () => {
    const constant = (await standardisationOf(
      table(5, 2, 0, () => 7),
      'feature',
      2,
    ))!;
    expect([...constant.mean, ...constant.scale]).toEqual([7, 7, 1, 1]);
    const rare = (sample: number, _: number, column: number) =>
      column === 0 ? (sample % 2) * 20 : sample === 0 ? 1e-6 : 0;
    const { scale } = (await standardisationOf(table(50, 2, 0, rare), 'feature', 2))!;
    expect(scale[0]).toBeCloseTo(0.1, 6);
    expect(scale[1]).toBeLessThan(100 * scale[0]!);
  });

  it('tells how far features are from those of before', async () => {
    const of = async (by: number) =>
      (await standardisationOf(
        table(50, 2, 0, (...at) => value(...at) + by),
        'feature',
        2,
      ))!;
    const before = await of(0);
    expect(driftOf(before, await of(0))).toBe(0);
    expect(driftOf(before, await of(1))).toBeGreaterThan(0.01);
    expect(driftOf(before, { mean: new Float32Array(3), scale: new Float32Array(3) })).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});
