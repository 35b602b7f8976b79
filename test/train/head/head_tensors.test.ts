// A head on its way to a file and back: torchvision's layout, and the same numbers out of it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/errors.js';
import { openWeights } from '../../../src/node/weights/open.js';
import type { HeadShape } from '../../../src/train/head/head_shape.js';
import { headTensors, initialiseFrom } from '../../../src/train/head/head_tensors.js';
import type { Trainer } from '../../../src/train/trainer.js';
import { readFloats } from '../../../src/weights/floats.js';
import type { HeadTensor } from '../../../src/weights/head_file.js';
import { describeVgg16, type Vgg16Weights } from '../../../src/weights/vgg16.js';
import { expectClose } from '../../support/allclose.js';
import { useGpu } from '../../support/gpu.js';
import { type RandomVgg16, writeRandomVgg16 } from '../../support/random_vgg16.js';
import { BATCH, createHead, randomBatch, takeSteps } from './heads.js';

/** A flattened map of 2 x 2 pixels and 3 channels. */
const MAP = { side: 2, channels: 3 };
const FLATTENED: HeadShape = { inputs: 12, hidden: [7], classes: 3 };
const DEEP: HeadShape = { inputs: 12, hidden: [7, 7], classes: 3 };

/** Features as large, uneven and shifted as VGG16's are. */
const STANDARDISATION = {
  mean: Float32Array.from({ length: 12 }, (_, i) => 20 * i - 60),
  scale: Float32Array.from({ length: 12 }, (_, i) => 1 / (1 + 7 * i)),
};

/** f32 rounds the first layer's sums of numbers that are some hundred. */
const CLOSE = { atol: 1e-5, rtol: 1e-5 };

const gpu = useGpu();

async function tensorsOf(trainer: Trainer, map: typeof MAP | undefined): Promise<HeadTensor[]> {
  const tensors: HeadTensor[] = [];
  for await (const tensor of headTensors(trainer, { map })) tensors.push(tensor);
  return tensors;
}

describe('the tensors of a head', () => {
  it('have the names and shapes that torchvision gives them', async () => {
    using trainer = await createHead(gpu(), {}, FLATTENED);
    const named = (await tensorsOf(trainer, MAP)).map(({ name, shape }) => [name, shape]);
    expect(named).toEqual([
      ['classifier.0.weight', [7, 12]],
      ['classifier.0.bias', [7]],
      ['classifier.3.weight', [3, 7]],
      ['classifier.3.bias', [3]],
    ]);
  });

  it('give, on raw features in the order C, H, W, what the head predicts on standardised ones', async () => {
    using trainer = await createHead(gpu(), { standardisation: STANDARDISATION }, FLATTENED);
    const { mean, scale } = STANDARDISATION;
    const { x, labels } = randomBatch(3, BATCH, FLATTENED);
    const raw = x.map((value, i) => value / scale[i % 12]! + mean[i % 12]!);
    await trainer.step(raw, labels, 0.5);
    const expected = await trainer.predict(raw);

    const tensors = await tensorsOf(trainer, MAP);
    const actual = Array.from({ length: BATCH }, (_, row) => {
      // (2,2,3) to (3,2,2)
      const pixels = [0, 1, 2, 3].map((pixel) =>
        raw.subarray(row * 12 + pixel * 3, row * 12 + pixel * 3 + 3),
      );
      const features = [0, 1, 2].flatMap((channel) => pixels.map((pixel) => pixel[channel]!));
      return float64Probabilities(tensors, features);
    }).flat();
    expectClose(actual, expected, CLOSE);
  });

  it('are in the order of their own where nothing is flattened', async () => {
    using trainer = await createHead(gpu(), {}, FLATTENED);
    const [weight] = await tensorsOf(trainer, undefined);
    const kernel = await trainer.read('fc1.kernel');
    const transposed = Float32Array.from(kernel, (_, at) => kernel[(at % 12) * 7 + Math.trunc(at / 12)]!);
    expect(weight!.values).toEqual(transposed);
  });

  it('of a map of another size are refused', async () => {
    using trainer = await createHead(gpu(), {}, FLATTENED);
    await expect(tensorsOf(trainer, { side: 3, channels: 3 })).rejects.toThrow(
      'a map of 3 x 3 x 3 is not the 12 inputs of the head',
    );
  });
});

describe('a head that begins with the layers of a VGG16', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vgg16-head-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function withVgg16<T>(
    options: Partial<RandomVgg16>,
    use: (weights: Vgg16Weights) => Promise<T>,
  ): Promise<T> {
    const path = join(folder, 'vgg16.safetensors');
    const sizes = { widths: [4, 4, 4, 4, 3], hidden: 7, classes: 3, featureSide: 2, seed: 5 } as const;
    await writeRandomVgg16(path, { ...sizes, ...options });
    const source = await openWeights(path);
    try {
      return await use(describeVgg16(source));
    } finally {
      await source.close();
    }
  }

  it('has its hidden layers, and a last one of its own', async () => {
    using trainer = await createHead(gpu(), {}, DEEP);
    const own = (await tensorsOf(trainer, MAP)).slice(4);
    await withVgg16({}, async (weights) => {
      await initialiseFrom(trainer, weights);
      const tensors = await tensorsOf(trainer, MAP);
      for (const { name, values } of tensors.slice(0, 4)) {
        expect(values, name).toEqual(await readFloats(weights.source, name));
      }
      expect(tensors.slice(4)).toEqual(own);
    });
  });

  it('computes the same behind a standardisation, and can have the last layer too', async () => {
    using trainer = await createHead(gpu(), { standardisation: STANDARDISATION }, DEEP);
    await withVgg16({ dtype: 'F16' }, async (weights) => {
      await initialiseFrom(trainer, weights, 3);
      for (const { name, values } of await tensorsOf(trainer, MAP)) {
        expectClose(values, await readFloats(weights.source, name), { atol: 1e-4, rtol: 1e-6 });
      }
    });
  });

  it('says what does not fit', async () => {
    using trainer = await createHead(gpu(), {}, DEEP);
    const refused = (options: Partial<RandomVgg16>, what: string) =>
      withVgg16(options, async (weights) => {
        const error = await initialiseFrom(trainer, weights).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(UsageError);
        expect((error as UsageError).message).toContain(what);
      });
    await refused({ top: false }, "the head's fc1 has 12 inputs and 7 outputs, the file's has none");
    await refused({ hidden: 9 }, "the file's has 12 inputs and 9 outputs");
    await refused({ featureSide: 1 }, "the file's has 3 inputs and 7 outputs");
  });

  it('goes on learning', async () => {
    using trainer = await createHead(gpu(), {}, DEEP);
    await withVgg16({}, (weights) => initialiseFrom(trainer, weights));
    await takeSteps(trainer, 0, 2);
    expect((await trainer.readTotals()).badStep).toBeUndefined();
  });
});

/** The forward pass of a file's head in float64. */
function float64Probabilities(tensors: readonly HeadTensor[], features: readonly number[]): number[] {
  let x = [...features];
  for (let i = 0; i < tensors.length; i += 2) {
    const [weight, bias] = [tensors[i]!.values, tensors[i + 1]!.values];
    const width = x.length;
    const isLast = i + 2 === tensors.length;
    x = Array.from(bias, (b, o) => {
      const sum = x.reduce((total, value, j) => total + value * weight[o * width + j]!, b);
      return isLast ? sum : Math.max(0, sum);
    });
  }
  const powers = x.map(Math.exp);
  const sum = powers.reduce((total, power) => total + power);
  return powers.map((power) => power / sum);
}
