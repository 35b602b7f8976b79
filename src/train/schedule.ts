// The learning rate of a step: a pure function of its number, so that a resumed run needs no memory of it.

import type { ScheduleName } from './options.js';

export interface Schedule {
  readonly name: ScheduleName;
  /** The highest rate. */
  readonly lr: number;
  /** Steps in which the rate rises to it; may have a fraction. Of one-cycle, 0 stands for `ONE_CYCLE.rise`. */
  readonly warmup: number;
  /** Steps in all. `constant` does not look at it. */
  readonly steps: number;
}

/** As in torch.optim.lr_scheduler.OneCycleLR. */
const ONE_CYCLE = {
  /** Share of the steps in which the rate rises. */
  rise: 0.3,
  /** The highest rate over the first. */
  start: 25,
  /** The first rate over the last. */
  end: 1e4,
} as const;

/**
 * The rate of a step.
 *
 * constant, cosine   (step + 1) / warmup of the highest while it rises; cosine then falls along half a cosine, so
 *                    that it would be 0 one step after the last (Loshchilov and Hutter, arXiv:1608.03983)
 * one-cycle          half a cosine up from 1/25 of the highest, and half a cosine down to 1/250000
 *                    (Smith and Topin, arXiv:1708.07120)
 *
 * @param step  counted from 0
 */
export function rateAt({ name, lr, warmup, steps }: Schedule, step: number): number {
  if (name === 'one-cycle') {
    const top = risingOf({ name, warmup, steps }) - 1;
    const first = lr / ONE_CYCLE.start;
    if (step <= top) return halfCosine(first, lr, top > 0 ? step / top : 1);
    const down = steps - 1 - top;
    return halfCosine(lr, first / ONE_CYCLE.end, down > 0 ? Math.min(1, (step - top) / down) : 1);
  }
  if (step + 1 < warmup) return (lr * (step + 1)) / warmup;
  if (name === 'constant') return lr;
  const risen = Math.max(0, warmup - 1);
  return halfCosine(lr, 0, Math.min(1, (step - risen) / Math.max(1, steps - risen)));
}

/** In how many of the steps the rate rises; in epochs, where warm-up and steps are counted in those. */
export function risingOf({ name, warmup, steps }: Pick<Schedule, 'name' | 'warmup' | 'steps'>): number {
  return name === 'one-cycle' ? warmup || ONE_CYCLE.rise * steps : warmup;
}

/** From `from` at 0 to `to` at 1. */
function halfCosine(from: number, to: number, share: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;
}
