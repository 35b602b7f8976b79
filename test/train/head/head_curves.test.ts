// Heads trained for ten steps as PyTorch and TensorFlow.js train them: the losses are theirs.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Trainer } from '../../../src/train/trainer.js';
import type { SgdOptions } from '../../../src/train/trainer_options.js';
import { expectClose } from '../../support/allclose.js';
import { useGpu } from '../../support/gpu.js';

interface Training {
  readonly optimiser: SgdOptions;
  readonly lr: number;
  readonly clipNorm?: number;
  readonly labelSmoothing?: number;
  readonly classWeights?: number[];
}

interface Head {
  readonly inputs: number;
  readonly hidden: number[];
  readonly classes: number;
}

interface Cases {
  readonly steps: number;
  readonly batch: number;
  readonly shortBatch: number;
  readonly dataset: number;
  readonly kernelScale: number;
  readonly biasScale: number;
  readonly heads: Record<string, Head>;
  readonly trainings: Record<string, Training>;
}

type Curves = Record<string, Record<string, number[]>>;

const golden = (name: string): unknown => JSON.parse(readFileSync(`test/golden/training/${name}`, 'utf8'));
const CASES = golden('head_curves_cases.json') as Cases;
const TORCH = golden('head_curves_torch.json') as Curves;
const TFJS = golden('head_curves_tfjs.json') as Curves;

/** f32 against f64, over ten steps that each begin where the last one ended. */
const TOLERANCE = { atol: 0, rtol: 1e-4 };

/** As in make_head_curves.py: multiples of 2^-23 in [-1, 1). */
function numbers(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
}

const gpu = useGpu();

async function lossesOf(head: Head, training: Training): Promise<number[]> {
  const { batch, shortBatch, dataset, kernelScale, biasScale } = CASES;
  const { inputs, classes } = head;
  const { lr, ...rest } = training;
  const options = { batch, dropout: 0, labelSmoothing: 0, seed: 1, ...rest };
  using trainer = await Trainer.create(gpu(), head, options);

  const next = numbers();
  const some = (scale: number, count: number) => Float32Array.from({ length: count }, () => scale * next());
  for (const { name, shape } of trainer.state.filter(({ name }) => /^fc\d\.(kernel|bias)$/.test(name))) {
    const isKernel = shape.length === 2;
    const values = some(
      isKernel ? kernelScale : biasScale,
      shape.reduce((size, side) => size * side),
    );
    await trainer.write(name, values);
  }
  const features = some(1, dataset * inputs);
  const labels = Uint32Array.from({ length: dataset }, () => Math.floor(((next() + 1) / 2) * classes));

  const losses: number[] = [];
  for (let step = 0; step < CASES.steps; step++) {
    const first = (step * batch) % dataset;
    const end = first + (step % 4 === 3 ? shortBatch : batch);
    const rows = features.subarray(first * inputs, end * inputs);
    await trainer.step(rows, labels.subarray(first, end), lr * (1 - step / 20));
    losses.push((await trainer.readTotals()).loss);
  }
  return losses;
}

describe.each(Object.entries(CASES.heads))('a head "%s"', (headName, head) => {
  it.each(Object.entries(CASES.trainings))('learns by "%s" as elsewhere', async (name, training) => {
    const losses = await lossesOf(head, training);
    expectClose(losses, TORCH[headName]![name]!, TOLERANCE);
    const tfjs = TFJS[headName]![name];
    if (tfjs) expectClose(losses, tfjs, TOLERANCE);
  });
});

it('is held against every training that TensorFlow.js defines alike', () => {
  const named = Object.values(TFJS).map((curves) => Object.keys(curves));
  expect(named).toEqual(Object.keys(CASES.heads).map(() => ['sgd', 'momentum', 'nesterov']));
});
