import { describe, expect, it } from 'vitest';
import { HELP, parseOptions } from '../../demo/options.js';
import { UsageError } from '../../src/errors.js';

describe('parseOptions', () => {
  it('has defaults, and leaves open what the probe decides', () => {
    expect(parseOptions([])).toEqual({ seed: 0 });
  });

  it('reads every option', () => {
    expect(parseOptions(['--size', '96', '--per-class=24', '--seed', '7', '--out', 'runs/x'])).toEqual({
      size: 96,
      perClass: 24,
      seed: 7,
      out: 'runs/x',
    });
  });

  it('gives nothing to do when help is asked for, and help names every option', () => {
    expect(parseOptions(['--help'])).toBeUndefined();
    for (const option of ['--size', '--per-class', '--seed', '--out', '--help'])
      expect(HELP).toContain(option);
  });

  it.each([
    [['--size', '31'], '--size 31: it must be a whole number from 32 to 448'],
    [['--size', '64px'], '--size 64px'],
    [['--size', '1e2'], '--size 1e2'],
    [['--per-class', '4'], '--per-class 4: it must be a whole number from 5 to 30'],
    [['--per-class', '31'], '--per-class 31: it must be a whole number from 5 to 30'],
    [['--seed', '1.5'], '--seed 1.5'],
    [['--seed=-1'], '--seed -1'],
    [['--sise', '64'], "'--sise'"],
    [['64'], "'64'"],
    [['--size'], '--size'],
  ])('refuses %j in one line', (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(message);
    expect(() => parseOptions(args)).not.toThrow(/\n/);
  });
});
