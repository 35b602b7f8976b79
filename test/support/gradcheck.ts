// Gradients of float64 references against central differences.

import { expect } from 'vitest';

export interface GradientCheckOptions {
  /** How far an element is moved to either side; the differences are off by about its square. */
  readonly step?: number;
  /** |analytic - numeric| <= tolerance * max(1, |numeric|) */
  readonly tolerance?: number;
  /** What a message calls an element, by its position: `k[3,1]`. */
  readonly nameOf?: (index: number) => string;
}

/**
 * Holds every element of `analytic`, which claims to be the gradient of f at x, against (f(x + h) - f(x - h)) / 2h in that
 * element. f may not have a kink within h of x: keep a ReLU's inputs away from 0. x is left as it was.
 */
export function checkGradient(
  f: (x: Float64Array) => number,
  x: Float64Array,
  analytic: ArrayLike<number>,
  { step = 1e-4, tolerance = 1e-6, nameOf = (index) => `element ${index}` }: GradientCheckOptions = {},
): void {
  expect(x.length, 'elements to differentiate by').toBeGreaterThan(0);
  expect(analytic.length, 'elements of the gradient').toBe(x.length);
  for (const [i, value] of x.entries()) {
    x[i] = value + step;
    const above = f(x);
    x[i] = value - step;
    const below = f(x);
    x[i] = value;
    const numeric = (above - below) / (2 * step);
    // Not `>`, which NaN would pass.
    if (!(Math.abs(analytic[i]! - numeric) <= tolerance * Math.max(1, Math.abs(numeric)))) {
      expect.fail(`gradient by ${nameOf(i)}: ${analytic[i]}, central differences give ${numeric}`);
    }
  }
}
