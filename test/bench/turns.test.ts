import { describe, expect, it } from 'vitest';
import { takeTurns } from '../../src/bench/turns.js';

describe('takeTurns', () => {
  /** An engine whose turns take these times, and that notes when it was asked. */
  const engine = (name: string, times: readonly number[], asked: string[]) => {
    let turn = 0;
    return [
      name,
      async () => {
        asked.push(name);
        return times[turn++ % times.length]!;
      },
    ] as const;
  };

  it('asks one engine after the other, round by round', async () => {
    const asked: string[] = [];
    const engines = new Map([engine('a', [3, 1, 8], asked), engine('b', [5, 7, 6], asked)]);
    const done: number[] = [];
    const timings = await takeTurns(engines, { rounds: 3, maxSeconds: 60, onTurn: (n) => done.push(n) });
    expect(asked.join('')).toBe('ababab');
    expect(done).toEqual([1, 2, 3, 4, 5, 6]);
    expect(timings.get('a')).toEqual({ medianMs: 3, minMs: 1, maxMs: 8, rounds: 3 });
    expect(timings.get('b')).toEqual({ medianMs: 6, minMs: 5, maxMs: 7, rounds: 3 });
  });

  it('asks an engine no more that has had its time, but once in any case', async () => {
    const asked: string[] = [];
    const engines = new Map([engine('slow', [2500], asked), engine('quick', [700], asked)]);
    const timings = await takeTurns(engines, { rounds: 4, maxSeconds: 2 });
    expect(timings.get('slow')!.rounds).toBe(1);
    expect(timings.get('quick')!.rounds).toBe(3);
  });

  it('ends where it is told to', async () => {
    const stop = new AbortController();
    const turn = async () => {
      stop.abort(new Error('enough'));
      return 1;
    };
    const engines = new Map([['a', turn]]);
    const turns = takeTurns(engines, { rounds: 3, maxSeconds: 60, signal: stop.signal });
    await expect(turns).rejects.toThrow('enough');
  });
});
