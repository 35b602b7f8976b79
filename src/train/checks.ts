// Whether the options of a run make sense, found out before anything is decoded or computed.

import { FEATURE_LAYERS, MIN_INPUT_SIDE } from '../architecture.js';
import { UsageError } from '../errors.js';
import { OLDER, type ResolvedOptions, withDefaults } from './defaults.js';
import type { ChosenOptions } from './options.js';
import { AUGMENTATIONS, UNFREEZE } from './options.js';

/** `labelSmoothing` as the command calls it: `--label-smoothing`. */
export function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

type Value = string | number | boolean;

/** How a message calls options. */
export interface Naming {
  /** `weightDecay` or `--weight-decay` */
  readonly option: (name: string) => string;
  /** `head: 'mlp'` or `--head mlp` */
  readonly choice: (name: string, value: Value) => string;
}

const AS_CODE: Naming = {
  option: (name) => name,
  choice: (name, value) => `${name}: ${typeof value === 'string' ? `'${value}'` : value}`,
};

const AS_TYPED: Naming = {
  option: flagOf,
  choice: (name, value) =>
    typeof value === 'boolean' ? flagOf(value ? name : `no-${name}`) : `${flagOf(name)} ${value}`,
};

/** Options that make no sense. The message calls them as code does, and `asTyped` as the command line does. */
export class OptionsError extends UsageError {
  readonly asTyped: string;

  constructor(messageIn: (naming: Naming) => string) {
    super(messageIn(AS_CODE));
    this.asTyped = messageIn(AS_TYPED);
  }

  override get name(): string {
    return 'UsageError';
  }
}

const CHOICES = {
  features: FEATURE_LAYERS,
  pool: ['flatten', 'avg'],
  unfreeze: UNFREEZE,
  head: ['linear', 'mlp', 'fc'],
  optimiser: ['sgd', 'adamw'],
  schedule: ['constant', 'cosine', 'one-cycle'],
  standardise: ['channel', 'feature', 'none'],
  classWeights: ['balanced', 'none'],
} as const satisfies Partial<Record<keyof ChosenOptions, readonly string[]>>;

interface Range {
  readonly least: number;
  readonly most: number;
  /** Whether `most` itself is allowed. */
  readonly closed?: boolean;
  /** Whether `least` itself is not. */
  readonly above?: boolean;
  readonly whole?: boolean;
}

const share: Range = { least: 0, most: 1 };
const count = (least: number, most: number): Range => ({ least, most, closed: true, whole: true });

const RANGES = {
  size: count(MIN_INPUT_SIDE, 4096),
  views: count(0, 1000),
  dropout: share,
  lr: { least: 0, most: 1000, above: true, closed: true },
  lrBase: { least: 0, most: 1000, above: true, closed: true },
  lrDecay: { least: 1, most: 1000, closed: true },
  memory: { least: 1, most: 2 ** 50, closed: true },
  warmup: { least: 0, most: 1e6, closed: true },
  momentum: share,
  weightDecay: { least: 0, most: 1000, closed: true },
  clipNorm: { least: 0, most: 1e30, above: true, closed: true },
  labelSmoothing: share,
  /** Workgroups in one direction, one a picture, that every adapter allows. Before epochs, which may depend on it. */
  batch: count(1, 65_535),
  epochs: count(1, 1e6),
  headEpochs: count(0, 1e6),
  seed: count(0, Number.MAX_SAFE_INTEGER),
  patience: count(0, 1e6),
} as const satisfies Partial<Record<keyof ChosenOptions, Range>>;

const MOST_UNITS = 65_536;
const MOST_LAYERS = 15;

/**
 * @param pictures  to train on, as `withDefaults` has them
 * @throws UsageError for the first option that makes no sense, by itself or beside the others
 */
export function resolveOptions(options: ChosenOptions, pictures?: number): ResolvedOptions {
  checkChoices(options);
  const all = withDefaults(options, pictures);
  checkValues(all);
  checkTogether(options, all, pictures);
  return all;
}

/** The options of a run as its args.json has them. @throws UsageError for those that make no sense by themselves */
export function optionsAgain(options: ChosenOptions): ResolvedOptions {
  checkChoices(options);
  const all = withDefaults({ ...OLDER, ...options });
  checkValues(all);
  return all;
}

function checkChoices(options: ChosenOptions): void {
  for (const [option, choices] of Object.entries(CHOICES)) {
    checkChoice(option, options[option as keyof typeof CHOICES], choices);
  }
}

function checkValues(all: ResolvedOptions): void {
  for (const [option, range] of Object.entries(RANGES)) {
    const value = all[option as keyof typeof RANGES];
    if (value !== undefined && value !== 'auto') checkRange(option, value, range);
  }
  for (const name of all.augment) checkChoice('augment', name, AUGMENTATIONS);
  if (all.hidden.length > MOST_LAYERS) {
    throw new OptionsError(
      ({ option }) =>
        `${option('hidden')} names ${all.hidden.length} layers; at most ${MOST_LAYERS} are possible`,
    );
  }
  for (const units of all.hidden) checkRange('hidden', units, count(1, MOST_UNITS));
}

/** What is said and would not be listened to, or contradicts. */
function checkTogether(said: ChosenOptions, all: ResolvedOptions, pictures?: number): void {
  const { head, optimiser, hidden, augment, cache, views, warmup, epochs, momentum } = all;
  if (said.hidden?.length && head !== 'mlp') throw unheard('hidden', ['head', 'mlp'], ['head', head]);
  if (head === 'mlp' && hidden.length === 0) {
    throw new OptionsError(
      ({ option, choice }) =>
        `${option('hidden')} names no layer; give its units, or use ${choice('head', 'linear')}`,
    );
  }
  if (said.dropout && head === 'linear')
    throw unheard('dropout', 'a head with hidden layers', ['head', 'linear']);
  checkFineTuning(said, all, pictures);
  if (optimiser !== 'sgd') {
    for (const option of ['momentum', 'nesterov'] as const) {
      if (said[option]) throw unheard(option, ['optimiser', 'sgd'], ['optimiser', optimiser]);
    }
  }
  if (said.nesterov && momentum === 0)
    throw new OptionsError(({ option }) => `${option('nesterov')} needs a ${option('momentum')} above 0`);
  if (said.views && augment.length === 0) {
    throw new OptionsError(
      ({ option }) =>
        `${option('views')} is for ${option('augment')}; it means nothing with pictures that are not varied`,
    );
  }
  if (augment.length > 0 && views === 0) {
    throw new OptionsError(
      ({ option }) =>
        `${option('augment')} varies pictures, but ${option('views')} is 0; ask for 1 view or more`,
    );
  }
  if (augment.includes('shift') && augment.includes('crop')) {
    throw new OptionsError(
      ({ choice }) =>
        `${choice('augment', 'shift,crop')} names two ways to cut a part out of a picture; one will do`,
    );
  }
  if (!cache && views > 1) {
    throw new OptionsError(
      ({ choice }) =>
        `${choice('views', views)} is for cached views; with ${choice('cache', false)} one view is drawn anew each epoch`,
    );
  }
  if (warmup >= epochs) {
    throw new OptionsError(
      ({ choice }) => `${choice('warmup', warmup)} leaves none of ${epochs} epochs for the highest rate`,
    );
  }
}

function checkFineTuning(
  said: ChosenOptions,
  { unfreeze, features }: ResolvedOptions,
  pictures: number | undefined,
): void {
  if (unfreeze === 'none') {
    const { lrBase, lrDecay, headEpochs, memory, gradual, ...others } = said;
    if (gradual) throw unheard('gradual', 'unfreeze', ['unfreeze', unfreeze]);
    const usual = withDefaults(others, pictures);
    for (const option of ['lrBase', 'lrDecay', 'headEpochs', 'memory'] as const) {
      if (said[option] === undefined || said[option] === usual[option]) continue;
      throw new OptionsError(
        (naming) =>
          `${naming.option(option)} is for ${naming.option('unfreeze')}; it means nothing where the base stays as it is`,
      );
    }
    return;
  }
  const lowest = unfreeze === 'all' ? 'block1' : unfreeze;
  if (features < lowest) {
    throw new OptionsError(
      ({ choice }) =>
        `${choice('unfreeze', unfreeze)} trains nothing that ${choice('features', features)} has below it`,
    );
  }
}

/** An option with its value, or words. */
type Meant = string | readonly [option: string, value: string];

function unheard(option: string, needs: Meant, has: Meant): OptionsError {
  return new OptionsError((naming) => {
    const say = (meant: Meant) => (typeof meant === 'string' ? meant : naming.choice(...meant));
    return `${naming.option(option)} is for ${say(needs)}; it means nothing with ${say(has)}`;
  });
}

function checkChoice(option: string, value: unknown, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value as string)) return;
  const last = choices.at(-1);
  throw new OptionsError(
    (naming) =>
      `${naming.option(option)} is ${say(value)}; it must be ${choices.slice(0, -1).join(', ')} or ${last}`,
  );
}

function checkRange(option: string, value: unknown, { least, most, closed, above, whole }: Range): void {
  const fits =
    typeof value === 'number' &&
    (above ? value > least : value >= least) &&
    (closed ? value <= most : value < most) &&
    (!whole || Number.isInteger(value));
  if (fits) return;
  const low = above ? `above ${least}` : `at least ${least}`;
  const high = closed ? `at most ${most}` : `less than ${most}`;
  const auto = option === 'lr' ? ', or auto' : '';
  throw new OptionsError(
    (naming) =>
      `${naming.option(option)} is ${say(value)}; it must be a ${whole ? 'whole ' : ''}number, ${low} and ${high}${auto}`,
  );
}

function say(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : String(value);
}
