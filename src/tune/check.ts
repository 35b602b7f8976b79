// Is what a kernel computed right? Every number must be there, and some thousands are held against float64.

import { nmse } from '../reference/compare.js';
import { randomIntegers } from './pattern.js';

/** Numbers of y in float64, by their places. */
export interface Expected {
  readonly places: readonly number[];
  readonly values: readonly number[];
}

/** Multiplications in float64 that are worth a shape's check: some tenths of a second. */
const MOST_PRODUCTS = 1.2e7;
const FEWEST_PLACES = 256;
const MOST_PLACES = 4096;

/** How many numbers are checked that take so many multiplications each. */
export function placesFor(products: number): number {
  return Math.max(FEWEST_PLACES, Math.min(MOST_PLACES, Math.floor(MOST_PRODUCTS / products)));
}

/**
 * Places in a tensor of this shape: each of its corners, then edges and the inside by chance, and evenly by the first side, the
 * pictures.
 */
export function placesIn(shape: readonly number[], count: number): number[][] {
  const integer = randomIntegers(1, 2 ** 30);
  const below = (side: number) => Math.abs(integer()) % side;
  const corners = 2 ** shape.length;
  return Array.from({ length: count }, (_, i) =>
    shape.map((side, axis) => {
      if (i < corners) return (i >> axis) & 1 ? side - 1 : 0;
      if (axis === 0) return i % side;
      // One coordinate in four lies on an edge.
      return below(4) > 0 ? below(side) : below(2) * (side - 1);
    }),
  );
}

/** What is wrong with y, in a few words. */
export function faultOf(y: Float32Array, { places, values }: Expected, maxNmse: number): string | undefined {
  let missing = 0;
  for (const value of y) if (!Number.isFinite(value)) missing++;
  if (missing > 0) return `${missing} of ${y.length} numbers are missing, or no numbers`;
  const error = nmse(
    places.map((place) => y[place]!),
    values,
  );
  if (error <= maxNmse) return undefined;
  return `NMSE ${error.toExponential(1)} against float64, at most ${maxNmse.toExponential(0)}`;
}
