import { describe, expect, it } from 'vitest';
import { type HeadLayer, TfjsTraining } from '../../src/bench/peers/tfjs_training.js';
import { ReferenceNetwork } from '../../src/bench/train_step.js';
import { seededRandom } from '../../src/random.js';
import { useGpu } from '../support/gpu.js';

const SGD = { lr: 0.05, momentum: 0.9 };
const [INPUTS, HIDDEN, CLASSES, BATCH] = [12, 8, 3, 5];

const random = seededRandom(1);
const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
const layer = (inputs: number, outputs: number): HeadLayer => ({
  kernel: normals(inputs * outputs),
  bias: normals(outputs),
  inputs,
  outputs,
});
const layers = { convs: [], dense: [layer(INPUTS, HIDDEN), layer(HIDDEN, CLASSES)], given: [INPUTS] };
const batches = Array.from({ length: 4 }, () => ({
  x: normals(BATCH * INPUTS),
  labels: Uint32Array.from({ length: BATCH }, () => random.below(CLASSES)),
}));

describe('tfjs webgpu, training', () => {
  const gpu = useGpu();
  const create = () => TfjsTraining.create({ device: gpu().device, adapterInfo: gpu().info }, layers, SGD);

  it('has the losses that float64 has, step by step and several at once', async () => {
    const reference = new ReferenceNetwork(layers, {}, SGD);
    const wanted = batches.map((batch) => reference.step(batch));
    expect(Math.abs(wanted[3]! - wanted[0]!)).toBeGreaterThan(0.01);
    const [single, together] = [await create(), await create()];
    // Each float32 step adds an error of about 1e-7 to the weights.
    for (const [i, batch] of batches.entries())
      expect(await single.train([batch])).toBeCloseTo(wanted[i]!, 4);
    expect(await together.train(batches)).toBeCloseTo(wanted[3]!, 4);
    single.dispose();
    together.dispose();
  });
});
