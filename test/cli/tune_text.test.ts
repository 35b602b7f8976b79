// What vgg16 tune prints.

import { describe, expect, it } from 'vitest';
import { coloursFor } from '../../src/cli/progress.js';
import { choiceText, tunedTables } from '../../src/cli/tune_text.js';
import type { ConvShape } from '../../src/network/choices.js';
import type { TunedShape } from '../../src/tune/tune.js';

const plain = coloursFor({ write() {} });
const SHAPE: ConvShape = { N: 1, H: 14, W: 14, C: 512, O: 512, pooled: false };

describe('choiceText', () => {
  it.each([
    [{ rung: '06_subgroup' } as const, '06_subgroup'],
    [
      { rung: '06_subgroup', tiling: { BN: 64 }, scratchBytes: 2 ** 25 } as const,
      '06_subgroup BN=64, 32 MiB',
    ],
    [{ rung: '03_gemv', workgroups: 512 } as const, '03_gemv, 512 workgroups'],
  ])('%j', (choice, text) => {
    expect(choiceText(choice)).toBe(text);
  });
});

describe('tunedTables', () => {
  it('has a line for each layer, and a table for each batch', () => {
    const shapes: TunedShape[] = [
      {
        ...{ operation: 'conv3x3', shape: SHAPE, layers: ['block5_conv1', 'block5_conv2'] },
        outcome: { winner: { choice: { rung: '06_subgroup' }, ms: 20, defaultMs: 20 }, leftOut: [] },
      },
      {
        ...{ operation: 'conv3x3', shape: { ...SHAPE, pooled: true }, layers: ['block5_conv3'] },
        outcome: {
          winner: { choice: { rung: '05_winograd_2x2' }, ms: 9.5, defaultMs: 19 },
          leftOut: [],
        },
      },
      {
        ...{ operation: 'linear', shape: { N: 8, D: 25088, O: 4096 }, layers: ['fc1'] },
        outcome: { winner: undefined, leftOut: [] },
      },
    ];
    expect(tunedTables({ path: '', shapes }, plain)).toBe(
      `One picture
layer         shape                     default ms     ms  gain  kernel
block5_conv1  14x14x512 -> 512                20.0   20.0        06_subgroup
block5_conv2  14x14x512 -> 512                20.0   20.0        06_subgroup
block5_conv3  14x14x512 -> 512, pooled        19.0  9.500  2.00  05_winograd_2x2
all                                           59.0   49.5  1.19

8 pictures
layer  shape          default ms     ms  gain  kernel
fc1    25088 -> 4096                           none that is right
all                        0.000  0.000`,
    );
  });
});
