// What a head begins with: random kernels, each layer's from a stream of its own, and biases of zero, but for the last
// layer's, which may answer at once how frequent each class is.
//
// Source   He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015, arXiv:1502.01852, section 2.2
//          the last biases: Lin, Goyal, Girshick, He and Dollar, "Focal Loss", 2017, arXiv:1708.02002, section 3.3

import { randomStream } from '../random.js';

/** Against what would keep the size of the numbers: the first guesses are then nearly even among the classes. */
const LAST_LAYER_GAIN = 0.1;

/**
 * Draws a kernel, row after row: normal numbers whose deviation sqrt(2 / inputs) keeps the size of activations through
 * ReLU, and a tenth of sqrt(1 / inputs) in the last layer.
 *
 * @param inputs  numbers that a unit adds up: 9 times the channels in a convolution
 * @returns fills the next rows of (inputs,outputs)
 */
export function initialKernel(
  seed: number,
  { name, inputs, isLast }: { readonly name: string; readonly inputs: number; readonly isLast: boolean },
): (rows: Float32Array) => void {
  const stream = randomStream(seed, 'init', name);
  const deviation = isLast ? LAST_LAYER_GAIN * Math.sqrt(1 / inputs) : Math.sqrt(2 / inputs);
  return (rows) => {
    for (let i = 0; i < rows.length; i++) rows[i] = deviation * stream.normal();
  };
}

/**
 * Biases with which a last layer that looks at nothing has the least loss: the logarithm of what each class counts for,
 * relative to the one that counts most. Without them the head of very unequal classes spends its first hundred steps
 * on learning how frequent they are. Where classes are equal, or weigh the same, they are 0.
 *
 * @param counts  (classes): training pictures of each, 1 or more
 * @param weights  (classes): what a picture of each counts for; 1 by default
 */
export function frequencyBiases(
  counts: ArrayLike<number>,
  labelSmoothing: number,
  weights?: readonly number[],
): number[] {
  const all = Array.from(counts);
  const spread = (labelSmoothing / all.length) * all.reduce((sum, count) => sum + count, 0);
  // What the loss takes for the truth, summed up over the pictures: see softmax_cross_entropy.wgsl.
  const truth = all.map((count, i) => (weights?.[i] ?? 1) * ((1 - labelSmoothing) * count + spread));
  const most = Math.max(...truth);
  return truth.map((share) => Math.log(share / most));
}

/**
 * Weights under which all classes count the same, however many pictures each has: N / (K * n), as scikit-learn's
 * `class_weight="balanced"`. A class without pictures weighs nothing.
 *
 * @param counts  (classes): training pictures of each
 */
export function balancedWeights(counts: ArrayLike<number>): number[] {
  const all = Array.from(counts);
  const total = all.reduce((sum, count) => sum + count, 0);
  return all.map((count) => (count === 0 ? 0 : total / (all.length * count)));
}

/** How many of the samples each class has. */
export function countClasses(samples: readonly { readonly label: number }[], classes: number): Uint32Array {
  const counts = new Uint32Array(classes);
  for (const { label } of samples) counts[label]!++;
  return counts;
}
