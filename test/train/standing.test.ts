import { describe, expect, it } from 'vitest';
import { balancedWeights, countClasses } from '../../src/train/class_weights.js';
import type { EpochRow } from '../../src/train/report/results.js';
import { bestOf, endsEarly, epochsWithoutGain } from '../../src/train/standing.js';

/** Epochs with these validation losses and accuracies. */
const history = (...scores: readonly (readonly [loss: number, accuracy: number])[]): EpochRow[] =>
  scores.map(([val_loss, val_accuracy], i) => ({
    ...{ epoch: i + 1, val_loss, val_accuracy },
    ...{ loss: 1, accuracy: 0, lr: 0.1, images_per_s: 1, seconds: 1 },
  }));

describe('the best epoch', () => {
  it('has the most pictures right; of equals the lowest loss, of those the first', () => {
    expect(bestOf([])).toBeUndefined();
    expect(bestOf(history([1, 0.5], [2, 0.9], [0.5, 0.8]))!.epoch).toBe(2);
    expect(bestOf(history([1, 0.9], [0.4, 0.9], [0.4, 0.9], [0.6, 0.9]))!.epoch).toBe(2);
  });
});

describe('early stopping', () => {
  it('counts the epochs since the loss was lowest', () => {
    expect(epochsWithoutGain([])).toBe(0);
    expect(epochsWithoutGain(history([3, 0], [2, 0]))).toBe(0);
    expect(epochsWithoutGain(history([2, 0], [3, 0], [2, 1], [2.5, 0]))).toBe(3);
    expect(epochsWithoutGain(history([2, 0], [3, 0], [1, 0]))).toBe(0);
  });

  it('comes after as many as patience says, and never for 0', () => {
    const stuck = history([1, 0], [1, 0], [1, 0]);
    expect(endsEarly(stuck, 2)).toBe(true);
    expect(endsEarly(stuck, 3)).toBe(false);
    expect(endsEarly(stuck, 0)).toBe(false);
    expect(endsEarly([], 1)).toBe(false);
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
