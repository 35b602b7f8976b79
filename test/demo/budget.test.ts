import { describe, expect, it } from 'vitest';
import {
  chooseSetting,
  LADDER,
  PROBE_SIZE,
  predictSeconds,
  type Setting,
  timeAvailable,
  timeLimit,
  unseenOf,
} from '../../demo/budget.js';

/** VGG16 through block4_pool: 25 GFLOP at 224 px. */
const GFLOP_AT_PROBE = 25 * (PROBE_SIZE / 224) ** 2;

/** What is chosen on an adapter of that speed, after `elapsed` seconds of loading and probing. */
function chosen(gflops: number, limit: number, elapsed = 8): { setting: Setting; seconds: number } {
  const probe = { size: PROBE_SIZE, secondsPerPicture: GFLOP_AT_PROBE / gflops };
  const predict = (setting: Setting) => predictSeconds(setting, 4, probe);
  const setting = chooseSetting(timeAvailable(limit, elapsed), {}, predict);
  return { setting, seconds: predict(setting) };
}

const lavapipe = { description: 'llvmpipe: Mesa 25.0.7 (LLVM 19.1.7)', isSoftware: true };
const swiftshader = { description: 'SwiftShader driver-5.0.0', isSoftware: true };
const gpu = { description: 'NVIDIA: 570.00', isSoftware: false };

it('the time limits: seconds on a GPU, 90 s on lavapipe, 4 minutes on SwiftShader', () => {
  expect([gpu, lavapipe, swiftshader].map(timeLimit)).toEqual([20, 90, 240]);
});

it('the ladder climbs: every rung costs more than the last and drops no drawings', () => {
  const cost = ({ size, perClass }: Setting) => size ** 2 * perClass;
  for (const [i, rung] of LADDER.slice(1).entries()) {
    expect(cost(rung)).toBeGreaterThan(cost(LADDER[i]!));
  }
});

it('predicts by pixels and pictures, those of the examination too', () => {
  const probe = { size: 48, secondsPerPicture: 0.5 };
  expect(unseenOf(10)).toBe(5);
  expect(predictSeconds({ size: 48, perClass: 10 }, 4, probe)).toBeCloseTo(30, 9);
  expect(predictSeconds({ size: 96, perClass: 10 }, 4, probe)).toBeCloseTo(120, 9);
});

describe('the choice', () => {
  it.each([
    ['lavapipe on two cores', 5, lavapipe],
    ['SwiftShader on two cores', 1, swiftshader],
  ] as const)(
    'on %s is planned for half of the limit at most, with 15 drawings a class at least',
    (_, gflops, adapter) => {
      const limit = timeLimit(adapter);
      const { setting, seconds } = chosen(gflops, limit);
      expect(seconds + 8).toBeLessThanOrEqual(limit / 2);
      expect(setting.perClass).toBeGreaterThanOrEqual(15);
    },
  );

  it('is the largest setting on a fast GPU, and never smaller on a faster adapter', () => {
    expect(chosen(5000, 20, 2).setting).toEqual(LADDER.at(-1));
    let last = 0;
    for (const gflops of [0.1, 0.5, 1, 2, 5, 10, 50, 200, 1000, 5000]) {
      const rung = LADDER.findIndex(
        (one) => JSON.stringify(one) === JSON.stringify(chosen(gflops, 90).setting),
      );
      expect(rung).toBeGreaterThanOrEqual(last);
      last = rung;
    }
  });

  it('is the smallest setting where nothing fits, even when the time is over already', () => {
    expect(chosen(0.01, 90).setting).toEqual(LADDER[0]);
    expect(chosen(5, 90, 500).setting).toEqual(LADDER[0]);
  });

  it('leaves alone what the user has fixed, and fits the other number to it', () => {
    const predict = ({ size, perClass }: Setting) => (size / 100) ** 2 * perClass;
    expect(chooseSetting(25, { size: 100 }, predict)).toEqual({ size: 100, perClass: 20 });
    expect(chooseSetting(10, { perClass: 10 }, predict)).toEqual({ size: 96, perClass: 10 });
    expect(chooseSetting(0, { size: 300, perClass: 7 }, predict)).toEqual({ size: 300, perClass: 7 });
    expect(chooseSetting(0, { size: undefined, perClass: 7 }, predict)).toEqual({ size: 48, perClass: 7 });
  });
});
