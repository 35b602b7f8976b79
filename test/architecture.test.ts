// The table of VGG16 against the names and numbers that the libraries' own files have.

import { describe, expect, test } from 'vitest';
import {
  BLOCKS,
  CONVS,
  CONVS_PER_BLOCK,
  convsUntil,
  FEATURE_LAYERS,
  featureSideOf,
  isPooled,
  MIN_INPUT_SIDE,
  poolingsUntil,
  torchvisionDense,
} from '../src/architecture.js';

describe('the table of VGG16', () => {
  test('convolutions have the names of torchvision and of Keras', () => {
    expect(CONVS.map(({ name, torchvision }) => `${name} ${torchvision}`)).toEqual([
      'block1_conv1 features.0',
      'block1_conv2 features.2',
      'block2_conv1 features.5',
      'block2_conv2 features.7',
      'block3_conv1 features.10',
      'block3_conv2 features.12',
      'block3_conv3 features.14',
      'block4_conv1 features.17',
      'block4_conv2 features.19',
      'block4_conv3 features.21',
      'block5_conv1 features.24',
      'block5_conv2 features.26',
      'block5_conv3 features.28',
    ]);
    expect([0, 1, 2].map(torchvisionDense)).toEqual(['classifier.0', 'classifier.3', 'classifier.6']);
  });

  test("blocks have the paper's depths and channels", () => {
    expect(CONVS_PER_BLOCK).toEqual([2, 2, 3, 3, 3]);
    expect(BLOCKS.flat()).toEqual(CONVS);
    for (const [i, channels] of [64, 128, 256, 512, 512].entries()) {
      for (const conv of BLOCKS[i]!) expect(conv).toMatchObject({ block: i + 1, channels });
    }
  });

  test('a pooling ends each block, and halves the sides', () => {
    expect(FEATURE_LAYERS).toEqual([1, 2, 3, 4, 5].map((block) => `block${block}_pool`));
    expect(CONVS.filter(({ name }) => isPooled(name)).map(({ name }) => name)).toEqual(
      BLOCKS.map((block) => block.at(-1)!.name),
    );
    expect(FEATURE_LAYERS.map(poolingsUntil)).toEqual([1, 2, 3, 4, 5]);
    expect(FEATURE_LAYERS.map((layer) => convsUntil(layer).length)).toEqual([2, 4, 7, 10, 13]);
    expect(featureSideOf(224, 'block5_pool')).toBe(7);
    expect(featureSideOf(255, 'block5_pool')).toBe(7);
    expect(MIN_INPUT_SIDE).toBe(32);
  });
});
