import { describe, expect, it } from 'vitest';
import type { EpochRow } from '../../src/train/epoch_row.js';
import { balancedWeights, countClasses } from '../../src/train/head/initialise.js';
import { type Judgement, noiseOf, Standing } from '../../src/train/standing.js';

/** Epochs with these validation losses and accuracies. */
const history = (...scores: readonly (readonly [loss: number, accuracy: number])[]): EpochRow[] =>
  scores.map(([val_loss, val_accuracy], i) => ({
    ...{ epoch: i + 1, val_loss, val_accuracy },
    ...{ loss: 1, accuracy: 0, lr: 0.1, images_per_s: 1, seconds: 1 },
  }));

const JUDGEMENT: Judgement = { best: 'loss', pictures: 100, patience: 0, rising: 0 };
const standing = (rows: readonly EpochRow[], change: Partial<Judgement> = {}) =>
  new Standing({ ...JUDGEMENT, ...change }, rows);
const bestOf = (rows: readonly EpochRow[], change: Partial<Judgement> = {}) =>
  standing(rows, change).best?.epoch;

describe('the best epoch', () => {
  it('of 8 pictures is not the first because it has one more of them right', () => {
    const eighths = history([0.659, 7 / 8], [0.61, 6 / 8], [0.57, 6 / 8], [0.543, 6 / 8]);
    expect(bestOf(eighths, { pictures: 8 })).toBe(4);
    expect(bestOf(eighths, { best: 'accuracy' })).toBe(1);
  });

  it('has the lowest loss; of equals it is the first', () => {
    expect(bestOf([])).toBeUndefined();
    expect(bestOf(history([1, 0.9], [0.4, 0.9], [0.4, 0.91], [0.6, 0.93]))).toBe(2);
  });

  it('has the higher accuracy where it differs by more than two standard errors, though the loss is higher', () => {
    const surer = history([0.5, 0.7], [0.6, 0.75], [0.8, 0.9], [0.9, 0.91]);
    expect(bestOf(surer)).toBe(3);
    // Of 8 pictures, none of this is more than noise.
    expect(bestOf(surer, { pictures: 8 })).toBe(1);
  });

  it('never has an accuracy below the highest by more than noise, not even step by step', () => {
    const { best } = standing(history([0.9, 0.9], [0.8, 0.85], [0.7, 0.82], [0.6, 0.78], [0.5, 0.7]));
    expect(best!.epoch).toBe(2);
    expect(best!.val_accuracy).toBeGreaterThanOrEqual(0.9 - noiseOf(0.9, 100));
  });

  it('has the lowest loss whatever the accuracy where classes are weighted', () => {
    const weighted = history([0.9, 0.98], [0.3, 0.6]);
    expect(bestOf(weighted, { pictures: undefined })).toBe(2);
    expect(bestOf(weighted)).toBe(1);
  });

  it('of a run of an older version has the most pictures right; of equals the lowest loss, of those the first', () => {
    const older = { best: 'accuracy' } as const;
    expect(bestOf(history([1, 0.5], [2, 0.9], [0.5, 0.8]), older)).toBe(2);
    expect(bestOf(history([1, 0.9], [0.4, 0.9], [0.4, 0.9], [0.6, 0.9]), older)).toBe(2);
  });

  it('is the same whether its rows come one by one or all at once', () => {
    const rows = history([0.5, 0.7], [0.6, 0.75], [0.8, 0.9], [0.4, 0.8], [0.9, 0.95], [0.7, 0.96]);
    const one = standing([]);
    for (const [i, row] of rows.entries()) {
      expect(one.add(row)).toBe(one.best === row);
      expect(one.best).toBe(standing(rows.slice(0, i + 1)).best);
    }
  });
});

describe('the noise of an accuracy', () => {
  it('is two standard errors of what was counted and four more, so that 100 % have one', () => {
    expect(noiseOf(0.5, 96)).toBeCloseTo(2 * Math.sqrt(0.25 / 100), 12);
    expect(noiseOf(1, 8)).toBeCloseTo(2 * Math.sqrt(((10 / 12) * (2 / 12)) / 12), 12);
    expect(noiseOf(0.9, 1e6)).toBeLessThan(0.001);
  });
});

describe('early stopping', () => {
  const stuck = history([1, 0], [1, 0], [1, 0]);
  const since = (rows: readonly EpochRow[], change: Partial<Judgement> = {}) =>
    standing(rows, change).epochsWithoutGain;

  it('counts the epochs since one was the best, or the loss was lowest', () => {
    expect(since([])).toBe(0);
    expect(since(history([3, 0], [2, 0]))).toBe(0);
    expect(since(history([2, 0], [3, 0], [2, 0.04], [2.5, 0]))).toBe(3);
    expect(since(history([2, 0], [3, 0], [1, 0]))).toBe(0);
    expect(since(history([2, 0.5], [3, 0.9], [3, 0.9]))).toBe(1);
    expect(since(history([2, 0.9], [1, 0.5], [3, 0.9]))).toBe(1);
    // Older versions looked at the loss alone.
    expect(since(history([2, 0.5], [3, 0.9], [3, 0.9]), { best: 'accuracy' })).toBe(2);
  });

  it('comes after as many as patience says, and never for 0', () => {
    expect(standing(stuck, { patience: 2 }).endsEarly).toBe(true);
    expect(standing(stuck, { patience: 3 }).endsEarly).toBe(false);
    expect(standing(stuck, { patience: 0 }).endsEarly).toBe(false);
    expect(standing([], { patience: 1 }).endsEarly).toBe(false);
  });

  it('is patient while the learning rate rises', () => {
    expect(since(stuck, { rising: 2.5 })).toBe(1);
    expect(since(stuck, { rising: 9 })).toBe(0);
  });
});

describe('class weights', () => {
  it('make all classes count the same, as in scikit-learn', () => {
    const counts = countClasses(
      [0, 0, 0, 1, 2, 2].map((label) => ({ label })),
      4,
    );
    expect([...counts]).toEqual([3, 1, 2, 0]);
    // sklearn.utils.class_weight.compute_class_weight('balanced') of the three that have pictures, times 3 / 4.
    expect(balancedWeights([3, 1, 2])).toEqual([2 / 3, 2, 1]);
    expect(balancedWeights(counts)).toEqual([0.5, 1.5, 0.75, 0]);
  });
});
