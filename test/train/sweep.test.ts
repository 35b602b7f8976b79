import { describe, expect, it } from 'vitest';
import { SWEEP, Sweep, sweepRate } from '../../src/train/sweep.js';
import golden from '../golden/training/lr_curves.json' with { type: 'json' };

/** What becomes of a loss that depends on the rate, as the sweep sees it. */
function swept(lossAt: (lr: number) => number): Sweep {
  const sweep = new Sweep();
  while (sweep.add(lossAt(sweepRate(sweep.curve.length))))
    expect(sweep.curve.length).toBeLessThan(SWEEP.steps);
  return sweep;
}

describe('the search for a rate', () => {
  it('rises from 1e-7 towards 10 in equal ratios', () => {
    expect(sweepRate(0)).toBe(1e-7);
    expect(sweepRate(SWEEP.steps)).toBeCloseTo(10, 10);
    const ratios = Array.from({ length: 98 }, (_, i) => sweepRate(i + 1) / sweepRate(i));
    for (const ratio of ratios) expect(ratio).toBeCloseTo(ratios[0]!, 10);
  });

  it('suggests a rate within the valley, well before the loss rises again', () => {
    const valley = (lr: number) => {
      const x = Math.log10(lr);
      return x < -4 ? 2 : x < -1 ? 2 - (x + 4) * 0.6 : 0.2 + 30 * (x + 1);
    };
    const rate = swept(valley).suggestion!;
    expect(rate).toBeGreaterThan(1e-4);
    expect(rate).toBeLessThan(1e-1);
  });

  it('ends where the loss diverges or is no number', () => {
    const diverging = swept((lr) => (lr < 1e-2 ? 1 : 1000)).curve;
    expect(diverging.at(-1)!.lr).toBeLessThan(0.02);
    const broken = swept((lr) => (lr < 1e-3 ? 1 : Number.NaN)).curve;
    expect(broken.at(-1)!.lr).toBeLessThan(1e-3);
    expect(broken.every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });

  it('suggests nothing where the loss never falls', () => {
    expect(new Sweep().suggestion).toBeUndefined();
    expect(swept((lr) => 1 + lr).suggestion).toBeUndefined();
    expect(swept(() => Number.NaN).suggestion).toBeUndefined();
  });

  it('smooths with a mean that does not lean to where it began', () => {
    const { curve } = swept(() => 3);
    expect(curve).toHaveLength(SWEEP.steps);
    for (const { loss } of curve) expect(loss).toBeCloseTo(3, 12);
  });

  // fastai computes in float32.
  it.each(Object.entries(golden.curves))('does as fastai with %s', (_, { losses, ...expected }) => {
    const sweep = new Sweep();
    for (const loss of losses) if (!sweep.add(loss ?? Number.NaN)) break;
    const { curve } = sweep;
    const isBroken = losses.includes(null as never);
    expect(curve).toHaveLength(isBroken ? losses.indexOf(null as never) : expected.smoothed.length);
    for (const [i, { lr, loss }] of curve.entries()) {
      expect(lr / expected.rates[i]!).toBeCloseTo(1, 6);
      expect(loss / expected.smoothed[i]!).toBeCloseTo(1, 4);
    }
    expect(sweep.suggestion! / expected.suggestion).toBeCloseTo(1, 6);
  });
});
