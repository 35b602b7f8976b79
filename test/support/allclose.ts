// How two lists of numbers are held against each other.

import { expect } from 'vitest';

/** |actual - expected| <= atol + rtol * |expected| */
export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
}

/** Fails at the first number that is off, saying where, and for NaN in either list. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { atol, rtol }: Tolerance,
): void {
  expect(actual.length).toBe(expected.length);
  expect(actual.length).toBeGreaterThan(0);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    // Not `>`, which NaN would pass.
    if (!(difference <= atol + rtol * Math.abs(expected[i]!))) {
      expect.fail(
        `at ${i} of ${expected.length}: ${actual[i]}, expected ${expected[i]} (off by ${difference})`,
      );
    }
  }
}
