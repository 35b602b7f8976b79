import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WeightsError } from '../../src/errors.js';
import { openSafetensors } from '../../src/node/weights/safetensors.js';
import { readFloats } from '../../src/weights/floats.js';
import type { TensorEntry, WeightsSource } from '../../src/weights/source.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { type RandomVgg16, writeRandomVgg16 } from '../support/random_vgg16.js';
import { temporaryFolder } from './files.js';

const folder = temporaryFolder();
const NARROW = { widths: [2, 3, 4, 5, 6], hidden: 7, classes: 4, featureSide: 2, seed: 1 } as const;

async function narrowFile(options: Partial<RandomVgg16> = {}): Promise<string> {
  const path = join(folder, options.naming ?? 'torchvision');
  await writeRandomVgg16(path, { ...NARROW, ...options });
  return path;
}

/** A narrow VGG16 from a real file, which is closed again: describing it reads no tensor. */
async function narrow(options: Partial<RandomVgg16> = {}): Promise<WeightsSource> {
  const source = await openSafetensors(await narrowFile(options));
  await source.close();
  return source;
}

/** The same file with other tensors or metadata, as if it had been written so. */
function changed(
  source: WeightsSource,
  changes: Readonly<Record<string, readonly number[] | null>>,
  metadata = source.metadata,
): WeightsSource {
  const tensors = new Map(source.tensors);
  for (const [name, shape] of Object.entries(changes)) {
    if (shape === null) tensors.delete(name);
    else tensors.set(name, { name, dtype: 'F32', shape, byteLength: 4 * shape.reduce((a, b) => a * b, 1) });
  }
  const unread = () => Promise.reject(new Error('describing reads no tensor'));
  return { path: source.path, tensors, metadata, read: unread, close: unread };
}

async function denseKernels(options: Partial<RandomVgg16>): Promise<Float32Array[]> {
  const source = await openSafetensors(await narrowFile(options));
  try {
    return await Promise.all(
      describeVgg16(source).dense.map(({ kernel }) => readFloats(source, kernel.name)),
    );
  } finally {
    await source.close();
  }
}

function faultOf(source: WeightsSource): string {
  try {
    describeVgg16(source);
  } catch (error) {
    expect(error).toBeInstanceOf(WeightsError);
    const { message } = error as Error;
    expect(message.startsWith(`${source.path}: `)).toBe(true);
    return message.slice(source.path.length + 2);
  }
  throw new Error('expected a WeightsError');
}

describe('a narrow VGG16', () => {
  test('in torchvision’s names', async () => {
    const source = await narrow();
    const { convs, dense, pool, featureSide, preprocess, classes } = describeVgg16(source);
    expect(convs.map((c) => [c.layer, c.kernel.name, c.inputChannels, c.outputChannels])).toEqual([
      ['block1_conv1', 'features.0.weight', 3, 2],
      ['block1_conv2', 'features.2.weight', 2, 2],
      ['block2_conv1', 'features.5.weight', 2, 3],
      ['block2_conv2', 'features.7.weight', 3, 3],
      ['block3_conv1', 'features.10.weight', 3, 4],
      ['block3_conv2', 'features.12.weight', 4, 4],
      ['block3_conv3', 'features.14.weight', 4, 4],
      ['block4_conv1', 'features.17.weight', 4, 5],
      ['block4_conv2', 'features.19.weight', 5, 5],
      ['block4_conv3', 'features.21.weight', 5, 5],
      ['block5_conv1', 'features.24.weight', 5, 6],
      ['block5_conv2', 'features.26.weight', 6, 6],
      ['block5_conv3', 'features.28.weight', 6, 6],
    ]);
    expect(convs.every(({ kernel, bias }) => bias.name === kernel.name.replace('weight', 'bias'))).toBe(true);
    expect(dense.map((d) => [d.layer, d.kernel.name, d.bias.name, d.inputs, d.outputs])).toEqual([
      ['fc1', 'classifier.0.weight', 'classifier.0.bias', 24, 7],
      ['fc2', 'classifier.3.weight', 'classifier.3.bias', 7, 7],
      ['fc3', 'classifier.6.weight', 'classifier.6.bias', 7, 4],
    ]);
    expect({ pool, featureSide, preprocess, classes }).toEqual({
      pool: 'flatten',
      featureSide: 2,
      preprocess: 'torchvision',
      classes: undefined,
    });
  });

  test('in timm’s names is the same, and its kernels are the same bytes', async () => {
    const source = await narrow({ naming: 'timm' });
    const timm = describeVgg16(source);
    expect(timm.dense.map((d) => [d.layer, d.kernel.name, d.kernel.shape, d.inputs, d.outputs])).toEqual([
      ['fc1', 'pre_logits.fc1.weight', [7, 6, 2, 2], 24, 7],
      ['fc2', 'pre_logits.fc2.weight', [7, 7, 1, 1], 7, 7],
      ['fc3', 'head.fc.weight', [4, 7], 7, 4],
    ]);
    expect(timm.featureSide).toBe(2);
    expect(await denseKernels({ naming: 'timm' })).toEqual(await denseKernels({}));
  });

  test('without its top', async () => {
    const source = await narrow({
      top: false,
      dtype: 'F16',
      metadata: { preprocess: 'caffe (BGR, minus means)' },
    });
    const { convs, dense, featureSide, preprocess } = describeVgg16(source);
    expect({ convs: convs.length, dense, featureSide, preprocess }).toEqual({
      convs: 13,
      dense: [],
      featureSide: undefined,
      preprocess: 'caffe',
    });
  });

  test('with a width of its own for each convolution', async () => {
    const source = changed(await narrow({ top: false }), {
      'features.0.weight': [9, 3, 3, 3],
      'features.0.bias': [9],
      'features.2.weight': [2, 9, 3, 3],
    });
    expect(
      describeVgg16(source)
        .convs.slice(0, 2)
        .map((c) => c.outputChannels),
    ).toEqual([9, 2]);
  });
});

/** A narrow VGG16 whose classifier consists of these tensors, in this order. */
async function withHead(
  tensors: Readonly<Record<string, readonly number[]>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<WeightsSource> {
  return changed(await narrow({ top: false }), tensors, metadata);
}

/** The tensors of a dense layer. */
function layer(name: string, outputs: number, inputs: number): Record<string, readonly number[]> {
  return { [`${name}.weight`]: [outputs, inputs], [`${name}.bias`]: [outputs] };
}

/** The widths of the last feature map: 6 channels, flattened 2 x 2 or averaged. */
const [FLAT, AVERAGED] = [24, 6];

describe('a classifier of its own', () => {
  const HEADS: readonly (readonly [
    what: string,
    names: readonly string[],
    said: 'flatten' | 'avg' | undefined,
  ])[] = [
    ['one layer', ['classifier.0'], undefined],
    ['one layer behind something without weights', ['classifier.1'], 'flatten'],
    ['one layer without a number', ['classifier'], undefined],
    ['one layer, averaged', ['classifier'], 'avg'],
    ['two layers', ['classifier.0', 'classifier.3'], undefined],
    ['two layers, averaged', ['classifier.0', 'classifier.2'], 'avg'],
    [
      'a Sequential in the last one’s place',
      ['classifier.0', 'classifier.3', 'classifier.6.0', 'classifier.6.3'],
      undefined,
    ],
    [
      'numbers of two digits',
      ['classifier.0', 'classifier.3', 'classifier.9', 'classifier.11', 'classifier.11.1'],
      'flatten',
    ],
  ];

  test.each(HEADS)('%s', async (_, names, pool) => {
    const inputs = (i: number) => (i > 0 ? 10 + i - 1 : pool === 'avg' ? AVERAGED : FLAT);
    const tensors = names.map((name, i) => layer(name, 10 + i, inputs(i)));
    const metadata = pool ? { pool } : {};
    // The file's order is not the network's.
    const described = describeVgg16(await withHead(Object.assign({}, ...tensors.reverse()), metadata));
    expect(described.dense.map((d) => [d.layer, d.kernel.name, d.bias.name, d.inputs, d.outputs])).toEqual(
      names.map((name, i) => [`fc${i + 1}`, `${name}.weight`, `${name}.bias`, inputs(i), 10 + i]),
    );
    expect([described.pool, described.featureSide]).toEqual(
      pool === 'avg' ? ['avg', undefined] : ['flatten', 2],
    );
  });

  test('reads one position a channel as a feature map of 1 x 1, unless the metadata say average', async () => {
    const described = async (metadata: Record<string, string>) => {
      const { pool, featureSide } = describeVgg16(await withHead(layer('classifier', 3, AVERAGED), metadata));
      return { pool, featureSide };
    };
    expect(await described({})).toEqual({ pool: 'flatten', featureSide: 1 });
    expect(await described({ pool: 'flatten' })).toEqual({ pool: 'flatten', featureSide: 1 });
    expect(await described({ pool: 'avg' })).toEqual({ pool: 'avg', featureSide: undefined });
  });

  test('has as many classes as the last layer has outputs', async () => {
    const head = { ...layer('classifier.0', 5, AVERAGED), ...layer('classifier.3', 2, 5) };
    const classes = (names: readonly string[]) =>
      withHead(head, { pool: 'avg', classes: JSON.stringify(names) });
    expect(describeVgg16(await classes(['ant', 'bee'])).classes).toEqual(['ant', 'bee']);
    expect(faultOf(await classes(['ant', 'bee', 'cat']))).toBe(
      'metadata classes has 3 names, but the classifier has 2 outputs',
    );
  });

  test('in timm’s names has other classes', async () => {
    const source = changed(await narrow({ naming: 'timm' }), {
      'head.fc.weight': [2, 7],
      'head.fc.bias': [2],
    });
    expect(describeVgg16(source).dense.map(({ outputs }) => outputs)).toEqual([7, 7, 2]);
    expect(describeVgg16(source)).toMatchObject({ pool: 'flatten', featureSide: 2 });
  });
});

describe('a classifier that does not fit', () => {
  const FAULTS: readonly (readonly [tensors: object, metadata: Record<string, string>, fault: string])[] = [
    [
      { ...layer('classifier.0', 5, FLAT), ...layer('classifier.6.0', 4, 7) },
      {},
      'not a VGG16: only part of the classifier, missing: "classifier.3.weight", "classifier.3.bias"',
    ],
    [
      { ...layer('classifier.0', 5, FLAT), ...layer('classifier.3.1', 4, 7) },
      {},
      'tensor "classifier.3.1.weight": expected shape (O, 5), found (4, 7)',
    ],
    [
      layer('classifier', 5, FLAT),
      { pool: 'avg' },
      'tensor "classifier.weight": expected shape (O, 6), found (5, 24)',
    ],
    [
      layer('classifier.1', 5, 12),
      { pool: 'flatten' },
      'tensor "classifier.1.weight": expected shape (O, 6 * S * S) for a square feature map of 6 channels, found (5, 12)',
    ],
    [
      layer('classifier.1', 5, 3),
      {},
      'tensor "classifier.1.weight": expected shape (O, 6 * S * S) for a square feature map of 6 channels, found (5, 3)',
    ],
    [
      layer('classifier', 5, FLAT),
      { pool: 'avg1' },
      'metadata pool is "avg1", expected "flatten", "avg", "max", or "avg2" for windows of 2 x 2',
    ],
    [
      { 'classifier.weight': [5, FLAT] },
      {},
      'not a VGG16: only part of the classifier, missing: "classifier.bias"',
    ],
    [
      { ...layer('classifier.0', 5, FLAT), 'classifier.1.running_mean': [5] },
      {},
      'not a VGG16: unknown tensors: "classifier.1.running_mean"',
    ],
    [
      { ...layer('classifier.0', 5, FLAT), 'classifier.1.weight': [1], ...layer('classifier.2', 4, 5) },
      {},
      '"classifier.1.weight", a PReLU as it looks, is not supported: only ReLU is, between dense layers',
    ],
    [
      { ...layer('classifier.6', 5, FLAT), ...layer('classifier.7', 4, 5) },
      {},
      '"classifier.7" follows "classifier.6" without a ReLU between, as their numbers tell: a head behind a head is not ' +
        'supported; put the new layer in the place of the old one, and train that',
    ],
    [
      { ...layer('classifier.0', 5, FLAT), 'classifier.1.weight': [5], 'classifier.1.bias': [5] },
      {},
      'tensor "classifier.1.weight": expected shape (O, 5), found (5,)',
    ],
    [
      { ...layer('classifier.0', 5, FLAT), ...layer('classifier.01', 5, 5) },
      {},
      'not a VGG16: unknown tensors: "classifier.01.weight", "classifier.01.bias"',
    ],
    [
      layer('classifier.99999', 5, FLAT),
      {},
      'not a VGG16: unknown tensors: "classifier.99999.weight", "classifier.99999.bias"',
    ],
    [
      layer('classifier.fc', 5, FLAT),
      {},
      'not a VGG16: unknown tensors: "classifier.fc.weight", "classifier.fc.bias"',
    ],
    [
      Object.assign(
        {},
        ...Array.from({ length: 17 }, (_, i) => layer(`classifier.${i}`, 5, i > 0 ? 5 : FLAT)),
      ),
      {},
      'the classifier has 17 dense layers; at most 16 are supported',
    ],
  ];

  test.each(FAULTS)('%j %j', async (tensors, metadata, fault) => {
    expect(faultOf(await withHead({ ...tensors }, metadata))).toBe(fault);
  });

  test('where timm’s is said to be averaged', async () => {
    const source = changed(await narrow({ naming: 'timm' }), {}, { pool: 'avg' });
    expect(faultOf(source)).toBe(
      'metadata pool is "avg", but "pre_logits.fc1.weight" of shape (7, 6, 2, 2) reads a flattened feature map',
    );
  });
});

describe('what is no VGG16', () => {
  const SHAPES: readonly (readonly [name: string, shape: readonly number[], expected: string])[] = [
    ['features.0.weight', [2, 1, 3, 3], '(O, 3, 3, 3)'],
    ['features.0.weight', [2, 4, 3, 3], '(O, 3, 3, 3)'],
    ['features.0.weight', [3, 3, 3, 2], '(O, 3, 3, 3)'],
    ['features.0.weight', [0, 3, 3, 3], '(O, 3, 3, 3)'],
    ['features.0.weight', [54], '(O, 3, 3, 3)'],
    ['features.0.weight', [2, 3, 3, 3, 1], '(O, 3, 3, 3)'],
    ['features.0.bias', [3], '(2,)'],
    ['features.0.bias', [2, 1], '(2,)'],
    ['features.14.weight', [4, 5, 3, 3], '(O, 4, 3, 3)'],
    ['features.24.weight', [6, 5, 1, 1], '(O, 5, 3, 3)'],
    ['classifier.0.weight', [7, 24, 1, 1], '(O, I)'],
    ['classifier.0.weight', [7, 0], '(O, I)'],
    ['classifier.0.weight', [7, 25], '(O, 6 * S * S) for a square feature map of 6 channels'],
    ['classifier.0.weight', [7, 12], '(O, 6 * S * S) for a square feature map of 6 channels'],
    ['classifier.3.weight', [7, 8], '(O, 7)'],
    ['classifier.6.weight', [4, 7, 1], '(O, 7)'],
    ['classifier.6.bias', [5], '(4,)'],
  ];

  test.each(SHAPES)('%s of shape %j', async (name, shape, expected) => {
    const source = changed(await narrow(), { [name]: shape });
    const found = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
    expect(faultOf(source)).toBe(`tensor "${name}": expected shape ${expected}, found ${found}`);
  });

  test.each([
    ['pre_logits.fc1.weight', [7, 6, 2, 3], '(O, 6, S, S)'],
    ['pre_logits.fc1.weight', [7, 5, 2, 2], '(O, 6, S, S)'],
    ['pre_logits.fc1.weight', [7, 24], '(O, 6, S, S)'],
    ['pre_logits.fc2.weight', [7, 7], '(O, 7, 1, 1)'],
    ['pre_logits.fc2.weight', [7, 7, 1, 2], '(O, 7, 1, 1)'],
  ])('timm’s %s of shape %j', async (name, shape, expected) => {
    const source = changed(await narrow({ naming: 'timm' }), { [name]: shape });
    expect(faultOf(source)).toBe(`tensor "${name}": expected shape ${expected}, found (${shape.join(', ')})`);
  });

  test('a missing tensor of the base', async () => {
    const source = changed(await narrow(), { 'features.28.bias': null });
    expect(faultOf(source)).toBe('not a VGG16: missing tensors of the base: "features.28.bias"');
  });

  test('a name that is nearly right: what is missing and what is unknown', async () => {
    const source = changed(await narrow(), { 'features.5.weight': null, 'features.6.weight': [3, 2, 3, 3] });
    expect(faultOf(source)).toBe(
      'not a VGG16: missing tensors of the base: "features.5.weight"; unknown tensors: "features.6.weight"',
    );
  });

  test('part of a top, in either naming', async () => {
    const torchvision = changed(await narrow(), { 'classifier.3.weight': null, 'classifier.3.bias': null });
    expect(faultOf(torchvision)).toBe(
      'not a VGG16: only part of the classifier, missing: "classifier.3.weight", "classifier.3.bias"',
    );
    const timm = changed(await narrow({ naming: 'timm' }), { 'head.fc.bias': null });
    expect(faultOf(timm)).toBe('not a VGG16: only part of the classifier, missing: "head.fc.bias"');
    const cut = changed(await narrow({ naming: 'timm' }), { 'head.fc.weight': null, 'head.fc.bias': null });
    expect(faultOf(cut)).toMatch(/^timm left its last layer out \(num_classes=0\)/);
  });

  test('two tops', async () => {
    const source = changed(await narrow(), { 'head.fc.weight': [4, 7], 'head.fc.bias': [4] });
    expect(faultOf(source)).toBe('not a VGG16: unknown tensors: "head.fc.weight", "head.fc.bias"');
  });

  test('many unknown names are counted, not listed', async () => {
    const extra = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`optimizer.${i}`, [1]]));
    expect(faultOf(changed(await narrow(), extra))).toBe(
      'not a VGG16: unknown tensors: "optimizer.0", "optimizer.1", "optimizer.2" and 27 more',
    );
  });

  test('VGG19 and VGG11, by their convolutions', async () => {
    const extra = {
      'features.30.weight': [6, 6, 3, 3],
      'features.32.weight': [6, 6, 3, 3],
      'features.34.weight': [6, 6, 3, 3],
    };
    expect(faultOf(changed(await narrow(), extra))).toBe(
      'this looks like VGG19: 16 convolutions where VGG16 has 13',
    );
    const fewer = Object.fromEntries([12, 14, 21, 24, 26, 28].map((i) => [`features.${i}.weight`, null]));
    expect(faultOf(changed(await narrow(), { ...fewer, 'features.3.weight': [2, 2, 3, 3] }))).toBe(
      'this looks like VGG11: 8 convolutions where VGG16 has 13',
    );
  });

  test('another network, and an empty file', async () => {
    const empty = { ...(await narrow()), path: 'other', tensors: new Map<string, TensorEntry>() };
    const expected = "not a VGG16 in torchvision's or timm's names (features.0.weight ...): it holds";
    expect(faultOf(empty)).toContain(`${expected} no tensor at all`);
    expect(faultOf(changed(empty, { 'conv1.weight': [64, 3, 7, 7] }, {}))).toBe(
      `${expected} "conv1.weight"; a model with names of its own is read from ONNX (torch.onnx.export)`,
    );
  });
});

describe('metadata', () => {
  test.each([
    ['caffe', 'caffe'],
    ['caffe (BGR, minus 103.939 116.779 123.68)', 'caffe'],
    ['torchvision', 'torchvision'],
    ['torchvision: /255, mean, std', 'torchvision'],
    ['unit (RGB, / 255)', 'unit'],
    ['signed (RGB, / 127.5, minus 1)', 'signed'],
  ])('preprocess %j is %s', async (said, expected) => {
    expect(describeVgg16(changed(await narrow(), {}, { preprocess: said })).preprocess).toBe(expected);
  });

  test.each(['', 'Caffe', 'caffeine', 'tf', 'torch'])('preprocess %j is refused', async (said) => {
    expect(faultOf(changed(await narrow(), {}, { preprocess: said }))).toBe(
      `metadata preprocess is "${said}", expected one of torchvision, caffe, unit, signed, raw at its start, or a recipe in numbers, as 'rgb / 255 - 0.5 / 0.25'; --preprocess (preprocess) says it instead`,
    );
  });

  test('classes are the names of the last dense layer’s outputs', async () => {
    const classes = ['ant', 'bee', 'cat', 'naïve 図'];
    const source = changed(await narrow(), {}, { classes: JSON.stringify(classes) });
    expect(describeVgg16(source).classes).toEqual(classes);
  });

  test.each([
    ['["a","b","c"]', 'has 3 names, but the classifier has 4 outputs'],
    ['["a","b","c",4]', 'is not a JSON list of names'],
    ['{"0":"a"}', 'is not a JSON list of names'],
    ['a,b,c,d', 'is not a JSON list of names'],
  ])('classes %j are refused', async (said, fault) => {
    expect(faultOf(changed(await narrow(), {}, { classes: said }))).toBe(`metadata classes ${fault}`);
  });

  test('classes without a classifier are refused', async () => {
    const source = changed(await narrow({ top: false }), {}, { classes: '["a"]' });
    expect(faultOf(source)).toBe('metadata classes names classes, but the file has no classifier');
  });
});
