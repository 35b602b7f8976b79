// How names and shapes stand in messages.

import { expect, test } from 'vitest';
import { formatShape } from '../../src/weights/text.js';

test.each<[readonly (number | string)[], string]>([
  [[], '()'],
  [[64], '(64,)'],
  [[64, 3, 3, 3], '(64, 3, 3, 3)'],
  [['O', 64, 3, 3], '(O, 64, 3, 3)'],
  [[1, 2, 3, 4, 5, 6, 7, 8], '(1, 2, 3, 4, 5, 6, 7, 8)'],
  [[1, 2, 3, 4, 5, 6, 7, 8, 9], '(1, 2, 3, 4, 5, 6, 7, 8, … 9 axes)'],
  [Array(300_000).fill(1), '(1, 1, 1, 1, 1, 1, 1, 1, … 300000 axes)'],
])('shape %#', (shape, text) => {
  expect(formatShape(shape)).toBe(text);
});
