// How a run would be asked for on the command line: for its report, and for whoever wants to repeat it.

import { flagOf } from '../../train/checks.js';
import { type ResolvedOptions, withDefaults } from '../../train/defaults.js';
import type { ChosenOptions } from '../../train/options.js';
import { EMBEDDED } from '../embedded.js';
import { shellWord } from '../shell_word.js';
import type { RunArguments } from './args.js';

/** Options on which the defaults of others depend, and then all others. */
const FIRST = [
  'head',
  'optimiser',
  'unfreeze',
  'augment',
  'cache',
  'pool',
  'momentum',
  'batch',
  'epochs',
] as const;

/** They mean nothing where the base stays as it is. */
const OF_FINE_TUNING = ['unfreeze', 'gradual', 'lrBase', 'lrDecay', 'headEpochs', 'memory'] as const;

/** Options that mean nothing beside the others, and that nobody would type. */
function isIdle(
  option: keyof ChosenOptions,
  { head, optimiser, augment, unfreeze }: ResolvedOptions,
): boolean {
  if (OF_FINE_TUNING.some((name) => name === option)) return unfreeze === 'none';
  if (option === 'hidden') return head !== 'mlp';
  if (option === 'dropout') return head === 'linear';
  if (option === 'momentum' || option === 'nesterov') return optimiser !== 'sgd';
  return option === 'views' && augment.length === 0;
}

/** An option as one types it: `["--epochs", "63"]`, `["--no-cache"]`; undefined where nothing can be typed. */
export function flagTyped(
  option: keyof ChosenOptions,
  options: ResolvedOptions,
): readonly string[] | undefined {
  const value = options[option];
  if (value === undefined || isIdle(option, options)) return undefined;
  if (option === 'cache') return value ? undefined : ['--no-cache'];
  if (typeof value === 'boolean') return [value ? flagOf(option) : flagOf(option).replace('--', '--no-')];
  if (Array.isArray(value)) return value.length === 0 ? undefined : [flagOf(option), value.join(',')];
  return [flagOf(option), String(value)];
}

/** All options that can be typed, in their order. */
export function allTyped(options: ResolvedOptions): (readonly string[])[] {
  const names = Object.keys(options) as (keyof ChosenOptions)[];
  return names.map((option) => flagTyped(option, options)).filter((flag) => flag !== undefined);
}

/**
 * `vgg16 train photos --size 112`: what makes the same run, with nothing that is the default anyway.
 *
 * @param pictures  to train on
 */
export function commandOf(
  name: string,
  { weights, base, preprocess, dtype, initFrom, valShare }: RunArguments,
  options: ResolvedOptions,
  pictures: number,
): string {
  const words = ['vgg16', 'train', shellWord(name)];
  if (weights !== EMBEDDED) words.push('--weights', shellWord(weights));
  // The embedded base and a head have their own; what a file says of its own may have been corrected.
  if (weights !== EMBEDDED && base === null && preprocess !== undefined)
    words.push('--preprocess', shellWord(preprocess));
  if (base !== null && base !== EMBEDDED) words.push('--base', shellWord(base));
  if (dtype !== 'f32') words.push('--dtype', dtype);
  if (initFrom !== null) words.push('--init-from', shellWord(initFrom));
  if (valShare !== undefined) words.push('--val-share', String(valShare));
  let said: ChosenOptions = {};
  const rest = (Object.keys(options) as (keyof ChosenOptions)[]).filter((option) =>
    FIRST.every((first) => first !== option),
  );
  for (const option of [...FIRST, ...rest]) {
    const usual = withDefaults(said, pictures)[option];
    if (JSON.stringify(usual) === JSON.stringify(options[option])) continue;
    said = { ...said, [option]: options[option] };
    words.push(...(flagTyped(option, options) ?? []));
  }
  return words.join(' ');
}
