// A head is trained as it should be: it learns, it can be repeated and taken up again, and what is wrong is said.

import { describe, expect, it } from 'vitest';
import { GpuError, UsageError } from '../../../src/errors.js';
import { Gpu } from '../../../src/node/gpu.js';
import { expectClose } from '../../support/allclose.js';
import { useGpu } from '../../support/gpu.js';
import { ADAMW, BATCH, createHead, randomBatch, SGD, SHAPE, stateOf, takeSteps } from './heads.js';

const gpu = useGpu();

/** Two ways to the same numbers, in f32. */
const CLOSE = { atol: 1e-6, rtol: 1e-5 };

describe('a head', () => {
  it('learns eight rows by heart', async () => {
    using trainer = await createHead(gpu(), { optimiser: { ...SGD, weightDecay: 0 } });
    const { x, labels } = randomBatch(7);
    for (let step = 0; step < 200; step++) await trainer.step(x, labels, 0.2);
    await trainer.readTotals();
    await trainer.score(x, labels);
    const { loss, accuracy, count } = await trainer.readTotals();
    expect(loss).toBeLessThan(0.01);
    expect({ accuracy, count }).toEqual({ accuracy: 1, count: BATCH });
  });

  it('begins with hardly a preference for any class', async () => {
    using trainer = await createHead(gpu());
    const probabilities = await trainer.predict(randomBatch(1).x);
    expectClose(probabilities, new Float32Array(probabilities.length).fill(1 / 3), { atol: 0.15, rtol: 0 });
  });

  it('gives the probabilities that its parameters say', async () => {
    using trainer = await createHead(gpu(), { dropout: 0.5 });
    await takeSteps(trainer, 0, 3);
    const { x } = randomBatch(9, 5);
    expectClose(await trainer.predict(x), float64Probabilities(await stateOf(trainer), x), CLOSE);
  });

  it('is told apart by its seed', async () => {
    using one = await createHead(gpu(), { seed: 1 });
    using other = await createHead(gpu(), { seed: 2 });
    expect(await one.read('fc1.kernel')).not.toEqual(await other.read('fc1.kernel'));
  });
});

describe('totals', () => {
  it('are of all rows since they were last read, and learn nothing from those that are only scored', async () => {
    using trainer = await createHead(gpu(), { dropout: 0.5 });
    const before = await stateOf(trainer);
    const batches = [randomBatch(1), randomBatch(2, 3)];
    let expected = 0;
    for (const { x, labels } of batches) {
      await trainer.score(x, labels);
      const probabilities = float64Probabilities(before, x);
      labels.forEach((label, row) => {
        expected -= Math.log(probabilities[row * SHAPE.classes + label]!);
      });
    }
    const { loss, count } = await trainer.readTotals();
    expect(count).toBe(BATCH + 3);
    expect(loss).toBeCloseTo(expected / count, 5);
    expect(await stateOf(trainer)).toEqual(before);
    expect(trainer.stepsDone).toBe(0);
    expect((await trainer.readTotals()).count).toBe(0);
  });

  it('say at which step the loss was no number any more', async () => {
    using trainer = await createHead(gpu());
    await takeSteps(trainer, 0, 2);
    const { x, labels } = randomBatch(2);
    x.fill(3e38);
    await trainer.step(x, labels, 0.1);
    await takeSteps(trainer, 3, 5);
    expect(await trainer.readTotals()).toMatchObject({ badStep: 3, loss: Number.NaN });
  });
});

describe('a short batch', () => {
  it('counts as a batch of its own size', async () => {
    using short = await createHead(gpu());
    using exact = await createHead(gpu(), { batch: 5 });
    // Such that the rows behind the fifth hold what must not count.
    await short.score(new Float32Array(BATCH * SHAPE.inputs).fill(Number.NaN), new Uint32Array(BATCH));
    await short.readTotals();
    for (const seed of [1, 2]) {
      const { x, labels } = randomBatch(seed, 5);
      for (const trainer of [short, exact]) await trainer.step(x, labels, 0.1);
    }
    const [one, other] = [await stateOf(short), await stateOf(exact)];
    for (const name of Object.keys(one)) expectClose(one[name]!, other[name]!, CLOSE);
    expect((await short.readTotals()).count).toBe(10);
  });
});

describe.each([
  ['sgd', { optimiser: SGD, dropout: 0.5, clipNorm: 1 }],
  ['adamw', { optimiser: ADAMW, dropout: 0.5 }],
])('training by %s', (_, options) => {
  it('gives the same bytes for the same seed, and when it is taken up again', async () => {
    using through = await createHead(gpu(), options);
    await takeSteps(through, 0, 6);
    const expected = await stateOf(through);

    using again = await createHead(gpu(), options);
    await takeSteps(again, 0, 3);
    const saved = await stateOf(again);
    const { stepsDone } = again;
    await takeSteps(again, 3, 6);
    expect(await stateOf(again)).toEqual(expected);

    // Only what a checkpoint has comes along.
    using resumed = await createHead(gpu(), options);
    await takeSteps(resumed, 90, 92);
    for (const [name, values] of Object.entries(saved)) await resumed.write(name, values);
    resumed.stepsDone = stepsDone;
    await takeSteps(resumed, 3, 6);
    expect(await stateOf(resumed)).toEqual(expected);
  });

  it('leaves units out by seed and step', async () => {
    using trainer = await createHead(gpu(), options);
    using without = await createHead(gpu(), { ...options, dropout: 0 });
    using later = await createHead(gpu(), options);
    later.stepsDone = 1;
    const kernels = [];
    for (const head of [trainer, without, later]) {
      await takeSteps(head, 0, 1);
      kernels.push(await head.read('fc1.kernel.m'));
    }
    expect(kernels[0]).not.toEqual(kernels[1]);
    expect(kernels[0]).not.toEqual(kernels[2]);
  });
});

it('trains the same where the adapter binds only little at once', async () => {
  const shape = { inputs: 30, hidden: [14], classes: 3 };
  // Eight columns of fc1's kernel, which then has two pieces.
  const limit = 32 * 8 * 4;
  using small = await Gpu.open({ atMost: { maxStorageBufferBindingSize: limit } });
  const { x } = randomBatch(1, BATCH, shape);
  const train = async (device: Gpu): Promise<Record<string, Float32Array>> => {
    using trainer = await createHead(device, { clipNorm: 0.5 }, shape);
    await takeSteps(trainer, 0, 5);
    return { ...(await stateOf(trainer)), probabilities: await trainer.predict(x) };
  };
  const [whole, pieces] = [await train(gpu()), await train(small)];
  for (const name of Object.keys(whole)) expectClose(pieces[name]!, whole[name]!, CLOSE);
});

it('says so where the adapter binds too little, and leaves nothing behind', async () => {
  using small = await Gpu.open({ atMost: { maxStorageBufferBindingSize: 256 } });
  await expect(createHead(small, {}, { inputs: 62, hidden: [30], classes: 21 })).rejects.toThrow(GpuError);
  expect(small.liveBuffers).toBe(0);
});

describe('what makes no sense', () => {
  it.each([
    [{ batch: 0 }, 'batch is 0'],
    [{ dropout: 1 }, 'dropout is 1'],
    [{ labelSmoothing: -0.1 }, 'labelSmoothing is -0.1'],
    [{ clipNorm: 0 }, 'clipNorm is 0'],
    [{ seed: 0.5 }, 'seed is 0.5'],
    [{ classWeights: [1, 1] }, '2 class weights for 3 classes'],
    [{ classWeights: [1, 1, Number.NaN] }, 'the weight of class 2 is NaN'],
    [{ classWeights: [0, 0, 0] }, 'every class weight is 0'],
    [{ optimiser: { ...SGD, momentum: 1 } }, 'momentum is 1'],
    [{ optimiser: { ...SGD, momentum: 0, nesterov: true } }, 'it needs a momentum above 0'],
    [{ optimiser: { ...SGD, weightDecay: Number.POSITIVE_INFINITY } }, 'weightDecay is Infinity'],
    [{ optimiser: { ...ADAMW, beta2: 1 } }, 'beta2 is 1'],
    [{ optimiser: { ...ADAMW, epsilon: 0 } }, 'epsilon is 0'],
    [{ standardisation: { mean: new Float32Array(10), scale: new Float32Array(9) } }, 'scale has 9 numbers'],
    [
      { standardisation: { mean: new Float32Array(10).fill(Number.NaN), scale: new Float32Array(10) } },
      'standardisation.mean[0] is NaN',
    ],
  ])('of options %o is refused', async (options, message) => {
    const before = gpu().liveBuffers;
    const error = await createHead(gpu(), options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toContain(message);
    expect(gpu().liveBuffers).toBe(before);
  });

  it.each([
    [{ ...SHAPE, inputs: 0 }, 'inputs is 0'],
    [{ ...SHAPE, hidden: [2.5] }, 'hidden layer 1 is 2.5'],
    [{ ...SHAPE, classes: 1 }, 'classes is 1'],
  ])('of a shape %o is refused', async (shape, message) => {
    await expect(createHead(gpu(), {}, shape)).rejects.toThrow(message);
  });

  it('of batches, rates and names is refused, and nothing has happened', async () => {
    using trainer = await createHead(gpu());
    const before = await stateOf(trainer);
    const { x, labels } = randomBatch(1);
    const tooMany = randomBatch(1, BATCH + 1);
    const wrong: [Promise<unknown>, string][] = [
      [trainer.step(tooMany.x, tooMany.labels, 0.1), '90 features are not 1 to 8 rows of 10'],
      [trainer.step(x.subarray(1), labels, 0.1), '79 features'],
      [trainer.predict(new Float32Array(0)), '0 features'],
      [trainer.score(x, labels.subarray(1)), '7 labels for 8 rows'],
      [trainer.step(x, labels.with(2, 3), 0.1), 'label 3 in row 2 is none of the 3 classes'],
      [trainer.step(x, labels, Number.NaN), 'lr is NaN'],
      [trainer.read('fc3.kernel'), 'the head has no tensor fc3.kernel'],
      [trainer.write('fc1.bias', new Float32Array(8)), 'fc1.bias has (7) numbers, not 8'],
    ];
    for (const [call, message] of wrong) {
      const error = await call.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UsageError);
      expect((error as UsageError).message).toContain(message);
    }
    expect(trainer.stepsDone).toBe(0);
    expect(await stateOf(trainer)).toEqual(before);
  });
});

/** The forward pass with everything in float64. */
function float64Probabilities(state: Record<string, Float32Array>, x: Float32Array): Float64Array {
  let rows = Array.from({ length: x.length / SHAPE.inputs }, (_, row) =>
    Array.from(x.subarray(row * SHAPE.inputs, (row + 1) * SHAPE.inputs)),
  );
  for (const layer of ['fc1', 'fc2']) {
    const [k, b] = [state[`${layer}.kernel`]!, state[`${layer}.bias`]!];
    rows = rows.map((row) =>
      Array.from(b, (bias, o) => {
        const sum = row.reduce((total, value, i) => total + value * k[i * b.length + o]!, bias);
        return layer === 'fc1' ? Math.max(0, sum) : sum;
      }),
    );
  }
  return Float64Array.from(
    rows.flatMap((row) => {
      const powers = row.map(Math.exp);
      const sum = powers.reduce((total, power) => total + power);
      return powers.map((power) => power / sum);
    }),
  );
}
