// Engines take turns, so that a noisy machine is noisy for all of them; the median of the rounds counts.

import { VggError } from '../errors.js';
import { median } from '../median.js';

/** What the rounds of one engine came to. */
export interface Timing {
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** How many there were. */
  readonly rounds: number;
}

export interface TurnOptions {
  readonly rounds: number;
  /** An engine whose next turn would bring it above this takes no more; it has at least one. */
  readonly maxSeconds: number;
  readonly signal?: AbortSignal | undefined;
  /** So many turns were taken, of at most so many. */
  readonly onTurn?: ((done: number, most: number) => void) | undefined;
}

export interface Turns<Name> {
  readonly timings: ReadonlyMap<Name, Timing>;
  /** What failed in a turn, and why: it took no more, and its times do not count. */
  readonly failed: ReadonlyMap<Name, string>;
}

/**
 * Each round begins with another engine, so that none always follows the same one.
 *
 * @param engines  by name, each a turn that gives its milliseconds
 * @throws what a turn throws but VggErrors; the signal's reason
 */
export async function takeTurns<Name extends string>(
  engines: ReadonlyMap<Name, () => Promise<number>>,
  { rounds, maxSeconds, signal, onTurn }: TurnOptions,
): Promise<Turns<Name>> {
  const list = [...engines];
  const times = new Map(list.map(([name]) => [name, [] as number[]]));
  const spent = new Map(list.map(([name]) => [name, 0]));
  const failed = new Map<Name, string>();
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < list.length; i++) {
      signal?.throwIfAborted();
      const [name, turn] = list[(round + i) % list.length]!;
      const taken = times.get(name)!;
      // The next turn will take about as long as those before it.
      const next = taken.length === 0 ? 0 : spent.get(name)! * (1 + 1 / taken.length);
      if (!failed.has(name) && next <= 1000 * maxSeconds) {
        try {
          const wall = await timed(async () => taken.push(await turn()));
          spent.set(name, spent.get(name)! + wall);
        } catch (error) {
          if (!(error instanceof VggError)) throw error;
          failed.set(name, error.message);
        }
      }
      onTurn?.(round * list.length + i + 1, rounds * list.length);
    }
  }
  const good = [...times].filter(([name]) => !failed.has(name));
  return { timings: new Map(good.map(([name, ms]) => [name, timingOf(ms)])), failed };
}

function timingOf(ms: readonly number[]): Timing {
  return { medianMs: median(ms), minMs: Math.min(...ms), maxMs: Math.max(...ms), rounds: ms.length };
}

/** How long `work` takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
