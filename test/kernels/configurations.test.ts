// Every kernel at VGG16's own sizes, through its launcher, on Dawn's null backend: the whole WGSL compiler and all limits, and
// nothing is computed.

import { afterEach, describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { avgPool } from '../../src/kernels/avgpool/avgpool.js';
import { conv3x3 } from '../../src/kernels/conv3x3/conv3x3.js';
import { CONV3X3_RUNGS, type Conv3x3Rung, isWinograd, pointsOf } from '../../src/kernels/conv3x3/rungs.js';
import { matrixTiling } from '../../src/kernels/conv3x3/subgroup_matrix.js';
import { winogradFilter } from '../../src/kernels/conv3x3/winograd.js';
import {
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
} from '../../src/kernels/linear/backward.js';
import { LINEAR_RUNGS, type LinearRung, linear } from '../../src/kernels/linear/linear.js';
import { maxPool2x2 } from '../../src/kernels/maxpool2x2/maxpool2x2.js';
import { type PackArguments, pack } from '../../src/kernels/pack/pack.js';
import { padToQuad } from '../../src/kernels/shapes.js';
import { softmax } from '../../src/kernels/softmax/softmax.js';
import { VIEW_WORDS, warp } from '../../src/kernels/warp/warp.js';
import { weightStorage } from '../../src/kernels/weight_storage.js';
import { PAPER_WIDTHS, planLayers } from '../../src/network/layers.js';
import { useGpu } from '../support/gpu.js';
import { recorded } from '../support/kernel.js';
import { withStorages } from './cases.js';
import { type PackSizes, torchBox } from './pack_boxes.js';

const gpu = useGpu({ adapter: 'null' });
const LAYERS = planLayers(PAPER_WIDTHS, 224, 224, 'softmax');
const inQuads = (shape: readonly number[]) => [...shape.slice(0, -1), padToQuad(shape.at(-1)!)];

const DIRECT = CONV3X3_RUNGS.filter((rung) => !isWinograd(rung));
/** Pixels and channels that a workgroup owns; 16 x 16 where nothing is said. */
const TILES: Partial<Record<Conv3x3Rung, [BM: number, BN: number]>> = {
  '03_register_blocked': [64, 64],
  '04_vec4': [128, 4],
  '07_subgroup_matrix': [128, 64],
};
const tileOf = (rung: Conv3x3Rung) => TILES[rung] ?? [16, 16];
/** 07 has no use for weights that are not f16. */
const DIRECT_STORAGES = withStorages(DIRECT).filter(
  ({ rung, weights }) => rung !== '07_subgroup_matrix' || weights === 'f16',
);
describe.each(DIRECT_STORAGES)('conv3x3/$rung, weights as $weights', ({ rung, weights, dtype, without }) => {
  const gpu = useGpu({ adapter: 'null', without });
  const convs = LAYERS.filter(({ operation }) => operation === 'conv3x3');
  it.each(convs)('$name, with and without ReLU', async ({ name: label, inputShape, shape }) => {
    const O = shape[2]!;
    using x = await Tensor.create(gpu(), 'x', [1, ...inQuads(inputShape)]);
    using k = await Tensor.create(gpu(), 'k', [3, 3, padToQuad(inputShape[2]!), O], dtype);
    expect(weightStorage(k)).toBe(weights);
    using b = await Tensor.create(gpu(), 'b', [O]);
    using y = await Tensor.create(gpu(), 'y', [1, ...shape]);
    for (const relu of [true, false]) {
      const [dispatch] = await recorded(gpu(), (recorder) =>
        conv3x3(recorder, { label, x, k, b, y, relu, rung }),
      );
      const [columns, rows, more] = dispatch!.workgroups;
      const [BM, BN] = tileOf(rung);
      expect(columns * BN).toBeGreaterThanOrEqual(O);
      expect(rows * more * BM).toBeGreaterThanOrEqual(shape[0]! * shape[1]!);
    }
  });

  it('spreads more rows than one dimension of workgroups reaches', async () => {
    // Rungs 01 and 02 own 16 rows a workgroup: 65535 of them end at a picture of 1024 x 1023 pixels. 07 owns 128, and one
    // workgroup more than that many is all that can be bound; 04 owns 32 strips, of which that picture has two a row.
    const [BM] = tileOf(rung);
    const [H, W] = { 16: [1030, 1030], 64: [2049, 2049], 128: [2 ** 20, 8] }[BM] as [number, number];
    using x = await Tensor.create(gpu(), 'x', [1, H, W, 4]);
    using k = await Tensor.create(gpu(), 'k', [3, 3, 4, 4], dtype);
    using b = await Tensor.create(gpu(), 'b', [4]);
    const y = x.view('y', x.shape);
    const [dispatch] = await recorded(gpu(), (recorder) =>
      conv3x3(recorder, { label: 'wide', x, k, b, y, relu: true, rung }),
    );
    const [, rows, more] = dispatch!.workgroups;
    expect(more).toBe(2);
    expect(rows * more * BM).toBeGreaterThanOrEqual(H * W);
  });
});

describe.each([
  { product: '16x16x16', maxSubgroup: 32 },
  { product: '16x16x16', maxSubgroup: 64 },
  { product: '16x8x16', maxSubgroup: 32 },
  { product: '8x16x16', maxSubgroup: 32 },
  { product: '16x8x8', maxSubgroup: 32 },
  { product: '8x8x8', maxSubgroup: 32 },
])('conv3x3/07_subgroup_matrix of $product, subgroups of $maxSubgroup', ({ product, maxSubgroup }) => {
  const convs = LAYERS.filter(({ operation }) => operation === 'conv3x3');
  it.each(convs)('$name', async ({ name: label, inputShape, shape }) => {
    const [M, N, K] = product.split('x').map(Number) as [number, number, number];
    const config = { componentType: 'f16', resultComponentType: 'f32', M, N, K };
    const card = { info: { ...gpu().info, isSoftware: false, maxSubgroup }, limits: gpu().limits };
    using x = await Tensor.create(gpu(), 'x', [1, ...inQuads(inputShape)]);
    using k = await Tensor.create(gpu(), 'k', [3, 3, padToQuad(inputShape[2]!), shape[2]!], 'f16');
    using b = await Tensor.create(gpu(), 'b', [shape[2]!]);
    using y = await Tensor.create(gpu(), 'y', [1, ...shape]);
    const args = { label, x, k, b, y, relu: true, rung: '07_subgroup_matrix' } as const;
    const [dispatch] = await recorded(gpu(), (recorder) =>
      conv3x3(recorder, { ...args, tiling: matrixTiling(card, config) }),
    );
    expect(dispatch!.workgroups).toEqual([shape[2]! / 64, Math.ceil((shape[0]! * shape[1]!) / 128), 1]);
  });
});

describe.each(CONV3X3_RUNGS.filter(isWinograd))('conv3x3/%s', (rung) => {
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });
  const isChunk = ({ label }: Tensor) => label.endsWith('chunk of tiles');
  const convs = LAYERS.filter(({ operation }) => operation === 'conv3x3');
  it.each(convs)('$name, with and without ReLU and pooling, three pictures', async (layer) => {
    const { name: label, inputShape, shape } = layer;
    const [H, W, O] = shape as [number, number, number];
    const C = padToQuad(inputShape[2]!);
    using k = await Tensor.create(gpu(), 'k', [pointsOf(rung), C, O]);
    using b = await Tensor.create(gpu(), 'b', [O]);
    using x = await Tensor.create(gpu(), 'x', [3, H, W, C]);
    using y = await Tensor.create(gpu(), 'y', [3, H, W, O]);
    for (const [relu, pool] of [
      [true, false],
      [true, true],
      [false, false],
    ] as const) {
      const to = pool ? y.view('pooled', [3, H / 2, W / 2, O]) : y;
      const args = { label, x, k, b, y: to, relu, pool, rung };
      const dispatches = await recorded(gpu(), (recorder) => conv3x3(recorder, args));
      const chunks = new Set(dispatches.map(({ tensors }) => tensors.find(isChunk)));
      expect(dispatches.length).toBe(3 * chunks.size);
      // Whatever the picture and the batch: a part of v and m for each binding.
      const scratch = [dispatches[0]!.tensors[2]!, dispatches[1]!.tensors[3]!].map(({ memory }) => memory);
      expect(scratch.map(({ label }) => label)).toEqual([`${label} transformed input`, `${label} products`]);
      for (const { byteLength } of scratch) expect(byteLength).toBeLessThan(40 * 2 ** 20);
    }
  });
});

describe('conv3x3/05_winograd_4x4', () => {
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });
  it('gives one error, which can be caught, where several chunks need a binding that is too large', async () => {
    using x = await Tensor.create(gpu(), 'x', [1, 800, 800, 4]);
    using k = await Tensor.create(gpu(), 'k', [36, 4, 64]);
    using b = await Tensor.create(gpu(), 'b', [64]);
    using y = await Tensor.create(gpu(), 'y', [1, 800, 800, 64]);
    const args = { label: 'layer', x, k, b, y, relu: true, rung: '05_winograd_4x4' } as const;
    expect(() => conv3x3(new Recorder(gpu(), 'test'), args)).toThrow('layer: y needs a binding of 156 MiB');
  });
});

describe.each(withStorages(CONV3X3_RUNGS.filter(isWinograd)))(
  "conv3x3/$rung's filter, from weights as $weights",
  ({ rung, weights, dtype, without }) => {
    const gpu = useGpu({ adapter: 'null', without });
    it('is made of any kernel', async () => {
      using k = await Tensor.create(gpu(), 'k', [3, 3, 12, 20], dtype);
      expect(weightStorage(k)).toBe(weights);
      using u = await Tensor.create(gpu(), 'u', [pointsOf(rung), 12, 20]);
      const [dispatch] = await recorded(gpu(), (recorder) =>
        winogradFilter(recorder, { label: 'conv', k, u, rung }),
      );
      expect(dispatch!.workgroups).toEqual([4, 1, 1]);
      using small = await Tensor.create(gpu(), 'u', [pointsOf(rung), 12, 16]);
      expect(() => winogradFilter(new Recorder(gpu(), 'test'), { label: 'conv', k, u: small, rung })).toThrow(
        `conv: u is (${pointsOf(rung)},12,16), expected (${pointsOf(rung)},12,20)`,
      );
    });
  },
);

const LINEAR_BATCHES: Readonly<Record<LinearRung, readonly number[]>> = {
  '01_naive': [1, 16],
  '02_tiled': [1, 16],
  '03_gemv': [1, 2, 3, 4, 5, 6, 7, 8],
  '04_register_blocked': [9, 32, 256],
  '05_subgroup': [9, 32, 256],
};
const LINEAR = withStorages(Object.keys(LINEAR_RUNGS) as LinearRung[]);
describe.each(LINEAR)('linear/$rung, weights as $weights', ({ rung, weights, dtype, without }) => {
  const gpu = useGpu({ adapter: 'null', without });
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });
  const dense = LAYERS.filter(({ operation }) => operation === 'linear');
  it.each(dense)('$name, the batches it is for', async ({ name: label, inputShape, shape }) => {
    const D = inputShape.reduce((product, side) => product * side, 1);
    const O = shape[0]!;
    // One piece's memory serves for all: nothing is computed.
    const columns = Math.min(O, 1024);
    using k = await Tensor.create(gpu(), 'k', [D, columns], dtype);
    expect(weightStorage(k)).toBe(weights);
    const pieces = Array.from({ length: O / columns }, (_, i) => ({ first: i * columns, k }));
    using b = await Tensor.create(gpu(), 'b', [O]);
    for (const N of LINEAR_BATCHES[rung]) {
      using x = await Tensor.create(gpu(), 'x', [N, D]);
      using y = await Tensor.create(gpu(), 'y', [N, O]);
      const dispatches = await recorded(gpu(), (recorder) =>
        linear(recorder, { label, x, pieces, b, y, relu: N > 1, rung }),
      );
      expect(dispatches.length).toBe(pieces.length + LINEAR_RUNGS[rung].length - 1);
    }
  });
});

describe('linear, backward', () => {
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });
  const heads = [
    { head: 'fc1 of an mlp', N: 32, D: 25088, O: 256, columns: 256 },
    { head: 'fc2 of an mlp', N: 32, D: 256, O: 12, columns: 12 },
    { head: 'fc1 of fc, in pieces', N: 32, D: 25088, O: 4096, columns: 1024 },
    { head: 'fc2 of fc', N: 256, D: 4096, O: 4096, columns: 4096 },
    { head: 'a linear head on block1_pool', N: 9, D: 802816, O: 4, columns: 4 },
  ];
  it.each(heads)('$head: $N x $D -> $O', async ({ N, D, O, columns }) => {
    const label = 'fc';
    // One piece's memory serves for all, and for weights and gradients: nothing is computed.
    using k = await Tensor.create(gpu(), 'k', [D, columns]);
    const pieces = Array.from({ length: O / columns }, (_, i) => ({ first: i * columns, k }));
    using x = await Tensor.create(gpu(), 'x', [N, D]);
    using dx = await Tensor.create(gpu(), 'dx', [N, D]);
    using dy = await Tensor.create(gpu(), 'dy', [N, O]);
    using db = await Tensor.create(gpu(), 'db', [O]);
    const byInput = await recorded(gpu(), (recorder) =>
      linearBackwardInput(recorder, { label, dy, pieces, dx }),
    );
    const byKernel = await recorded(gpu(), (recorder) =>
      linearBackwardKernel(recorder, { label, x, dy, pieces }),
    );
    const byBias = await recorded(gpu(), (recorder) => linearBackwardBias(recorder, { label, dy, db }));
    expect(byBias.length).toBe(1);
    for (const dispatches of [byInput, byKernel]) {
      expect(dispatches.length).toBe(pieces.length);
      // Without scratch.
      const bound = dispatches.flatMap(({ tensors }) => tensors);
      expect(bound.filter((tensor) => ![x, dx, dy, k].includes(tensor))).toEqual([]);
    }
    const [depths, more, rows] = byInput[0]!.workgroups;
    expect(depths * more * 8).toBeGreaterThanOrEqual(D);
    expect(rows * 32).toBeGreaterThanOrEqual(N);
  });
});

describe('avgpool', () => {
  const poolings = LAYERS.filter(({ operation }) => operation === 'maxpool2x2');
  it.each(poolings)('of what $name makes and of what it reads, batches 1 and 64', async (layer) => {
    for (const shape of [layer.inputShape, layer.shape]) {
      const [H, W, C] = shape as [number, number, number];
      for (const N of H <= 14 ? [1, 64] : [1]) {
        using x = await Tensor.create(gpu(), 'x', [N, H, W, C]);
        using y = await Tensor.create(gpu(), 'y', [N, C]);
        const [dispatch] = await recorded(gpu(), (recorder) => avgPool(recorder, { label: 'mean', x, y }));
        expect(dispatch!.workgroups).toEqual([C / 16, N, 1]);
      }
    }
  });

  it('refuses what does not fit', async () => {
    using x = await Tensor.create(gpu(), 'x', [2, 3, 3, 8]);
    using y = await Tensor.create(gpu(), 'y', [2, 4]);
    expect(() => avgPool(new Recorder(gpu(), 'test'), { label: 'mean', x, y })).toThrow(
      'y is (2,4), expected (2,8)',
    );
    const flat = () => avgPool(new Recorder(gpu(), 'test'), { label: 'mean', x: y, y });
    expect(flat).toThrow('y is (2,4), expected 4 sides');
  });
});

describe('warp', () => {
  it.each([
    { size: 224, N: 8 },
    { size: 33, N: 1 },
    { size: 2048, N: 2 },
  ])('$N views of $size px', async ({ size, N }) => {
    using pixels = await Tensor.create(gpu(), 'pixels', [size * size * 3]);
    using views = await Tensor.create(gpu(), 'views', [N, VIEW_WORDS]);
    using y = await Tensor.create(gpu(), 'y', [Math.ceil((N * size * size * 3) / 4)]);
    const [dispatch] = await recorded(gpu(), (recorder) =>
      warp(recorder, { label: 'warp', pixels, views, y, size }),
    );
    const [columns, rows] = dispatch!.workgroups;
    expect(columns * rows * 64 * 4).toBeGreaterThanOrEqual(N * size * size);
  });
});

describe('the others', () => {
  it('compile, and refuse what does not fit', async () => {
    using x = await Tensor.create(gpu(), 'x', [2, 224, 224, 64]);
    using y = await Tensor.create(gpu(), 'y', [2, 112, 112, 64]);
    expect((await recorded(gpu(), (recorder) => maxPool2x2(recorder, { label: 'pool', x, y }))).length).toBe(
      1,
    );
    const flat = x.view('row', [1, 1, 8, 4]);
    expect(() => maxPool2x2(new Recorder(gpu(), 'test'), { label: 'pool', x: flat, y: flat })).toThrow(
      'too small for a 2x2 window',
    );

    const scores = x.view('scores', [2, 8]);
    expect(
      (
        await recorded(gpu(), (recorder) =>
          softmax(recorder, { label: 'softmax', x: scores, y: scores, classes: 7 }),
        )
      ).length,
    ).toBe(1);
    const nine = () =>
      softmax(new Recorder(gpu(), 'test'), { label: 'softmax', x: scores, y: scores, classes: 9 });
    expect(nine).toThrow('9 classes do not fit into 8 columns');

    using k = await Tensor.create(gpu(), 'k', [9, 4, 8]);
    using source = await Tensor.create(gpu(), 'file', [6 * 3 * 9]);
    const sizes = { rows: 6, sourceC: 3, space: 9, C: 4, columns: 8, first: 2 };
    const form = { label: 'conv', source, k };
    for (const dtype of ['F32', 'F16', 'BF16'] as const) {
      const packed = await recorded(gpu(), (recorder) =>
        pack(recorder, { ...form, dtype, box: torchBox(sizes) }),
      );
      expect(packed).toHaveLength(1);
    }
    const recording = (args: Partial<PackArguments>, changed: Partial<PackSizes>) => () =>
      pack(new Recorder(gpu(), 'test'), {
        ...{ ...form, dtype: 'F32', ...args },
        box: torchBox({ ...sizes, ...changed }),
      });
    expect(recording({}, { first: 3 })).toThrow('conv: a box of 6 x 9 x 3 x 1 from 3 does not fit into k');
    expect(recording({}, { rows: 7, first: 0 })).toThrow('file has 162 words, expected 189');
    using half = await Tensor.create(gpu(), 'k', [9, 4, 8], 'f16');
    const box = torchBox({ ...sizes, rows: 5 });
    for (const dtype of ['F32', 'F16', 'BF16'] as const) {
      const packed = await recorded(gpu(), (recorder) => pack(recorder, { ...form, k: half, dtype, box }));
      expect(packed).toHaveLength(1);
    }
    expect(recording({ k: half }, { rows: 5, first: 3 })).toThrow(
      'conv: 3, 32, 8, 0 are no whole words of k, which is f16',
    );
  });
});
