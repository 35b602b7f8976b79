// The search for a learning rate: it rises step by step from far too low to far too high while the loss is watched.
//
// Source   Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, arXiv:1506.01186, section 3.3;
//          rates, smoothing, end and suggestion are those of fastai 2 (`lr_find`, `valley`)

import { readBatches, shuffledReading } from './batches.js';
import type { FeatureTable } from './features/spec.js';
import type { Session } from './session.js';
import type { Trainer } from './trainer.js';

/** 100 rates, each the same many times the one before; the last is one step below `to`. */
export const SWEEP = { from: 1e-7, to: 10, steps: 100 } as const;

/** The share of the mean so far that remains when a loss is added. */
const SMOOTHING = 0.98;

/** The search ends where the smoothed loss is this many times the lowest one. */
const DIVERGED = 4;

/** The suggestion leaves out the first tenth of the steps, and the last five, in which the loss rises. */
const [FIRST, LAST] = [SWEEP.steps / 10, 5];

export interface CurvePoint {
  readonly lr: number;
  /** Smoothed. */
  readonly loss: number;
}

/** The rate of a step, counted from 0. */
export function sweepRate(step: number): number {
  return SWEEP.from * (SWEEP.to / SWEEP.from) ** (step / SWEEP.steps);
}

/** Takes the losses of a search, one for each step, and suggests a rate. */
export class Sweep {
  readonly curve: CurvePoint[] = [];
  #mean = 0;
  #lowest = Number.POSITIVE_INFINITY;
  /** Whether the last loss was NaN or infinite. */
  #isBroken = false;

  /** @returns whether to go on */
  add(loss: number): boolean {
    const step = this.curve.length;
    this.#isBroken = !Number.isFinite(loss);
    if (this.#isBroken) return false;
    this.#mean = SMOOTHING * this.#mean + (1 - SMOOTHING) * loss;
    // The mean began at 0: the division removes that zero's share.
    const smooth = this.#mean / (1 - SMOOTHING ** (step + 1));
    this.curve.push({ lr: sweepRate(step), loss: smooth });
    this.#lowest = Math.min(this.#lowest, smooth);
    return smooth <= DIVERGED * this.#lowest && step + 1 < SWEEP.steps;
  }

  /**
   * The rate in the longest valley: the longest series of losses that fall one after the other, which need not be
   * neighbours, says where a valley ends and how many points it has. The rate lies half-way through its second third.
   * Undefined where the loss never falls.
   */
  get suggestion(): number | undefined {
    const { curve } = this;
    // fastai goes on to the last step where a loss is NaN, and leaves out what follows it.
    const steps = this.#isBroken ? SWEEP.steps : curve.length;
    const points = curve.slice(FIRST, Math.max(FIRST, steps - LAST));
    const length = points.map(() => 1);
    for (let i = 1; i < points.length; i++) {
      for (let j = 0; j < i; j++) {
        if (points[i]!.loss < points[j]!.loss) length[i] = Math.max(length[i]!, length[j]! + 1);
      }
    }
    const longest = Math.max(...length, 1);
    if (longest === 1) return undefined;
    const third = longest / 3;
    const start = length.indexOf(longest) - longest;
    return points[Math.max(0, start + Math.trunc(third) + Math.trunc(third / 2))]!.lr;
  }
}

export interface FoundRate {
  /** Undefined where the loss falls at no rate. */
  readonly suggestion: number | undefined;
  /** Rates in rising order, up to where the loss diverged. */
  readonly curve: readonly CurvePoint[];
}

/**
 * Trains a head for up to 100 steps while the rate rises, and suggests one. Nothing is left of the head's own numbers.
 *
 * @throws as `Trainer.step` and `FeatureTable.read`; the signal's reason
 */
export async function searchRate(
  { options, onEvent, signal }: Session,
  trainer: Trainer,
  table: FeatureTable,
): Promise<FoundRate> {
  const sweep = new Sweep();
  for (let epoch = 0, goOn = true; goOn; epoch++) {
    const reading = shuffledReading(table, options.seed, epoch, !options.cache);
    for await (const { x, labels } of readBatches(table, reading, options.batch)) {
      signal?.throwIfAborted();
      const lr = sweepRate(sweep.curve.length);
      await trainer.step(x, labels, lr);
      goOn = sweep.add((await trainer.readTotals()).loss);
      const step = sweep.curve.length;
      const loss = sweep.curve.at(-1)?.loss;
      if (loss !== undefined) onEvent({ type: 'lr-find', step, steps: SWEEP.steps, lr, loss });
      if (!goOn) break;
    }
  }
  return { suggestion: sweep.suggestion, curve: sweep.curve };
}
