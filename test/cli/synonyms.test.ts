// Words of other tools: what is said of them, and American spellings, which are taken.

import { describe, expect, it } from 'vitest';
import { useFolder } from './support.js';
import { program, useWorkingFolder } from './training.js';

const at = useFolder();
useWorkingFolder(() => at());

describe('words of other tools', () => {
  it.each([
    [['predict', 'x.jpg'], "error: unknown command 'predict' (Did you mean vgg16 classify?)"],
    [['infer', 'x.jpg'], "error: unknown command 'infer' (Did you mean vgg16 classify?)"],
    [['test', 'photos'], "error: unknown command 'test' (Did you mean vgg16 classify?)"],
    [['fit', 'photos'], "error: unknown command 'fit' (Did you mean vgg16 train?)"],
    [['val', 'photos'], "error: unknown command 'val' (Did you mean eval?)"],
    [['train', 'photos', '--imgsz', '224'], "error: unknown option '--imgsz' (Did you mean --size?)"],
    [['classify', 'x.jpg', '--model', 'm.pt'], "error: unknown option '--model' (Did you mean --weights?)"],
    [['train', 'photos', '--batch-size=8'], "error: unknown option '--batch-size=8' (Did you mean --batch?)"],
    [
      ['train', 'photos', '--label_smoothing', '0.1'],
      "error: unknown option '--label_smoothing' (Did you mean --label-smoothing?)",
    ],
    [
      ['train', 'photos', '--learning-rate', '1'],
      "error: unknown option '--learning-rate' (Did you mean --lr?)",
    ],
    [['train', 'photos', '--device', 'cpu'], "error: unknown option '--device' (Did you mean --adapter?)"],
    [['classify', 'x.jpg', '--topk', '3'], /^error: unknown option '--topk' \(.*did you mean --top\?\)$/i],
    [
      ['classify', 'x.jpg', '--learning-rate', '1'],
      "error: unknown option '--learning-rate' (`vgg16 classify --help` lists them)",
    ],
    [
      ['weights', 'convert', 'x.h5', '--csv'],
      "error: unknown option '--csv' (`vgg16 weights convert --help` lists them)",
    ],
    [['nonsense'], "error: unknown command 'nonsense' (`vgg16 --help` lists them)"],
    [['weights', 'nonsense'], "error: unknown command 'nonsense' (`vgg16 weights --help` lists them)"],
  ])('%j', async (args, line) => {
    const { code, stderr } = await program(args as string[]);
    expect(code).toBe(2);
    if (typeof line === 'string') expect(stderr).toEqual([line]);
    else expect(stderr[0]).toMatch(line);
  });

  it('American spellings are those options', async () => {
    const both = async (ours: string, theirs: string, value: string) => {
      const said = (option: string) =>
        program(['train', 'nowhere', option, value]).then(({ stderr }) => stderr);
      expect(await said(theirs)).toEqual(await said(ours));
      return said(`${theirs}=${value}`.split('=')[0]!);
    };
    expect(await both('--optimiser', '--optimizer', 'sgd')).toEqual(['error: nowhere does not exist']);
    expect(await both('--standardise', '--standardize', 'none')).toEqual(['error: nowhere does not exist']);
    expect((await program(['train', 'nowhere', '--optimizer=adam'])).stderr[0]).toMatch(/'adam' is invalid/);
  });
});

describe('weights that are not there', () => {
  it('are said to be no file, no run and no known name', async () => {
    const { code, stderr } = await program(['summary', 'nosuch']).then(async (summary) =>
      summary.code === 2 ? program(['summary', '--weights', 'nosuch']) : summary,
    );
    expect([code, stderr]).toEqual([
      4,
      [
        expect.stringMatching(
          /^error: nosuch: no such file or run, and none of `vgg16 weights list` \(embedded, /,
        ),
      ],
    ]);
  });
});
