// Engines take turns, so that a noisy machine is noisy for all of them; the median of the rounds counts.

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
  /** An engine whose turns have taken longer than this together takes no more; it has at least one. */
  readonly maxSeconds: number;
  readonly signal?: AbortSignal | undefined;
  /** So many turns were taken, of at most so many. */
  readonly onTurn?: ((done: number, most: number) => void) | undefined;
}

/**
 * @param engines  by name, each a turn that gives its milliseconds
 * @throws whatever a turn throws; the signal's reason
 */
export async function takeTurns<Name extends string>(
  engines: ReadonlyMap<Name, () => Promise<number>>,
  { rounds, maxSeconds, signal, onTurn }: TurnOptions,
): Promise<Map<Name, Timing>> {
  const times = new Map([...engines.keys()].map((name) => [name, [] as number[]]));
  const most = rounds * engines.size;
  for (let round = 0; round < rounds; round++) {
    for (const [i, [name, turn]] of [...engines].entries()) {
      signal?.throwIfAborted();
      const taken = times.get(name)!;
      if (sum(taken) < 1000 * maxSeconds) taken.push(await turn());
      onTurn?.(round * engines.size + i + 1, most);
    }
  }
  return new Map([...times].map(([name, ms]) => [name, timingOf(ms)]));
}

function timingOf(ms: readonly number[]): Timing {
  return { medianMs: median(ms), minMs: Math.min(...ms), maxMs: Math.max(...ms), rounds: ms.length };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** How long `work` takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
