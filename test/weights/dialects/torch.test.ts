// PyTorch's names in safetensors made for it: dense layers that have names, and what is taken for granted.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../../src/errors.js';
import { openWeights } from '../../../src/node/weights/open.js';
import { openSafetensors, writeSafetensors } from '../../../src/node/weights/safetensors.js';
import type { OpenedWeights } from '../../../src/weights/opened.js';
import { describeVgg16 } from '../../../src/weights/vgg16.js';
import { writeRandomVgg16 } from '../../support/random_vgg16.js';
import { temporaryFolder, thrownBy } from '../files.js';

const folder = temporaryFolder();

/** Of the convolutions' last feature map. */
const CHANNELS = 3;
const FLAT = 4 * CHANNELS;

type Shapes = Readonly<Record<string, readonly number[]>>;

/** The shapes of a narrow VGG16's convolutions. */
async function convolutions(): Promise<Shapes> {
  const base = join(folder, 'base.safetensors');
  const widths = [1, 1, 2, 2, CHANNELS] as const;
  await writeRandomVgg16(base, { widths, hidden: 1, classes: 1, top: false, seed: 1 });
  const source = await openSafetensors(base);
  await source.close();
  return Object.fromEntries([...source.tensors].map(([name, { shape }]) => [name, shape]));
}

/** A file of tensors of zeros. */
async function fileWith(shapes: Shapes, metadata: Record<string, string> = {}): Promise<string> {
  const path = join(folder, 'test.safetensors');
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const length = shape.reduce((product, size) => product * size, 4);
    return { name, dtype: 'F32', shape, data: [new Uint8Array(length)] } as const;
  });
  await writeSafetensors(path, tensors, metadata);
  return path;
}

function prefixed(shapes: Shapes, prefix: string): Shapes {
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [prefix + name, shape]));
}

/** A file of convolutions and these tensors besides, all of which may have a prefix. */
async function fileOf(besides: Shapes, metadata: Record<string, string> = {}, prefix = ''): Promise<string> {
  return await fileWith(prefixed({ ...(await convolutions()), ...besides }, prefix), metadata);
}

async function opened(...args: Parameters<typeof fileOf>): Promise<OpenedWeights> {
  const source = await openWeights(await fileOf(...args));
  await source.close();
  return source;
}

function dense(name: string, outputs: number, inputs: number): Shapes {
  return { [`classifier.${name}.weight`]: [outputs, inputs], [`classifier.${name}.bias`]: [outputs] };
}

const NOTE =
  /how pixels are prepared; going by its names, torchvision .* is assumed; .*--preprocess caffe, unit, signed, raw or a recipe in numbers$/;

describe('dense layers with names, in safetensors', () => {
  const namesOf = async (shapes: Shapes, prefix?: string) => {
    const source = await opened(shapes, {}, prefix);
    return describeVgg16(source).dense.map(({ kernel }) => source.origins.get(kernel.name)!.name);
  };

  it.each<[string, Shapes, readonly string[]]>([
    ['one', dense('out', 2, FLAT), ['out']],
    ['in the order of the alphabet', { ...dense('fc1', 5, FLAT), ...dense('fc2', 2, 5) }, ['fc1', 'fc2']],
    [
      'in another order, with one that gives as many numbers as it reads',
      { ...dense('a', 2, 7), ...dense('b', 7, 7), ...dense('c', 7, FLAT) },
      ['c', 'b', 'a'],
    ],
    ['one of which has no bias', { ...dense('a', 7, FLAT), 'classifier.b.weight': [2, 7] }, ['a', 'b']],
    [
      'beside numbers, in a Sequential of its own',
      { ...dense('0', 7, FLAT), ...dense('3', 6, 7), ...dense('6.out', 2, 5), ...dense('6.fc', 5, 6) },
      ['0', '3', '6.fc', '6.out'],
    ],
  ])('%s', async (_, shapes, expected) => {
    const names = expected.map((name) => `classifier.${name}.weight`);
    expect(await namesOf(shapes)).toEqual(names);
    expect(await namesOf(shapes, 'model.')).toEqual(names.map((name) => `model.${name}`));
  });

  it.each<[string, Shapes, RegExp]>([
    [
      'two of one shape',
      { ...dense('a', 7, FLAT), ...dense('b', 7, 7), ...dense('c', 7, 7) },
      /"classifier\.b", "classifier\.c" have the same shape; save them as PyTorch's \.pth/,
    ],
    [
      'a circle',
      { ...dense('a', FLAT, 7), ...dense('b', 7, FLAT) },
      /the order of the dense layers "classifier\.a", "classifier\.b" is not told .* their widths fit in several/,
    ],
    ['widths that do not meet', { ...dense('a', 7, FLAT), ...dense('b', 2, 6) }, /their widths fit in none/],
    [
      'a first one that fits no map',
      { ...dense('a', 7, 5), ...dense('b', 2, 7) },
      /"classifier\.a\.weight": expected shape \(O, 3 \* S \* S\)/,
    ],
    [
      'a normalisation between them',
      { ...dense('a', 7, FLAT), 'classifier.3.weight': [7], 'classifier.3.bias': [7], ...dense('b', 2, 7) },
      /not a VGG16: unknown tensors: "classifier\.3\.weight", "classifier\.3\.bias"/,
    ],
    ['what is no dense layer', { ...dense('a', 7, FLAT), mean: [3] }, /not a VGG16: unknown tensors: "mean"/],
    [
      'too many',
      Object.assign({}, ...Array.from({ length: 17 }, (_, i) => dense(`fc${i}`, 7, i > 0 ? 7 : FLAT))),
      /17 dense layers; at most 16/,
    ],
  ])('%s: refused', async (_, shapes, expected) => {
    const path = await fileOf(shapes);
    const error = await thrownBy(() => openWeights(path));
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message.replace(`${path}: `, '')).toMatch(expected);
  });
});

describe('how pixels are prepared', () => {
  const top = (classes: number) => ({
    ...dense('0', 7, FLAT),
    ...dense('3', 7, 7),
    ...dense('6', classes, 7),
  });
  const TIMM: Shapes = {
    'pre_logits.fc1.weight': [7, CHANNELS, 2, 2],
    'pre_logits.fc1.bias': [7],
    'pre_logits.fc2.weight': [7, 7, 1, 1],
    'pre_logits.fc2.bias': [7],
    'head.fc.weight': [2, 7],
    'head.fc.bias': [2],
  };
  const said = { preprocess: 'torchvision' };

  it.each<[string, Shapes, Record<string, string>, boolean]>([
    ['no top', {}, {}, true],
    ['ten classes', top(10), {}, true],
    ['torchvision’s 1000 classes, which prove nothing', top(1000), {}, true],
    ['1000 classes of another head', { ...dense('0', 7, FLAT), ...dense('3', 1000, 7) }, {}, true],
    ['timm’s names', TIMM, {}, true],
    ['metadata', top(10), said, false],
  ])(
    '%s, plain and with a prefix: noted where it is taken for granted',
    async (_, shapes, metadata, isNoted) => {
      for (const prefix of ['', 'net.']) {
        const { notes, preprocessNote } = await opened(shapes, metadata, prefix);
        expect(notes.filter((note) => NOTE.test(note))).toHaveLength(isNoted ? 1 : 0);
        expect(preprocessNote !== undefined).toBe(isNoted);
      }
    },
  );

  it.each(['', 'net.'])(
    'asked for, with the prefix %j: not noted, whatever the metadata say',
    async (prefix) => {
      const path = await fileOf(top(10), { preprocess: 'tf' }, prefix);
      const source = await openWeights(path, { preprocess: 'caffe' });
      await source.close();
      expect(source.notes.filter((note) => NOTE.test(note))).toEqual([]);
      expect(describeVgg16(source).preprocess).toBe('caffe');
    },
  );

  it('in a file that holds no VGG16 nobody asks', async () => {
    const path = join(folder, 'other.safetensors');
    await writeSafetensors(path, [{ name: 'a', dtype: 'F32', shape: [1], data: [new Uint8Array(4)] }], {});
    const source = await openWeights(path);
    await source.close();
    expect(source.notes).toEqual([]);
  });
});

describe('a first dense layer that reads one number a channel, with a prefix', () => {
  it.each<[Record<string, string>, string]>([
    [{}, 'avg'],
    [{ pool: 'avg' }, 'avg'],
    [{ pool: 'flatten' }, 'flatten'],
  ])('is %j: %s', async (metadata, pool) => {
    const source = await opened(dense('0', 2, CHANNELS), metadata, 'net.');
    expect(describeVgg16(source).pool).toBe(pool);
    expect(source.notes.some((note) => note.endsWith('averaged'))).toBe(!metadata.pool);
  });
});

describe('wrappers in names, in safetensors', () => {
  it.each([
    ['around each layer', '.module'],
    ["FSDP's around each layer", '._fsdp_wrapped_module'],
    ["activation checkpointing's within FSDP's", '._fsdp_wrapped_module._checkpoint_wrapped_module'],
  ])('%s: left out', async (_, wrapper) => {
    const shapes = { ...(await convolutions()), ...dense('0', 2, FLAT) };
    const wrapped = Object.entries(shapes).map(([name, shape]) => {
      return [name.replace(/(?=\.(weight|bias)$)/, wrapper), shape] as const;
    });
    const source = await openWeights(await fileWith(Object.fromEntries(wrapped)));
    await source.close();
    expect(describeVgg16(source).dense).toHaveLength(1);
    expect(source.origins.get('features.0.weight')!.name).toBe(`features.0${wrapper}.weight`);
  });
});

describe('a layer that reads the classes, in safetensors', () => {
  const classifier = { ...dense('0', 9, FLAT), ...dense('3', 9, 9) };
  const openedWith = async (besides: Shapes) => {
    const network = prefixed({ ...(await convolutions()), ...classifier }, 'net.');
    const source = await openWeights(await fileWith({ ...network, ...besides }));
    await source.close();
    return source;
  };

  it.each<[string, Shapes]>([
    ['dense', { 'head.weight': [2, 9], 'head.bias': [2] }],
    ['dense, behind a normalisation', { 'bn.weight': [9], 'bn.bias': [9], 'out.1.weight': [2, 9] }],
    ['a convolution of one pixel', { 'out.weight': [2, 9, 1, 1], 'out.bias': [2] }],
    ['recurrent', { 'lstm.weight_ih_l0': [8, 9], 'lstm.weight_hh_l0': [8, 2] }],
  ])('%s: refused', async (_, besides) => {
    const error = await thrownBy(() => openedWith(besides));
    expect(error.message).toMatch(
      /reads the 9 outputs of "net\.classifier\.3\.weight": a head behind a head/,
    );
  });

  it('in the moving average of the same network: it is none of this one', async () => {
    const { notes } = await openedWith(prefixed({ ...(await convolutions()), ...classifier }, 'ema.'));
    expect(notes).toContainEqual(expect.stringMatching(/^left out, beside the network: "/));
  });

  it('in a decoder whose window is larger than a pixel: it reads something else', async () => {
    const { notes } = await openedWith({ 'decoder.weight': [2, 9, 3, 3] });
    expect(notes).toContain('left out, beside the network: "decoder.weight"');
  });
});

describe('ReLU between dense layers, in safetensors', () => {
  const NOTE = 'ReLU between the dense layers is taken for granted';
  const notesOf = async (shapes: Shapes, metadata = {}) => (await opened(shapes, metadata)).notes;

  it('is said to be taken for granted, but of usual heads and our own files', async () => {
    const two = { ...dense('0', 7, FLAT), ...dense('3', 2, 7) };
    const three = { ...dense('0', 7, FLAT), ...dense('3', 7, 7), ...dense('6', 2, 7) };
    expect(await notesOf(two)).toContain(NOTE);
    expect(await notesOf(three)).not.toContain(NOTE);
    expect(await notesOf({ ...three, ...dense('8', 2, 2) })).toContain(NOTE);
    expect(await notesOf(two, { preprocess: 'caffe' })).toEqual([]);
  });
});
