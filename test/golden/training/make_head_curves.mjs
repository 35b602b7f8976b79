// Trains heads for ten steps with TensorFlow.js on the CPU: what the losses are, step by step, for the optimisers that it
// defines as we do.
//
//   npx esbuild make_head_curves.mjs --bundle --platform=node --main-fields=module,main | node
//
// head_curves_cases.json   heads and trainings, also read by make_head_curves.py and by the test
// head_curves_tfjs.json    by head and training: the loss of each step, before its update
//
// Run it here, bundled: Node by itself loads a TensorFlow.js that lacks gradients. Weights, features and labels are drawn as in make_head_curves.py. Its own gradients and optimisers, in float32.
// Written with @tensorflow/tfjs-core and tfjs-backend-cpu 4.22.0.

import { readFileSync, writeFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';

const CASES = JSON.parse(readFileSync('head_curves_cases.json', 'utf8'));

/** Multiples of 2^-23 in [-1, 1): the upper 24 bits of a linear congruential generator (Numerical Recipes'). */
function numbers() {
  let state = 1;
  return () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
}

/** Kernels (inputs, outputs) and biases, layer by layer, then features row by row, then labels. */
function draw({ inputs, hidden, classes }) {
  const next = numbers();
  const some = (scale, count) => Float32Array.from({ length: count }, () => scale * next());
  const sides = [inputs, ...hidden, classes];
  const layers = sides.slice(1).map((outputs, i) => ({
    kernel: tf.variable(tf.tensor2d(some(CASES.kernelScale, sides[i] * outputs), [sides[i], outputs])),
    bias: tf.variable(tf.tensor1d(some(CASES.biasScale, outputs))),
  }));
  const features = tf.tensor2d(some(1, CASES.dataset * inputs), [CASES.dataset, inputs]);
  const labels = Array.from({ length: CASES.dataset }, () => Math.floor(((next() + 1) / 2) * classes));
  return { layers, features, labels: tf.tensor1d(labels, 'int32') };
}

function losses(head, { optimiser: { momentum, nesterov }, lr }) {
  const { layers, features, labels } = draw(head);
  const optimiser = momentum === 0 ? tf.train.sgd(lr) : tf.train.momentum(lr, momentum, nesterov);
  return Array.from({ length: CASES.steps }, (_, step) => {
    const count = step % 4 === 3 ? CASES.shortBatch : CASES.batch;
    const rows = Array.from({ length: count }, (_, i) => (step * CASES.batch + i) % CASES.dataset);
    optimiser.setLearningRate(lr * (1 - step / 20));
    const loss = optimiser.minimize(() => {
      let x = tf.gather(features, rows);
      layers.forEach(({ kernel, bias }, i) => {
        x = tf.add(tf.matMul(x, kernel), bias);
        if (i < layers.length - 1) x = tf.relu(x);
      });
      return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.gather(labels, rows), head.classes), x);
    }, true);
    return Number(loss.dataSync()[0].toFixed(7));
  });
}

const lines = Object.entries(CASES.heads).map(([head, shape]) => {
  const curves = Object.entries(CASES.trainings)
    .filter(([, { tfjs }]) => tfjs)
    .map(([name, training]) => `    "${name}": [${losses(shape, training).join(', ')}]`);
  return `  "${head}": {\n${curves.join(',\n')}\n  }`;
});
writeFileSync('head_curves_tfjs.json', `{\n${lines.join(',\n')}\n}\n`);
