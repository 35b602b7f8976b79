import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { shellWord } from '../../src/node/shell_word.js';

it('quotes what a shell would not take for one word, and nothing else', () => {
  expect(['runs/train-1', 'C:\\runs\\a', 'my runs/a', "it's"].map(shellWord)).toEqual([
    ...['runs/train-1', 'C:\\runs\\a', "'my runs/a'", "'it'\\''s'"],
  ]);
});

it.skipIf(process.platform === 'win32')('is one word, as it was, to a shell', () => {
  for (const path of ['a b', 'a;b', '$HOME', '`id`', `it's "so"`, 'a\nb', '*', '~']) {
    expect(execFileSync('sh', ['-c', `printf %s ${shellWord(path)}`], { encoding: 'utf8' })).toBe(path);
  }
});
