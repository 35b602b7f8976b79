// What a head begins with: random kernels, each layer's from a stream of its own, and biases of zero.
//
// Source   He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015, arXiv:1502.01852, section 2.2

import { randomStream } from '../random.js';
import type { HeadLayer } from './head_shape.js';

/** Against what would keep the size of the numbers: the first guesses are then nearly even among the classes. */
const LAST_LAYER_GAIN = 0.1;

/**
 * Draws a kernel, row after row: normal numbers whose deviation sqrt(2 / inputs) keeps the size of activations through
 * ReLU, and a tenth of sqrt(1 / inputs) in the last layer.
 *
 * @returns fills the next rows of (inputs,outputs)
 */
export function initialKernel(
  seed: number,
  { name, inputs, isLast }: HeadLayer,
): (rows: Float32Array) => void {
  const stream = randomStream(seed, 'init', name);
  const deviation = isLast ? LAST_LAYER_GAIN * Math.sqrt(1 / inputs) : Math.sqrt(2 / inputs);
  return (rows) => {
    for (let i = 0; i < rows.length; i++) rows[i] = deviation * stream.normal();
  };
}
