import { describe, expect, it } from 'vitest';
import { EMBEDDED } from '../../../src/node/embedded.js';
import type { RunArguments } from '../../../src/node/runs/args.js';
import { allTyped, commandOf } from '../../../src/node/runs/command.js';
import { resolveOptions } from '../../../src/train/checks.js';
import type { ChosenOptions } from '../../../src/train/options.js';
import { RULES } from '../../../src/train/standing.js';

const PICTURES = 244;

/** The command for a run that was asked for these. */
function command(said: ChosenOptions, change: Partial<RunArguments> = {}): string {
  const options = resolveOptions(said, PICTURES);
  const args: RunArguments = {
    ...{
      data: '/photos',
      weights: EMBEDDED,
      base: null,
      dtype: 'f32',
      initFrom: null,
      options,
      rules: RULES,
    },
    ...change,
  };
  return commandOf('my photos', args, options, PICTURES);
}

describe('the command of a run', () => {
  it('says nothing that is the default anyway', () => {
    expect(command({})).toBe("vgg16 train 'my photos'");
    expect(command({ epochs: 63, lr: 1e-3, cache: true })).toBe("vgg16 train 'my photos'");
  });

  it.each<[ChosenOptions, string]>([
    [{ size: 112, seed: 3 }, '--size 112 --seed 3'],
    [{ head: 'mlp', pool: 'flatten', hidden: [64, 8] }, '--head mlp --pool flatten --hidden 64,8'],
    [{ head: 'fc' }, '--head fc'],
    [{ optimiser: 'sgd', momentum: 0.9, nesterov: false }, '--optimiser sgd --no-nesterov'],
    [{ optimiser: 'sgd', momentum: 0 }, '--optimiser sgd --momentum 0'],
    [{ augment: ['flip', 'crop'], cache: false }, '--augment flip,crop --no-cache'],
    [{ epochs: 20, patience: 0, lr: 'auto' }, '--epochs 20 --patience 0 --lr auto'],
    [{ batch: 8, classWeights: 'balanced', clipNorm: 1 }, '--batch 8 --class-weights balanced --clip-norm 1'],
  ])('says what is not: %o', (said, flags) => {
    const words = command(said)
      .replace("vgg16 train 'my photos' ", '')
      .split(' --')
      .map((word) => word.replace('--', ''))
      .sort();
    expect(words).toEqual(
      flags
        .split(' --')
        .map((word) => word.replace('--', ''))
        .sort(),
    );
  });

  it('names weights, the head it began with, and the share to validate with', () => {
    const change = {
      weights: '/a b.pth',
      base: EMBEDDED,
      dtype: 'f16',
      initFrom: '/head',
      valShare: 0.3,
    } as const;
    expect(command({}, { weights: '/a.h5', preprocess: 'caffe' })).toContain(
      ' --weights /a.h5 --preprocess caffe',
    );
    expect(command({}, { weights: '/a.h5', preprocess: 'rgb - 127.5 / 63.75' })).toContain(
      " --preprocess 'rgb - 127.5 / 63.75'",
    );
    expect(command({}, { preprocess: 'caffe' })).not.toContain('--preprocess');
    expect(command({}, change)).toBe(
      "vgg16 train 'my photos' --weights '/a b.pth' --dtype f16 --init-from /head --val-share 0.3",
    );
  });
});

describe('all options of a run', () => {
  it('are those that one can type and that mean something', () => {
    const typed = allTyped(resolveOptions({}, PICTURES)).map((words) => words.join(' '));
    expect(typed).toContain('--epochs 63');
    expect(typed).toContain('--patience 21');
    for (const idle of [
      /^--cache/,
      /^--no-cache/,
      /nesterov/,
      /^--views/,
      /^--hidden/,
      /^--momentum/,
      /^--augment/,
      /true|false/,
    ])
      expect(typed.filter((flag) => idle.test(flag))).toEqual([]);
    const sgd = allTyped(resolveOptions({ optimiser: 'sgd', cache: false }));
    expect(sgd).toContainEqual(['--nesterov']);
    expect(sgd).toContainEqual(['--no-cache']);
  });
});
