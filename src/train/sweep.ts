// The search for a learning rate: it rises step by step from far too low to far too high while the loss is watched.
//
// Source   Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, arXiv:1506.01186, section 3.3;
//          smoothing, end and `valley` as in fastai 2

import { readBatches, shuffledReading } from './batches.js';
import type { FeatureTable } from './features/spec.js';
import type { HeadTrainer } from './head/head_trainer.js';
import type { Session } from './session.js';

/** The rates: 100 of them, each the same many times the last. */
export const SWEEP = { from: 1e-7, to: 10, steps: 100 } as const;

/** Share of the mean so far that a new loss leaves. */
const SMOOTHING = 0.98;

/** So many times the lowest loss is far too much. */
const DIVERGED = 4;

export interface CurvePoint {
  readonly lr: number;
  /** Smoothed. */
  readonly loss: number;
}

/** The rate of a step, counted from 0. */
export function sweepRate(step: number): number {
  return SWEEP.from * (SWEEP.to / SWEEP.from) ** (step / (SWEEP.steps - 1));
}

/** Takes in losses, and says when there is no point in going on. */
export class Sweep {
  readonly curve: CurvePoint[] = [];
  #mean = 0;
  #lowest = Number.POSITIVE_INFINITY;

  /** @returns whether to go on */
  add(loss: number): boolean {
    const step = this.curve.length;
    if (!Number.isFinite(loss)) return false;
    this.#mean = SMOOTHING * this.#mean + (1 - SMOOTHING) * loss;
    // The mean began with 0, which the division takes out.
    const smooth = this.#mean / (1 - SMOOTHING ** (step + 1));
    this.curve.push({ lr: sweepRate(step), loss: smooth });
    this.#lowest = Math.min(this.#lowest, smooth);
    return smooth <= DIVERGED * this.#lowest && step + 1 < SWEEP.steps;
  }
}

/**
 * The rate in the middle of the longest valley. The longest series of losses that fall one after the other, not
 * necessarily neighbours, says where a valley ends and how many points it has; half-way through its second third lies
 * the rate.
 *
 * @returns undefined where the loss never falls
 */
export function suggestRate(curve: readonly CurvePoint[]): number | undefined {
  const length = curve.map(() => 1);
  for (let i = 1; i < curve.length; i++) {
    for (let j = 0; j < i; j++) {
      if (curve[i]!.loss < curve[j]!.loss) length[i] = Math.max(length[i]!, length[j]! + 1);
    }
  }
  const longest = Math.max(...length, 1);
  if (longest === 1) return undefined;
  const end = length.indexOf(longest);
  const section = (longest - 1) / 3;
  const start = end - (longest - 1);
  return curve[start + Math.trunc(section) + Math.trunc(section / 2)]!.lr;
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
 * @throws as `HeadTrainer.step` and `FeatureTable.read`; the signal's reason
 */
export async function searchRate(
  { options, onEvent, signal }: Session,
  trainer: HeadTrainer,
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
  return { suggestion: suggestRate(sweep.curve), curve: sweep.curve };
}
