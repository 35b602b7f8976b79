import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../../src/errors.js';
import type { NodeToWrite } from '../../../src/node/weights/onnx_messages.js';
import { openWeights } from '../../../src/node/weights/open.js';
import { temporaryFolder, thrownBy, write } from '../files.js';
import { modelBytes, tensorBytes } from '../onnx_writer.js';

const folder = temporaryFolder();

type Attributes = NonNullable<NodeToWrite['attributes']>;

interface Layer {
  readonly op: string;
  readonly weights?: readonly (readonly [name: string, dims: readonly number[]])[];
  readonly attributes?: Attributes;
}

const conv = (attributes: Attributes = {}, inputs = 2): Layer => ({
  op: 'Conv',
  weights: [
    ['kernel', [2, inputs, 3, 3]],
    ['bias', [2]],
  ],
  attributes: { pads: [1, 1, 1, 1], ...attributes },
});
const relu: Layer = { op: 'Relu' };
const maxPool = (attributes: Attributes = {}): Layer => ({
  op: 'MaxPool',
  attributes: { kernel_shape: [2, 2], strides: [2, 2], ...attributes },
});
const gemm = (attributes: Attributes = {}): Layer => ({
  op: 'Gemm',
  weights: [
    ['kernel', [2, 2]],
    ['bias', [2]],
  ],
  attributes: { transB: 1, ...attributes },
});
const norm = (channels = 2): Layer => ({
  op: 'BatchNormalization',
  weights: ['gamma', 'beta', 'mean', 'variance'].map((name) => [name, [channels]] as const),
});
const flatten: Layer = { op: 'Flatten' };

const blocks = (counts: readonly number[]) =>
  counts.flatMap((count, b) => [
    ...Array.from({ length: count }, (_, i) => [conv({}, b + i === 0 ? 3 : 2), relu]).flat(),
    maxPool(),
  ]);
const BASE = blocks([2, 2, 3, 3, 3]);

function model(layers: readonly Layer[], output?: string, more: readonly NodeToWrite[] = []): string {
  const tensors: Buffer[] = [];
  let value = 'data';
  const nodes = layers.map(({ op, weights = [], attributes = {} }, i) => {
    const names = weights.map(([name, dims]) => {
      tensors.push(tensorBytes(`${name}${i}`, dims));
      return `${name}${i}`;
    });
    const node = { op, inputs: [value, ...names], output: `${op}${i}`, attributes };
    value = node.output;
    return node;
  });
  return write(folder, 'test.onnx', modelBytes([...nodes, ...more], tensors, output ?? value));
}

const faultOf = async (path: string) => {
  const error = await thrownBy(async () => (await openWeights(path)).close());
  expect(error).toBeInstanceOf(WeightsError);
  expect(error.message.startsWith(`${path}: `)).toBe(true);
  return error.message.slice(path.length + 2);
};

describe('a graph is a VGG16', () => {
  it.each<[string, readonly Layer[], Record<string, number>]>([
    ['without a top', BASE, { dense: 0 }],
    ['that ends with an average', [...BASE, { op: 'GlobalAveragePool' }], { dense: 0 }],
    ['with one dense layer', [...BASE, flatten, gemm()], { dense: 1 }],
    ['with four', [...BASE, flatten, gemm(), relu, gemm(), relu, gemm(), relu, gemm()], { dense: 4 }],
    [
      'averaged by ReduceMean',
      [...BASE, { op: 'ReduceMean', attributes: { axes: [-2, -1], keepdims: 0 } }, gemm()],
      { dense: 1 },
    ],
    [
      'padded SAME',
      [conv({ pads: [0, 0, 0, 0], auto_pad: 'SAME_UPPER' }, 3), ...BASE.slice(1)],
      { dense: 0 },
    ],
    [
      'whose dense layer has no bias',
      [...BASE, flatten, { op: 'MatMul', weights: [['k', [2, 2]]] }],
      { dense: 1 },
    ],
    [
      'with batch normalisation, whole and taken apart',
      [
        ...[conv({}, 3), norm(), relu, ...BASE.slice(2), norm(), flatten],
        ...[gemm(), norm(), relu, norm(), gemm(), { op: 'Add', weights: [['b', [2]]] as const }],
      ],
      { dense: 2 },
    ],
    [
      'with what changes nothing',
      [{ op: 'Identity' }, { op: 'Cast' }, ...BASE, flatten, { op: 'Dropout' }, gemm(), { op: 'Softmax' }],
      { dense: 1 },
    ],
  ])('%s', async (_, layers, { dense }) => {
    const source = await openWeights(model(layers));
    expect(source.tensors.size).toBe(26 + 2 * dense!);
    await source.close();
  });
});

describe('refused, with the node:', () => {
  const replaced = (at: number, ...layers: Layer[]) => BASE.toSpliced(at, 1, ...layers);
  it.each<[string, readonly Layer[], RegExp]>([
    [
      'VGG11',
      blocks([1, 1, 2, 2, 2]),
      /convolutions before each pooling: 1, 1, 2, 2, 2, VGG16's are 2, 2, 3, 3, 3/,
    ],
    ['VGG19', blocks([2, 2, 4, 4, 4]), /2, 2, 4, 4, 4/],
    ['no network', [{ op: 'Identity' }], /before each pooling: none/],
    [
      'batch normalisation behind a ReLU, in front of a convolution',
      replaced(1, relu, norm()),
      /node "BatchNormalization2_node", BatchNormalization: a normalisation between a ReLU and the next convolution/,
    ],
    [
      'batch normalisation without its numbers',
      replaced(1, { op: 'BatchNormalization' }, relu),
      /"" is not stored/,
    ],
    [
      'batch normalisation of other channels',
      replaced(1, norm(5), relu),
      /tensor "mean1": a normalisation of 5 channels beside it, expected 2/,
    ],
    [
      'batch normalisation that no dense layer follows',
      [...BASE, flatten, gemm(), relu, norm(), { op: 'Softmax' }],
      /"Softmax35_node", Softmax: a normalisation, .* that no dense layer follows/,
    ],
    [
      'a product of a map',
      replaced(1, { op: 'Mul', weights: [['a', [1]]] }, relu),
      /Mul: no VGG16 has this operation/,
    ],
    ['quantised layers', [{ op: 'QLinearConv' }, ...BASE], /quantised networks are not supported/],
    ['quantised input', [{ op: 'QuantizeLinear' }, ...BASE], /quantised networks are not supported/],
    ['preprocessing', [{ op: 'Div' }, ...BASE], /"Div0_node", Div: .*prepares the picture/],
    [
      'another activation',
      replaced(1, { op: 'LeakyRelu' }),
      /"LeakyRelu1_node", LeakyRelu: no VGG16 has this operation/,
    ],
    ['a convolution without ReLU', BASE.toSpliced(1, 1), /Conv: |"Conv1_node", Conv is out of place/],
    ['strides', replaced(0, conv({ strides: [2, 2] }, 3)), /strides is 2, 2, VGG16's is 1, 1/],
    ['groups', replaced(0, conv({ group: 3 }, 3)), /group is 3, VGG16's is 1/],
    ['dilations', replaced(0, conv({ dilations: [2, 2] }, 3)), /dilations is 2, 2/],
    ['uneven borders', replaced(0, conv({ pads: [0, 0, 1, 1] }, 3)), /pads is 0, 0, 1, 1/],
    [
      'no borders',
      replaced(0, conv({ pads: [0, 0, 0, 0] }, 3)),
      /a kernel of 3 x 3, VGG16's are 3 x 3 with a border/,
    ],
    [
      'larger pooling',
      replaced(4, maxPool({ kernel_shape: [3, 3] })),
      /kernel_shape is 3, 3, VGG16's is 2, 2/,
    ],
    ['overlapping pooling', replaced(4, maxPool({ strides: [1, 1] })), /strides is 1, 1/],
    ['pooling that rounds up', replaced(4, maxPool({ ceil_mode: 1 })), /ceil_mode is 1/],
    [
      'averages of windows that overlap',
      [...BASE, { op: 'AveragePool', attributes: { kernel_shape: [2, 2] } }],
      /AveragePool: windows that are not square, or overlap, or have a border/,
    ],
    ['a dense layer on a map', [...BASE, gemm()], /neither flattened nor averaged/],
    ['a scaled dense layer', [...BASE, flatten, gemm({ transA: 1 })], /transA is 1/],
    [
      'a bias of another size',
      [...BASE, flatten, { op: 'MatMul', weights: [['k', [2, 2]]] }, { op: 'Add', weights: [['b', [3]]] }],
      /expected a bias of 2 numbers, found shape \(3,\)/,
    ],
    [
      'two dense layers without ReLU',
      [...BASE, flatten, gemm(), gemm()],
      /"Gemm33_node", Gemm is out of place/,
    ],
    ['a ReLU at the end', [...BASE, flatten, gemm(), relu], /it ends with a ReLU/],
    [
      'a first dense layer that fits no square map',
      [
        ...BASE,
        flatten,
        {
          ...gemm(),
          weights: [
            ['kernel', [2, 6]],
            ['bias', [2]],
          ],
        },
      ],
      /"kernel32": expected shape \(O, 2 \* S \* S\) for a square feature map of 2 channels, found \(2, 6\)/,
    ],
    ['Softmax in the middle', [...BASE, flatten, gemm(), { op: 'Softmax' }, gemm()], /Gemm is out of place/],
    [
      'other axes exchanged',
      [...BASE, { op: 'Transpose', attributes: { perm: [0, 1, 3, 2] } }],
      /perm 0,1,3,2/,
    ],
    ['another average', [...BASE, { op: 'ReduceMean', attributes: { axes: [1] } }], /reduces other axes/],
    ['flattening at another axis', [...BASE, { op: 'Flatten', attributes: { axis: 2 } }], /axis is 2/],
    [
      'weights that are computed',
      [{ op: 'Conv', attributes: { pads: [1, 1, 1, 1] } }],
      /its weights "" are not stored/,
    ],
  ])('%s', async (_, layers, expected) => {
    expect(await faultOf(model(layers))).toMatch(expected);
  });

  it('a sum of one', async () => {
    const layers: Layer[] = [...BASE, flatten, { op: 'MatMul', weights: [['k', [2, 2]]] }, { op: 'Add' }];
    expect(await faultOf(model(layers))).toMatch(/Add: its bias "" is not stored/);
  });

  it('a picture that is no first input', async () => {
    const node = { op: 'Relu', inputs: ['', 'Conv0'], output: 'second' };
    expect(await faultOf(model([BASE[0]!], 'second', [node]))).toMatch(/the picture is not its first input/);
  });

  it('a branch', async () => {
    const branch = [{ op: 'Relu', inputs: ['Conv0'], output: 'second' }];
    expect(await faultOf(model(BASE, undefined, branch))).toMatch(
      /"second_node", Relu: the graph branches here/,
    );
  });

  it('an output that the picture does not lead to', async () => {
    expect(await faultOf(model(BASE, 'elsewhere'))).toMatch(
      /which is no output of the graph \("elsewhere"\)/,
    );
  });
});
