// What callers say, checked before any work begins: types are no guard where they come from JavaScript or a file.

import { UsageError } from '../errors.js';
import { quote } from './text.js';

/** @throws UsageError for a value that is neither absent nor one of the choices */
export function checkChoice(option: string, value: string | undefined, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value)) return;
  throw new UsageError(`${option} is ${quote(String(value))}; it must be ${choices.join(' or ')}`);
}

/**
 * Checks names of a classifier's outputs.
 *
 * @param place  where they were named, for the message
 * @throws UsageError for what is no list, and for names that are empty or no text
 */
export function checkNames(place: string, names: unknown): asserts names is readonly string[] {
  if (!Array.isArray(names)) throw new UsageError(`${place} must be a list of names`);
  const wrong = names.findIndex((name) => typeof name !== 'string' || name.trim() === '');
  if (wrong >= 0) throw new UsageError(`${place}: name ${wrong + 1} is empty or no text`);
}
