// What a head begins with: numbers of the right size, the same for the same seed.

import { expect, it } from 'vitest';
import type { HeadLayer } from '../../../src/train/head/head_shape.js';
import { initialKernel } from '../../../src/train/head/initialise.js';

const LAYER: HeadLayer = { name: 'fc1', inputs: 200, outputs: 100, isLast: false };

function drawn(seed: number, layer: HeadLayer): Float32Array {
  const kernel = new Float32Array(layer.inputs * layer.outputs);
  initialKernel(seed, layer)(kernel);
  return kernel;
}

function deviation(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
}

it('has the deviation that keeps activations their size, and a tenth of that in the last layer', () => {
  expect(deviation(drawn(1, LAYER)) / Math.sqrt(2 / 200)).toBeCloseTo(1, 1);
  expect(deviation(drawn(1, { ...LAYER, isLast: true })) / (0.1 * Math.sqrt(1 / 200))).toBeCloseTo(1, 1);
});

it('depends on the seed and the layer, and not on how many rows are drawn at a time', () => {
  const whole = drawn(1, LAYER);
  expect(drawn(2, LAYER)).not.toEqual(whole);
  expect(drawn(1, { ...LAYER, name: 'fc2' })).not.toEqual(whole);
  const fill = initialKernel(1, LAYER);
  const parts = new Float32Array(whole.length);
  for (let row = 0; row < LAYER.inputs; row += 8) {
    fill(parts.subarray(row * LAYER.outputs, (row + 8) * LAYER.outputs));
  }
  expect(parts).toEqual(whole);
});
