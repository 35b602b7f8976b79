// The options of public calls, checked before any work begins: types are no guard where they come from JavaScript, and a
// misspelt option that is passed over in silence costs an afternoon.
//
// A call has a list of rules beside the type of its options. The compiler refuses a list that lacks an option of the type, has
// one too many, or allows other values, so that the two cannot drift apart.

import { UsageError } from './errors.js';
import { isUrl } from './realm.js';

/** What an option may be. */
export interface Rule<V> {
  /** What stands in a message after "it must be". */
  readonly what: string;
  readonly fits: (value: unknown) => boolean;
  /** Of an option that is itself a group of options. */
  readonly group?: { readonly rules: Rules; readonly required: readonly string[] };
  /** For the compiler alone: a rule of one type is none of a wider or a narrower one. */
  readonly type?: (value: V) => V;
}

/** For an option whose value is checked, with a message of its own, where it is used. */
export const CHECKED_IN_USE = 'checked in use';

/** A rule for each option of `T`. */
export type OptionRules<T> = {
  readonly [K in keyof T]-?: Rule<Exclude<T[K], undefined>> | typeof CHECKED_IN_USE;
};

type Rules = Readonly<Record<string, Rule<never> | typeof CHECKED_IN_USE>>;

export const text: Rule<string> = { what: 'a text', fits: (value) => typeof value === 'string' };

export const flag: Rule<boolean> = { what: 'true or false', fits: (value) => typeof value === 'boolean' };

export const path: Rule<string | URL> = {
  what: 'a path or a file: URL',
  fits: (value) => typeof value === 'string' || isUrl(value),
};

export const signal: Rule<AbortSignal> = {
  what: 'an AbortSignal',
  fits: (value) => isObject(value) && 'aborted' in value && typeof value.addEventListener === 'function',
};

export function callback<F extends (...args: never[]) => unknown>(): Rule<F> {
  return { what: 'a function', fits: (value) => typeof value === 'function' };
}

export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Rule<number> {
  const upTo = most === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${most}`;
  return {
    what: `a whole number of at least ${least}${upTo}`,
    fits: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  };
}

export function oneOf<const C extends string>(...choices: readonly C[]): Rule<C> {
  return { what: choices.join(' or '), fits: (value) => choices.includes(value as C) };
}

export function listOf<V>(rule: Rule<V>): Rule<readonly V[]> {
  return {
    what: `a list, each of it ${rule.what}`,
    fits: (value) => Array.isArray(value) && value.every(rule.fits),
  };
}

export function either<A, B>(a: Rule<A>, b: Rule<B>): Rule<A | B> {
  return { what: `${a.what}, or ${b.what}`, fits: (value) => a.fits(value) || b.fits(value) };
}

/** For what has no rule of its own, as an instance of a class. */
export function value<V>(what: string, fits: (value: unknown) => boolean): Rule<V> {
  return { what, fits };
}

/** Options within an option. */
export function group<T extends object>(
  rules: OptionRules<T>,
  required: readonly (keyof T & string)[] = [],
): Rule<T> {
  return {
    what: `{ ${Object.keys(rules).join(', ')} }`,
    fits: isObject,
    group: { rules: rules as Rules, required },
  };
}

/**
 * Checks what a call was told. An option that is undefined is as good as absent.
 *
 * @param call  what messages call it: `VGG16.load()`
 * @throws UsageError for an option that the call does not have, one that it needs and lacks, and a value that is not allowed
 */
export function checkOptions<T extends object>(
  call: string,
  options: T,
  rules: OptionRules<NoInfer<T>>,
  required: readonly (keyof T & string)[] = [],
): void {
  check(call, options, rules as Rules, required);
}

function check(owner: string, options: unknown, rules: Rules, required: readonly string[]): void {
  if (options !== undefined && !isObject(options)) {
    throw new UsageError(`${owner} takes its options as an object, not ${say(options)}`);
  }
  const said = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
  for (const [name, value] of said) {
    if (!Object.hasOwn(rules, name)) throw unknownOption(owner, name, rules);
    const rule = rules[name]!;
    if (rule === CHECKED_IN_USE) continue;
    if (!rule.fits(value)) throw new UsageError(`${name} is ${say(value)}; it must be ${rule.what}`);
    if (rule.group) check(name, value, rule.group.rules, rule.group.required);
  }
  const missing = required.find((name) => !said.some(([saidName]) => saidName === name));
  if (missing !== undefined) throw new UsageError(`${owner} needs the option ${missing}`);
}

function unknownOption(owner: string, name: string, rules: Rules): UsageError {
  const names = Object.keys(rules);
  const meant = meantBy(name, rules);
  const hint = meant === undefined ? `its options are ${names.join(', ')}` : `did you mean ${meant}?`;
  return new UsageError(`${owner} has no option ${say(name)}; ${hint}`);
}

/** The option that is spelt alike, or the group that has an option of this name. */
function meantBy(name: string, rules: Rules): string | undefined {
  const names = Object.keys(rules);
  const near = names
    .map((candidate) => ({ candidate, edits: edits(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => edits <= Math.min(2, candidate.length / 3))
    .sort((a, b) => a.edits - b.edits)[0]?.candidate;
  if (near !== undefined) return near;
  const owner = names.find((candidate) => {
    const rule = rules[candidate];
    return typeof rule === 'object' && rule.group !== undefined && Object.hasOwn(rule.group.rules, name);
  });
  return owner && `${owner}: { ${name} }`;
}

/** Letters to insert, delete or replace to make one word of another (Levenshtein). */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (letter === b[j] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const LONGEST = 60;

/** A value within a line of a message. */
function say(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  const isPlain = typeof value !== 'object' || value === null;
  const shown =
    isPlain && typeof value !== 'string' ? String(value) : (JSON.stringify(value) ?? String(value));
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown;
}
