// What padding adds to a head's tensors is zero, and stays so however long it is trained.

import { expect, it } from 'vitest';
import { controlWords } from '../../../src/kernels/control.js';
import { padToQuad } from '../../../src/kernels/shapes.js';
import { Parameters } from '../../../src/network/parameters.js';
import { headLayers } from '../../../src/train/head/head_shape.js';
import { initialKernel } from '../../../src/train/head/initialise.js';
import { planStep, ROUTES } from '../../../src/train/step_plan.js';
import { trainedShapes } from '../../../src/train/trainer.js';
import { useGpu } from '../../support/gpu.js';
import { ADAMW, BATCH, OPTIONS, randomBatch, SGD, SHAPE } from './heads.js';

const gpu = useGpu();

it.each([SGD, ADAMW])('padding stays zero in training by $name', async (optimiser) => {
  const device = gpu();
  const options = { ...OPTIONS, optimiser, dropout: 0.5, clipNorm: 1, labelSmoothing: 0.1 };
  const layers = headLayers(SHAPE);
  const parameters = await Parameters.create(device, trainedShapes(SHAPE, options));
  for (const layer of layers) {
    await parameters.layer(layer.name).kernel.value.write(initialKernel(1, layer));
  }
  const plan = await planStep(device, SHAPE, parameters, options);
  const { x, labels } = randomBatch(1);
  const columns = padToQuad(SHAPE.inputs);
  const padded = new Float32Array(BATCH * columns);
  for (let row = 0; row < BATCH; row++) {
    padded.set(x.subarray(row * SHAPE.inputs, (row + 1) * SHAPE.inputs), row * columns);
  }
  // What a step has not written itself, it must not read.
  await plan.plan.poison(Number.NaN);
  for (let step = 1; step <= 5; step++) {
    const words = controlWords({ lr: 0.1, step, seed: 1, beta1: 0.9, beta2: 0.999 });
    await plan.plan.run(
      [
        [plan.parts[0]!.x, padded],
        [plan.labels, labels as Uint32Array<ArrayBuffer>],
        [plan.control, words],
      ],
      ROUTES.train,
    );
  }

  let [inPadding, inside] = [0, 0];
  for (const { value, gradient, moments } of parameters.all) {
    for (const { shape, whole } of [value, gradient!, ...moments.values()]) {
      const values = await whole.read();
      const [rows, used] = [shape.length === 2 ? shape[0]! : 1, shape.at(-1)!];
      const width = padToQuad(used);
      values.forEach((number, at) => {
        const isPadding = at % width >= used || Math.trunc(at / width) >= rows;
        if (!isPadding && number !== 0) inside++;
        if (isPadding && number !== 0) inPadding++;
      });
    }
  }
  expect(inPadding).toBe(0);
  expect(inside).toBeGreaterThan(100);
  plan.plan.dispose();
  parameters.dispose();
});
