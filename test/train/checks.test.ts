import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.js';
import { flagOf, type OptionsError, optionsAgain, resolveOptions } from '../../src/train/checks.js';
import type { ChosenOptions } from '../../src/train/options.js';

/** Options that JavaScript can say and types would not let through. */
const refused = (options: object, typed: RegExp, coded?: RegExp) => {
  let error: unknown;
  try {
    resolveOptions(options as ChosenOptions);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(UsageError);
  const { name, message, asTyped } = error as OptionsError;
  expect(name).toBe('UsageError');
  expect(asTyped).toMatch(typed);
  // The same sentence about the same option, without flags.
  expect(message).not.toContain('--');
  expect(
    Object.keys(options).some((option) => message.includes(option)),
    message,
  ).toBe(true);
  if (coded) expect(message).toMatch(coded);
};

describe('options', () => {
  it('all have a value where nothing is said, and the same when that is said again', () => {
    const all = resolveOptions({});
    const { clipNorm, memory, ...others } = all;
    expect([clipNorm, memory]).toEqual([undefined, undefined]);
    for (const [option, value] of Object.entries(others)) expect(value, option).toBeDefined();
    expect(resolveOptions(all)).toEqual(all);
  });

  it.each<ChosenOptions>([
    { head: 'fc' },
    { head: 'mlp', optimiser: 'sgd', momentum: 0, pool: 'flatten' },
    { augment: ['flip'], clipNorm: 1, lr: 'auto' },
  ])('are the same when they come back from args.json: %o', (said) => {
    const all = resolveOptions(said);
    expect(optionsAgain(JSON.parse(JSON.stringify(all)))).toEqual(all);
  });

  it('depend on each other where nothing is said', () => {
    expect(resolveOptions({ head: 'fc' })).toMatchObject({
      pool: 'flatten',
      standardise: 'none',
      dropout: 0.5,
    });
    expect(resolveOptions({ optimiser: 'sgd' })).toMatchObject({ nesterov: true, momentum: 0.9 });
    expect(resolveOptions({ augment: ['flip'] }).views).toBeGreaterThan(0);
    const [averaged, flattened] = [resolveOptions({ pool: 'avg' }), resolveOptions({ pool: 'flatten' })];
    expect(flattened.lr).toBeLessThan(averaged.lr as number);
    expect(resolveOptions({ lr: undefined }).lr).toBe(averaged.lr);
  });

  it('are called by the flags of the command where it is asked', () => {
    expect(flagOf('labelSmoothing')).toBe('--label-smoothing');
    expect(flagOf('lr')).toBe('--lr');
  });

  it.each<[object, RegExp, RegExp?]>([
    [{ epochs: 0 }, /^--epochs is 0; it must be a whole number, at least 1 and at most/],
    [{ batch: 2.5 }, /^--batch is 2.5; it must be a whole number/],
    [{ batch: Number.NaN }, /^--batch is NaN/],
    [{ seed: '7' }, /^--seed is "7"; it must be a whole number/],
    [{ lr: 0 }, /^--lr is 0; it must be a number, above 0/],
    [{ lr: 'fast' }, /^--lr is "fast"; it must be a number, .* or auto$/],
    [{ dropout: 1, head: 'mlp' }, /^--dropout is 1; .* less than 1/],
    [{ weightDecay: -1 }, /^--weight-decay is -1/, /^weightDecay is -1/],
    [{ size: 31 }, /^--size is 31; .* at least 32/],
    [{ head: 'tail' }, /^--head is "tail"; it must be linear, mlp or fc/],
    [{ features: 'block6_pool' }, /^--features is "block6_pool"; it must be block1_pool, .* or block5_pool/],
    [{ augment: ['flip', 'blur'] }, /^--augment is "blur"/],
    [
      { hidden: [4], head: 'linear' },
      /^--hidden is for --head mlp; .* with --head linear$/,
      /^hidden is for head: 'mlp'; .* with head: 'linear'$/,
    ],
    [{ hidden: [], head: 'mlp' }, /^--hidden names no layer/],
    [{ hidden: [0], head: 'mlp' }, /^--hidden is 0/],
    [{ hidden: Array(16).fill(4), head: 'mlp' }, /^--hidden names 16 layers; at most 15/],
    [{ dropout: 0.5 }, /^--dropout is for a head with hidden layers/],
    [{ momentum: 0.9 }, /^--momentum is for --optimiser sgd/],
    [{ optimiser: 'sgd', momentum: 0, nesterov: true }, /^--nesterov needs a --momentum above 0/],
    [{ views: 3 }, /^--views is for --augment/],
    [
      { augment: ['flip'], views: 2, cache: false },
      /^--views 2 is for cached views; with --no-cache one/,
      /^views: 2 is for cached views; with cache: false one/,
    ],
    [{ augment: ['flip'], views: 0 }, /--views is 0/],
    [{ warmup: 5, epochs: 5 }, /^--warmup 5 leaves none of 5 epochs/],
    [{ standardise: 'all' }, /^--standardise is "all"/],
  ])('that make no sense are refused: %o', refused);
});
