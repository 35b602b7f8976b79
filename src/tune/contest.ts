// Which choice is the fastest: a first run of each, then turns of the best.

import { GpuError } from '../errors.js';
import { median } from '../median.js';

/** A choice, ready to run. */
export interface Contender {
  /** Milliseconds of a run. */
  time(): Promise<number>;
  /** What is wrong with what the last run computed, in a few words. */
  fault(): Promise<string | undefined>;
  dispose(): void;
}

export interface LeftOut<Choice> {
  readonly choice: Choice;
  /** Whether it computed something wrong, or nothing, because the GPU refused. */
  readonly kind: 'wrong' | 'failed';
  readonly why: string;
}

export interface Outcome<Choice> {
  /** Undefined where nothing computes rightly. */
  readonly winner: { readonly choice: Choice; readonly ms: number; readonly defaultMs: number } | undefined;
  readonly leftOut: readonly LeftOut<Choice>[];
}

export interface Contest<Choice> {
  /** The default first; of each kind, the likeliest first. */
  readonly choices: readonly Choice[];
  /** Choices of a kind are alike: where the first is slow by far, the others are not tried. */
  readonly kindOf: (choice: Choice) => string;
  /** What else to try once the best of these is known. */
  readonly variantsOf: (best: Choice) => readonly Choice[];
  readonly makeReady: (choice: Choice) => Promise<Contender>;
  /** Told of each of `choices` that has been tried. */
  readonly onTried?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What takes so much longer than the best is not run again. */
const HOPELESS = 1.5;
/** Where the first of a kind takes so much longer, its others are not run at all. */
const FAR_OFF = 2;
const SHORT_MS = 20;
/** Those that take turns, besides the default. */
const FINALISTS = 3;
/**
 * What wins by less, or in fewer of the rounds, may win by chance: the default stays, so that choices do not change from one time
 * to the next, and least of all where the machine is busy.
 */
const LEAST_GAIN = 0.03;
const LEAST_ROUNDS_WON = 0.8;

/** Rounds of the finalists: as many as take about so long, within bounds. An odd number has a middle. */
const FINAL_MS = 500;
const FEWEST_ROUNDS = 5;
const MOST_ROUNDS = 15;
/** Of rounds that take longer, three must do. */
const LONG_ROUND_MS = 3000;

interface Standing<Choice> {
  readonly choice: Choice;
  readonly contender: Contender;
  /** Of the first run. */
  readonly first: number;
}

/** @throws DeviceLostError; the signal's reason; but no GpuError, which only leaves a choice out */
export async function hold<Choice>(contest: Contest<Choice>): Promise<Outcome<Choice>> {
  const heats = new Heats(contest);
  try {
    for (const choice of contest.choices) {
      await heats.try(choice);
      contest.onTried?.();
    }
    const best = heats.best?.choice;
    for (const choice of best === undefined ? [] : contest.variantsOf(best)) await heats.try(choice);
    const { leftOut, best: fastest } = heats;
    if (!fastest) return { winner: undefined, leftOut };
    const times = await finals(heats.finalists, contest.signal);
    return { winner: winnerOf(contest.choices[0]!, times, fastest.first, heats.defaultMs), leftOut };
  } finally {
    heats.dispose();
  }
}

/** The first runs. Owns the contenders that are still in it. */
class Heats<Choice> {
  readonly leftOut: LeftOut<Choice>[] = [];
  /** The fastest first. */
  #standings: Standing<Choice>[] = [];
  #default: Standing<Choice> | undefined;
  readonly #farOff = new Set<string>();
  /** Of the default's first run, right or wrong. */
  defaultMs: number | undefined;

  constructor(private readonly contest: Contest<Choice>) {}

  get best(): Standing<Choice> | undefined {
    return this.#standings[0];
  }

  /** The best, and the default if it is right. */
  get finalists(): readonly Standing<Choice>[] {
    return [...new Set([...this.#standings, ...(this.#default ? [this.#default] : [])])];
  }

  async try(choice: Choice): Promise<void> {
    const { signal, makeReady, kindOf } = this.contest;
    signal?.throwIfAborted();
    if (this.#farOff.has(kindOf(choice))) return;
    let contender: Contender | undefined;
    try {
      contender = await makeReady(choice);
      await this.#enter(choice, contender);
    } catch (error) {
      contender?.dispose();
      if (!(error instanceof GpuError)) throw error;
      this.leftOut.push({ choice, kind: 'failed', why: error.message });
    }
  }

  dispose(): void {
    for (const { contender } of this.finalists) contender.dispose();
  }

  async #enter(choice: Choice, contender: Contender): Promise<void> {
    const best = this.best?.first ?? Number.POSITIVE_INFINITY;
    let first = await contender.time();
    // A single run may have been disturbed; one that is short is given another.
    if (first > HOPELESS * best && first < SHORT_MS) first = Math.min(first, await contender.time());
    const isDefault = choice === this.contest.choices[0];
    if (isDefault) this.defaultMs = first;
    if (first > FAR_OFF * best) this.#farOff.add(this.contest.kindOf(choice));
    // Too slow to be checked, even.
    if (first > HOPELESS * best) return contender.dispose();
    const why = await contender.fault();
    if (why !== undefined) {
      this.leftOut.push({ choice, kind: 'wrong', why });
      return contender.dispose();
    }
    const standing = { choice, contender, first };
    if (isDefault) this.#default = standing;
    this.#standings = [...this.#standings, standing].sort((a, b) => a.first - b.first);
    for (const { contender, choice } of this.#standings.splice(FINALISTS)) {
      if (choice !== this.#default?.choice) contender.dispose();
    }
  }
}

/** Kinds whose first choice takes many times as long as the best of all first ones; each runs once. @throws as `hold` */
export async function slowKinds<Choice>({
  choices,
  kindOf,
  makeReady,
  signal,
}: Pick<Contest<Choice>, 'choices' | 'kindOf' | 'makeReady' | 'signal'>): Promise<Set<string>> {
  const times = new Map<string, number>();
  for (const choice of choices) {
    if (times.has(kindOf(choice))) continue;
    signal?.throwIfAborted();
    try {
      const contender = await makeReady(choice);
      times.set(kindOf(choice), await contender.time().finally(() => contender.dispose()));
    } catch (error) {
      // The contest will tell.
      if (!(error instanceof GpuError)) throw error;
      times.set(kindOf(choice), 0);
    }
  }
  const best = Math.min(...[...times.values()].filter((ms) => ms > 0));
  return new Set([...times].flatMap(([kind, ms]) => (ms > 2 * FAR_OFF * best ? [kind] : [])));
}

/** They take turns, so that a noisy machine is noisy for all, each round beginning with another. */
async function finals<Choice>(
  finalists: readonly Standing<Choice>[],
  signal: AbortSignal | undefined,
): Promise<Map<Choice, number[]>> {
  const times = new Map(finalists.map(({ choice }) => [choice, [] as number[]]));
  const round = finalists.reduce((sum, { first }) => sum + first, 0);
  const fewest = round > LONG_ROUND_MS ? 3 : FEWEST_ROUNDS;
  const wanted = Math.max(fewest, Math.min(MOST_ROUNDS, Math.round(FINAL_MS / round)));
  const rounds = finalists.length === 1 ? 1 : wanted + ((wanted + 1) % 2);
  for (let i = 0; i < rounds; i++) {
    for (let turn = 0; turn < finalists.length; turn++) {
      signal?.throwIfAborted();
      const { choice, contender } = finalists[(i + turn) % finalists.length]!;
      times.get(choice)!.push(await contender.time());
    }
  }
  return times;
}

function winnerOf<Choice>(
  byDefault: Choice,
  times: ReadonlyMap<Choice, readonly number[]>,
  firstOfBest: number,
  firstOfDefault = firstOfBest,
): Outcome<Choice>['winner'] {
  const [best, ...others] = [...times].map(([choice, rounds]) => ({ choice, rounds, ms: median(rounds) }));
  const fastest = others.reduce((a, b) => (b.ms < a.ms ? b : a), best!);
  const { choice, ms, rounds } = fastest;
  const own = times.get(byDefault);
  if (own === undefined) return { choice, ms, defaultMs: firstOfDefault };
  const defaultMs = median(own);
  const won = rounds.filter((one, i) => one < own[i]!).length / rounds.length;
  const isBetter = ms < (1 - LEAST_GAIN) * defaultMs && won >= LEAST_ROUNDS_WON;
  return isBetter ? { choice, ms, defaultMs } : { choice: byDefault, ms: defaultMs, defaultMs };
}
