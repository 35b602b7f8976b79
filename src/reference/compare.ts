// How far two lists of numbers are apart.

/** Normalised mean squared error: sum (actual - expected)^2 / sum expected^2. Zero if both are all zero. */
export function nmse(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expectSameLength(actual, expected);
  let error = 0;
  let energy = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    energy += expected[i]! ** 2;
  }
  return error === 0 ? 0 : error / energy;
}

/** The largest difference; NaN if any number is. */
export function maxAbsError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expectSameLength(actual, expected);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= largest)) largest = difference;
    if (Number.isNaN(difference)) return Number.NaN;
  }
  return largest;
}

function expectSameLength(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  if (actual.length !== expected.length) {
    throw new RangeError(`${actual.length} numbers cannot be compared with ${expected.length}`);
  }
}
