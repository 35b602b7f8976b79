// Who wins a contest, and what of it costs time: with a clock that says what the test wants.

import { describe, expect, it } from 'vitest';
import { GpuError } from '../../src/errors.js';
import { type Contest, hold, slowKinds } from '../../src/tune/contest.js';

interface Runner {
  /** Milliseconds of each run; the last one of all that follow. */
  readonly ms: readonly number[];
  readonly fault?: string;
  readonly fails?: boolean;
}

/** A contest of these, by name; the first is the default. Names with the same beginning are of a kind. */
function contestOf(runners: Record<string, Runner>, variants: Record<string, Runner> = {}) {
  const runs = new Map<string, number>();
  const living = new Set<string>();
  const all: Record<string, Runner> = { ...runners, ...variants };
  const contest: Contest<string> = {
    choices: Object.keys(runners),
    kindOf: (name) => name.split(' ')[0]!,
    variantsOf: () => Object.keys(variants),
    makeReady: async (name) => {
      const { ms, fault, fails } = all[name]!;
      if (fails) throw new GpuError(`${name} does not compile`);
      living.add(name);
      return {
        time: async () => {
          const run = runs.get(name) ?? 0;
          runs.set(name, run + 1);
          return ms[Math.min(run, ms.length - 1)]!;
        },
        fault: async () => fault,
        dispose: () => living.delete(name),
      };
    },
  };
  return { contest, runs, living };
}

describe('slowKinds', () => {
  it('runs the first of each kind once, and names those that are slow by far', async () => {
    const runners = {
      'a 1': { ms: [10] },
      'a 2': { ms: [1] },
      'b 1': { ms: [39] },
      'c 1': { ms: [41] },
      'd 1': { ms: [], fails: true },
    };
    const { contest, runs, living } = contestOf(runners);
    expect(await slowKinds(contest)).toEqual(new Set(['c']));
    expect([runs.get('a 1'), runs.get('a 2'), living.size]).toEqual([1, undefined, 0]);
  });
});

describe('a contest', () => {
  it('is won by the fastest, and leaves nothing behind', async () => {
    const { contest, living } = contestOf({ own: { ms: [100] }, b: { ms: [80] }, c: { ms: [90] } });
    expect(await hold(contest)).toEqual({ winner: { choice: 'b', ms: 80, defaultMs: 100 }, leftOut: [] });
    expect(living.size).toBe(0);
  });

  it('keeps the default where another wins by chance', async () => {
    const { contest } = contestOf({ own: { ms: [100] }, b: { ms: [98] } });
    expect((await hold(contest)).winner).toEqual({ choice: 'own', ms: 100, defaultMs: 100 });
  });

  it('keeps the default where another wins in the middle, but not in most rounds', async () => {
    const { contest } = contestOf({
      own: { ms: [100, 100, 60, 100, 60, 100] },
      b: { ms: [90, 80, 80, 80, 80, 80] },
    });
    expect((await hold(contest)).winner).toEqual({ choice: 'own', ms: 100, defaultMs: 100 });
  });

  it('goes by the middle of several turns, not by a first run that was disturbed', async () => {
    const { contest, runs } = contestOf({ own: { ms: [100] }, b: { ms: [120, 300, 70] } });
    expect((await hold(contest)).winner?.choice).toBe('b');
    expect(runs.get('b')).toBe(runs.get('own'));
    expect(runs.get('own')).toBeGreaterThanOrEqual(6);
  });

  it('runs what is slow once, and nothing else of its kind where it is slow by far', async () => {
    const runners = {
      own: { ms: [100] },
      'b 1': { ms: [160] },
      'b 2': { ms: [90] },
      'c 1': { ms: [210] },
      'c 2': { ms: [10] },
    };
    const { contest, runs } = contestOf(runners);
    expect((await hold(contest)).winner?.choice).toBe('b 2');
    expect([runs.get('b 1'), runs.get('c 1'), runs.get('c 2')]).toEqual([1, 1, undefined]);
  });

  it('gives what is short a second run before it is out', async () => {
    const { contest, runs } = contestOf({
      own: { ms: [10] },
      'b 1': { ms: [19, 8] },
      'c 1': { ms: [19, 18] },
    });
    expect((await hold(contest)).winner?.choice).toBe('b 1');
    expect(runs.get('c 1')).toBe(2);
  });

  it('lets three into the finals, and the default however slow', async () => {
    const five = { own: { ms: [14] }, b: { ms: [13] }, c: { ms: [12] }, d: { ms: [11] }, e: { ms: [10] } };
    const { contest, runs, living } = contestOf(five);
    expect((await hold(contest)).winner).toEqual({ choice: 'e', ms: 10, defaultMs: 14 });
    expect(runs.get('b')).toBe(1);
    expect(new Set(['own', 'c', 'd', 'e'].map((name) => runs.get(name))).size).toBe(1);
    expect(living.size).toBe(0);
  });

  it('never chooses what is wrong, or does not compile, and goes on without', async () => {
    const runners = {
      own: { ms: [100] },
      wrong: { ms: [1], fault: 'NMSE 1e+0' },
      b: { ms: [50] },
      broken: { ms: [], fails: true },
    };
    const { contest, living } = contestOf(runners);
    expect(await hold(contest)).toEqual({
      winner: { choice: 'b', ms: 50, defaultMs: 100 },
      leftOut: [
        { choice: 'wrong', kind: 'wrong', why: 'NMSE 1e+0' },
        { choice: 'broken', kind: 'failed', why: 'broken does not compile' },
      ],
    });
    expect(living.size).toBe(0);
  });

  it('has a winner where only the default is wrong, and none where all are', async () => {
    const { contest } = contestOf({ own: { ms: [10], fault: 'NaN' }, b: { ms: [50] } });
    expect((await hold(contest)).winner).toEqual({ choice: 'b', ms: 50, defaultMs: 10 });
    const { contest: hopeless } = contestOf({ own: { ms: [10], fault: 'NaN' }, b: { ms: [], fails: true } });
    expect(await hold(hopeless)).toMatchObject({
      winner: undefined,
      leftOut: [{ choice: 'own' }, { choice: 'b' }],
    });
  });

  it('tries variants of the best', async () => {
    const { contest } = contestOf({ own: { ms: [100] }, b: { ms: [80] } }, { 'b, large': { ms: [60] } });
    expect((await hold(contest)).winner).toEqual({ choice: 'b, large', ms: 60, defaultMs: 100 });
  });

  it('ends when it is told to, and leaves nothing behind', async () => {
    const { contest, living } = contestOf({ own: { ms: [100] }, b: { ms: [80] } });
    const stop = new AbortController();
    const onTried = () => stop.abort(new Error('enough'));
    await expect(hold({ ...contest, onTried, signal: stop.signal })).rejects.toThrow('enough');
    expect(living.size).toBe(0);
  });
});
