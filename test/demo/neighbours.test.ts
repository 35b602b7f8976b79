import { describe, expect, it } from 'vitest';
import { centred, nearestOthers, vote } from '../../demo/neighbours.js';

const vectors = (...rows: number[][]) => rows.map((row) => Float32Array.from(row));

describe('nearestOthers', () => {
  it('orders by cosine, whatever the lengths, and leaves the vector itself out', () => {
    const [first] = nearestOthers(vectors([1, 0], [0, 3], [5, 5], [100, 1]), 3);
    expect(first!.map(({ index }) => index)).toEqual([3, 2, 1]);
    expect(first![0]!.similarity).toBeCloseTo(100 / Math.hypot(100, 1), 6);
    expect(first![1]!.similarity).toBeCloseTo(Math.SQRT1_2, 6);
    expect(first![2]!.similarity).toBe(0);
  });

  it('reaches -1 for the opposite direction and 1 for a copy', () => {
    const [first] = nearestOthers(vectors([1, 2], [-2, -4], [1, 2]), 2);
    expect(first!.map(({ index }) => index)).toEqual([2, 1]);
    expect(first![0]!.similarity).toBeCloseTo(1, 6);
    expect(first![1]!.similarity).toBeCloseTo(-1, 6);
  });

  it('prefers the lower index between equals', () => {
    const [, , third] = nearestOthers(vectors([2, 0], [1, 0], [7, 0], [1, 0]), 3);
    expect(third!.map(({ index }) => index)).toEqual([0, 1, 3]);
  });

  it('gives a vector of zeros similarity 0 to everything, never NaN', () => {
    const [first, second] = nearestOthers(vectors([0, 0], [1, 0], [0, 0]), 2);
    expect(first).toEqual([
      { index: 1, similarity: 0 },
      { index: 2, similarity: 0 },
    ]);
    expect(second!.every(({ similarity }) => similarity === 0)).toBe(true);
  });

  it('gives fewer than k where there are no more, and none for one vector alone', () => {
    expect(nearestOthers(vectors([1], [2]), 5).map((list) => list.length)).toEqual([1, 1]);
    expect(nearestOthers(vectors([1]), 5)).toEqual([[]]);
    expect(nearestOthers([], 5)).toEqual([]);
  });
});

describe('centred', () => {
  it('takes the mean away and leaves its input alone', () => {
    const input = vectors([1, 10], [3, 20]);
    expect(centred(input)).toEqual(vectors([-1, -5], [1, 5]));
    expect(input).toEqual(vectors([1, 10], [3, 20]));
  });

  it('copes with nothing', () => {
    expect(centred([])).toEqual([]);
  });
});

describe('vote', () => {
  const labels = [0, 1, 1, 2];

  it('adds up similarities, so that two fair neighbours beat one good one', () => {
    expect(
      vote(
        [
          { index: 0, similarity: 0.6 },
          { index: 1, similarity: 0.4 },
          { index: 2, similarity: 0.3 },
        ],
        labels,
      ),
    ).toBe(1);
  });

  it('lets one very good neighbour beat two poor ones', () => {
    expect(
      vote(
        [
          { index: 0, similarity: 0.9 },
          { index: 1, similarity: 0.2 },
          { index: 2, similarity: 0.1 },
        ],
        labels,
      ),
    ).toBe(0);
  });

  it('gives a tie to the nearest', () => {
    expect(
      vote(
        [
          { index: 3, similarity: 0.5 },
          { index: 0, similarity: 0.5 },
        ],
        labels,
      ),
    ).toBe(2);
  });

  it('does not count those that point away, and falls back on the nearest', () => {
    expect(
      vote(
        [
          { index: 0, similarity: 0.1 },
          { index: 1, similarity: -0.8 },
          { index: 2, similarity: -0.9 },
        ],
        labels,
      ),
    ).toBe(0);
    expect(
      vote(
        [
          { index: 3, similarity: -0.1 },
          { index: 1, similarity: -0.8 },
        ],
        labels,
      ),
    ).toBe(2);
  });
});
