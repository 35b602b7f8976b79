import { describe, expect, it } from 'vitest';
import { takeTurns } from '../../src/bench/turns.js';
import { GpuError } from '../../src/errors.js';

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

  it('asks one engine after the other, each round another first', async () => {
    const asked: string[] = [];
    const engines = new Map([engine('a', [3, 1, 8], asked), engine('b', [5, 7, 6], asked)]);
    const done: number[] = [];
    const { timings } = await takeTurns(engines, {
      ...{ rounds: 3, maxSeconds: 60 },
      onTurn: (n) => done.push(n),
    });
    expect(asked.join('')).toBe('abbaab');
    expect(done).toEqual([1, 2, 3, 4, 5, 6]);
    expect(timings.get('a')).toEqual({ medianMs: 3, minMs: 1, maxMs: 8, rounds: 3 });
    expect(timings.get('b')).toEqual({ medianMs: 6, minMs: 5, maxMs: 7, rounds: 3 });
  });

  it('asks an engine no more whose next turn would be too long, but once in any case', async () => {
    const asked: string[] = [];
    const slow = async () => {
      asked.push('slow');
      await new Promise((resolve) => setTimeout(resolve, 40));
      return 1;
    };
    const engines = new Map([['slow', slow] as const, engine('quick', [1], asked)]);
    const { timings } = await takeTurns(engines, { rounds: 5, maxSeconds: 0.1 });
    // Two turns take 80 ms of the 100; the next would be over it. What a turn says of itself does not count.
    expect(timings.get('slow')!.rounds).toBe(2);
    expect(timings.get('quick')!.rounds).toBe(5);
    expect((await takeTurns(engines, { rounds: 2, maxSeconds: 0.001 })).timings.get('slow')!.rounds).toBe(1);
  });

  it('goes on without an engine that fails in a turn, and tells why', async () => {
    const asked: string[] = [];
    let turn = 0;
    const failing = async () => {
      if (turn++ === 1) throw new GpuError('out of memory');
      return 1;
    };
    const engines = new Map([['failing', failing] as const, engine('steady', [2], asked)]);
    const { timings, failed } = await takeTurns(engines, { rounds: 4, maxSeconds: 60 });
    expect([...timings.keys()]).toEqual(['steady']);
    expect(timings.get('steady')!.rounds).toBe(4);
    expect([...failed]).toEqual([['failing', 'out of memory']]);
    expect(turn).toBe(2);
    const bug = new Map([['bug', () => Promise.reject(new TypeError('a bug'))]]);
    await expect(takeTurns(bug, { rounds: 1, maxSeconds: 60 })).rejects.toThrow(TypeError);
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
