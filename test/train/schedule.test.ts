import { describe, expect, it } from 'vitest';
import { rateAt, type Schedule } from '../../src/train/schedule.js';

const rates = (schedule: Schedule, steps = schedule.steps) =>
  Array.from({ length: steps }, (_, step) => rateAt(schedule, step));

describe('the learning rate', () => {
  it('stays as it is when constant, however many steps there are', () => {
    expect(rates({ name: 'constant', lr: 0.3, warmup: 0, steps: 4 }, 9)).toEqual(Array(9).fill(0.3));
  });

  it('rises in equal parts during the warm-up and reaches its highest at the end of it', () => {
    const rising = rates({ name: 'constant', lr: 0.4, warmup: 4, steps: 6 });
    expect(rising).toEqual([0.1, 0.2, 0.30000000000000004, 0.4, 0.4, 0.4]);
    const fraction = rates({ name: 'cosine', lr: 1, warmup: 2.5, steps: 8 });
    expect(fraction.slice(0, 2)).toEqual([0.4, 0.8]);
    expect(Math.max(...fraction)).toBeLessThanOrEqual(1);
  });

  it('falls along half a cosine to nothing, one step after the last', () => {
    const schedule: Schedule = { name: 'cosine', lr: 2, warmup: 0, steps: 8 };
    const falling = rates(schedule);
    expect(falling[0]).toBe(2);
    expect(falling[4]).toBeCloseTo(1, 12);
    expect(falling[7]).toBeCloseTo(1 + Math.cos((7 * Math.PI) / 8), 12);
    expect(rateAt(schedule, 8)).toBeCloseTo(0, 12);
    expect(falling).toEqual([...falling].sort((a, b) => b - a));
  });

  it('makes one cycle as torch.optim.lr_scheduler.OneCycleLR does', () => {
    // PyTorch 1.13.1: OneCycleLR(SGD([p], lr=1), max_lr=0.5, total_steps=10), get_last_lr() before each step.
    const golden = [
      0.020000000000000018, 0.26, 0.5, 0.47524231600673683, 0.40587282697488153, 0.30563101096814466,
      0.19437098903185537, 0.09412917302511849, 0.024759683993263143, 2e-6,
    ];
    const ours = rates({ name: 'one-cycle', lr: 0.5, warmup: 0, steps: 10 });
    expect(ours).toHaveLength(golden.length);
    for (const [i, rate] of ours.entries()) expect(rate).toBeCloseTo(golden[i]!, 12);
  });

  it('is a number at every step of the shortest runs', () => {
    for (const name of ['constant', 'cosine', 'one-cycle'] as const) {
      for (const steps of [1, 2, 3]) {
        for (const rate of rates({ name, lr: 0.1, warmup: 0, steps }, steps + 1)) {
          expect(rate).toBeGreaterThanOrEqual(0);
          expect(rate).toBeLessThanOrEqual(0.1);
        }
      }
    }
  });
});
