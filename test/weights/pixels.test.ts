// How pixels are prepared for a network whose file does not say it: told by the numbers of its first convolution.

import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.js';
import { embeddedBasePath } from '../../src/node/embedded.js';
import { convertWeights } from '../../src/node/weights/convert.js';
import { openWeights } from '../../src/node/weights/open.js';
import { openSafetensors, writeSafetensors } from '../../src/node/weights/safetensors.js';
import { seededRandom } from '../../src/random.js';
import { normalise } from '../../src/reference/normalise.js';
import type { Preprocess } from '../../src/weights/archive.js';
import { readFloats } from '../../src/weights/floats.js';
import { arithmeticOf } from '../../src/weights/preprocess.js';
import type { Dtype } from '../../src/weights/source.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { writeRandomVgg16 } from '../support/random_vgg16.js';
import { changedCopy, temporaryFolder } from './files.js';

const folder = temporaryFolder();
const FIRST = 'features.0.weight';
const HEAD = ['classifier.0', 'classifier.3', 'classifier.6'];

let kernel: Float32Array;
let bias: Float32Array;
beforeAll(async () => {
  const source = await openSafetensors(embeddedBasePath());
  kernel = await readFloats(source, FIRST);
  bias = await readFloats(source, 'features.0.bias');
  await source.close();
});

interface Network {
  readonly first?: (values: Float32Array) => void;
  readonly firstBias?: ArrayLike<number>;
  readonly dtype?: Dtype;
  readonly classes?: number;
  readonly metadata?: Record<string, string>;
}

let count = 0;

/** A network of random numbers, narrow but for its first layer, which is the original's, changed. */
async function networkOf({
  first,
  firstBias = bias,
  dtype = 'F32',
  classes = 2,
  metadata = {},
}: Network): Promise<string> {
  const [from, to] = [join(folder, 'random.safetensors'), join(folder, `${count++}.safetensors`)];
  const sizes = { widths: [64, 2, 2, 2, 2], hidden: 2, featureSide: 1, classes, head: HEAD } as const;
  await writeRandomVgg16(from, { ...sizes, seed: 3, metadata });
  return changedCopy(from, to, {
    dtype,
    change: (name, values) => {
      if (name === 'features.0.bias') values.set(firstBias);
      if (name !== FIRST) return;
      values.set(kernel);
      first?.(values);
    },
  });
}

/** What is made of a file: how pixels are prepared, the notes but for that on the activation, and the first kernel. */
async function settled(path: string, preprocess?: Preprocess) {
  const source = await openWeights(path, { preprocess });
  const found = describeVgg16(source);
  const numbers = await readFloats(source, FIRST);
  const deep = await readFloats(source, 'features.28.weight');
  await source.close();
  const notes = source.notes.filter((note) => !note.includes('--activation'));
  return { preprocess: found.preprocess, notes, assumed: source.preprocessNote, numbers, deep };
}

function reverseColours(values: Float32Array): void {
  const from = values.slice();
  for (let i = 0; i < values.length; i++) {
    const [filter, colour, place] = [Math.floor(i / 27), Math.floor(i / 9) % 3, i % 9];
    values[i] = from[filter * 27 + (2 - colour) * 9 + place]!;
  }
}

function rotate(values: Float32Array): void {
  for (let at = 0; at < values.length; at += 9) values.subarray(at, at + 9).reverse();
}

describe('a first convolution that is the original network’s', () => {
  const CAFFE =
    /how pixels are prepared; its first convolution is the original network's.* caffe .* is assumed; .*--preprocess torchvision, unit, signed, raw or a recipe in numbers$/;

  it.each<[string, Network]>([
    ['as it is', {}],
    ['with 1000 classes in torchvision’s names, which prove nothing', { classes: 1000 }],
    ['as BF16', { dtype: 'BF16' }],
    [
      'fine-tuned a little',
      { first: (values) => values.set(values.map((value, i) => value * (1 + 0.02 * Math.sin(i)))) },
    ],
  ])('%s: pixels are Caffe’s, and a note says so', async (_, network) => {
    const { preprocess, notes, assumed } = await settled(await networkOf(network));
    expect(preprocess).toBe('caffe');
    expect(notes).toEqual([expect.stringMatching(CAFFE)]);
    expect(assumed).toBe(notes[0]);
  });

  it('with its input channels in the order RGB is put in BGR’s', async () => {
    const path = await networkOf({ first: reverseColours });
    const { preprocess, notes, numbers } = await settled(path);
    expect(preprocess).toBe('caffe');
    expect(numbers).toEqual(kernel);
    expect(notes).toContain("the first convolution's input channels, RGB, are put in caffe's order, BGR");
    expect(notes).toContainEqual(expect.stringMatching(CAFFE));
    // Whoever says that pixels are RGB has trained it on with them.
    const said = await settled(path, 'unit');
    expect(said.preprocess).toBe('unit');
    expect(said.numbers.slice(0, 9)).toEqual(kernel.slice(18, 27));
  });

  it('rotated, as Theano has kernels: all are turned back', async () => {
    const [plain, rotated] = [await networkOf({}), join(folder, 'rotated.safetensors')];
    await changedCopy(plain, rotated, {
      change: (name, values) => name.endsWith('0.weight') && rotate(values),
    });
    const { preprocess, notes, numbers } = await settled(rotated);
    expect(preprocess).toBe('caffe');
    expect(notes.join()).toContain('rotated by 180 degrees, as Theano has them; they are turned back');
    expect(numbers).toEqual(kernel);
    const { deep } = await settled(plain);
    const back = (await settled(rotated)).deep;
    rotate(back);
    expect(back).toEqual(deep);
  });

  it('is not asked where the file says how pixels are prepared, or the caller does', async () => {
    const said = await settled(await networkOf({ metadata: { preprocess: 'signed' } }));
    expect([said.preprocess, said.notes]).toEqual(['signed', []]);
    const asked = await settled(await networkOf({}), 'torchvision');
    expect([asked.preprocess, asked.notes]).toEqual(['torchvision', []]);
    expect(asked.numbers).toEqual(kernel);
  });

  it('is that of our own export, whose metadata another program has dropped', async () => {
    const [whole, bare] = [join(folder, 'whole.safetensors'), join(folder, 'bare.safetensors')];
    await convertWeights(await networkOf({}), whole, { classes: ['ant', 'bee'] });
    const source = await openSafetensors(whole);
    const tensors = [...source.tensors.values()].map(({ name, shape, byteLength }) => {
      const read = async function* () {
        const bytes = new Uint8Array(byteLength);
        await source.read(name, 0, bytes);
        yield bytes;
      };
      return { name, shape, dtype: 'F32', data: read() } as const;
    });
    await writeSafetensors(bare, tensors, { format: 'pt' });
    await source.close();
    expect((await settled(bare)).preprocess).toBe('caffe');
  });
});

describe('a first convolution that is torchvision’s', () => {
  /** As PyTorch prints `torchvision.models.vgg16(pretrained=True).features[0]`. */
  const PRINTED_BIAS = `0.4034,  0.3778,  0.4644, -0.3228,  0.3940, -0.3953,  0.3951, -0.5496,
         0.2693, -0.7602, -0.3508,  0.2334, -1.3239, -0.1694,  0.3938, -0.1026,
         0.0460, -0.6995,  0.1549,  0.5628,  0.3011,  0.3425,  0.1073,  0.4651,
         0.1295,  0.0788, -0.0492, -0.5638,  0.1465, -0.3890, -0.0715,  0.0649,
         0.2768,  0.3279,  0.5682, -1.2640, -0.8368, -0.9485,  0.1358,  0.2727,
         0.1841, -0.5325,  0.3507, -0.0827, -1.0248, -0.6912, -0.7711,  0.2612,
         0.4033, -0.4802, -0.3066,  0.5807, -1.3325,  0.4844, -0.8160,  0.2386,
         0.2300,  0.4979,  0.5553,  0.5230, -0.2182,  0.0117, -0.5516,  0.2108`;
  const PRINTED_KERNEL = `-0.5537,  0.1427,  0.5290, -0.5831,  0.3566,  0.7657, -0.6902, -0.0480,  0.4841,
    0.1755,  0.0099, -0.0814, 0.0441, -0.0703, -0.2604, 0.1324, -0.1728, -0.1323,
    0.3130, -0.1659, -0.4275, 0.4752, -0.0827, -0.4870, 0.6320,  0.0193, -0.2775`;
  const numbersOf = (printed: string) => printed.split(',').map(Number);
  const TORCHVISION: Network = {
    firstBias: numbersOf(PRINTED_BIAS),
    first: (values) => values.set(numbersOf(PRINTED_KERNEL)),
  };

  it('below its own head of 1000 classes: nothing is taken for granted', async () => {
    const { preprocess, notes } = await settled(await networkOf({ ...TORCHVISION, classes: 1000 }));
    expect([preprocess, notes]).toEqual(['torchvision', []]);
  });

  it('below another head: a note says what it was told by', async () => {
    const { preprocess, notes } = await settled(await networkOf(TORCHVISION));
    expect(preprocess).toBe('torchvision');
    expect(notes).toEqual([
      expect.stringMatching(/its first convolution is torchvision's, so torchvision .* is assumed/),
    ]);
  });
});

describe('a first convolution of which nothing is known', () => {
  it.each<[string, Network]>([
    ['of random numbers', { first: (values) => values.set(values.map((_, i) => seededRandom(i).normal())) }],
    ['of other biases', { firstBias: new Float32Array(64) }],
    ['that is not finite', { first: (values) => values.fill(Number.NaN) }],
  ])('%s: its names are gone by, and a note says so, 1000 classes or not', async (_, network) => {
    const { preprocess, notes } = await settled(await networkOf({ ...network, classes: 1000 }));
    expect(preprocess).toBe('torchvision');
    expect(notes).toEqual([expect.stringMatching(/going by its names, torchvision .* is assumed/)]);
  });
});

it.each<[Preprocess, (rgb: readonly number[]) => number[]]>([
  [
    'torchvision',
    ([r, g, b]) => [(r! / 255 - 0.485) / 0.229, (g! / 255 - 0.456) / 0.224, (b! / 255 - 0.406) / 0.225],
  ],
  ['caffe', ([r, g, b]) => [b! - 103.939, g! - 116.779, r! - 123.68]],
  ['unit', (rgb) => rgb.map((value) => value / 255)],
  ['signed', (rgb) => rgb.map((value) => value / 127.5 - 1)],
])('%s is what its makers write', (preprocess, formula) => {
  const pixels = new Uint8Array([0, 128, 255, 7, 1, 99]);
  const y = normalise(pixels, { N: 1, H: 1, W: 2 }, arithmeticOf(preprocess));
  const wanted = [pixels.subarray(0, 3), pixels.subarray(3)].flatMap((rgb) => [...formula([...rgb]), 0]);
  wanted.forEach((value, i) => {
    expect(y[i]).toBeCloseTo(value, 12);
  });
});

it('a preprocess that there is not is refused', async () => {
  const path = await networkOf({});
  const opening = openWeights(path, { preprocess: 'imagenet' as Preprocess });
  await expect(opening).rejects.toThrow(UsageError);
  await expect(opening).rejects.toThrow(
    'it must be torchvision or caffe or unit or signed or raw, or a recipe',
  );
});
