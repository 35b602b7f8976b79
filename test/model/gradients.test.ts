// Gradients as users ask for them, against central differences of an independent float64 network.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPeerNetwork } from '../../src/bench/peers/read_network.js';
import type { PeerNetwork } from '../../src/bench/peers/tfjs.js';
import type { GradientOf } from '../../src/model/options.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { openWeights } from '../../src/node/weights/open.js';
import { seededRandom } from '../../src/random.js';
import { normalise } from '../../src/reference/normalise.js';
import { arithmeticOf } from '../../src/weights/preprocess.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { noise } from '../support/expected.js';
import { reference } from '../support/float64_vgg16.js';
import { useGpu } from '../support/gpu.js';
import { writeRandomVgg16 } from '../support/random_vgg16.js';

const gpu = useGpu();
const SIDE = 64;
const PICTURES = [noise(SIDE, SIDE, 1), noise(SIDE, SIDE, 2)];
const LABELS = [5, 2];
let folder: string;
let model: VGG16;
let network: PeerNetwork;
let x: Float64Array;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-gradients-'));
  const path = join(folder, 'narrow.safetensors');
  const widths = [4, 6, 8, 9, 12] as const;
  await writeRandomVgg16(path, { widths, hidden: 18, classes: 7, featureSide: 2, seed: 1 });
  model = await VGG16.load({ weights: path, gpu: gpu() });
  const source = await openWeights(path);
  const weights = describeVgg16(source);
  // In float64, so that a step may be small enough to meet no kink.
  const exact = <T extends { kernel: Float32Array; bias: Float32Array }>(layer: T) =>
    ({
      ...layer,
      kernel: Float64Array.from(layer.kernel),
      bias: Float64Array.from(layer.bias),
    }) as unknown as T;
  const { convs, dense } = await readPeerNetwork(weights);
  network = { convs: convs.map(exact), dense: dense.map(exact) };
  await source.close();
  x = Float64Array.from(
    PICTURES.flatMap(({ data }) => {
      const padded = normalise(data, { N: 1, H: SIDE, W: SIDE }, arithmeticOf(weights.preprocess));
      return Array.from(padded).filter((_, i) => i % 4 !== 3);
    }),
  );
});
afterAll(async () => {
  model?.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** In float64. */
function lossOf(of: GradientOf): number {
  const outputs = reference(network, x as unknown as Float32Array, [2, SIDE, SIDE]);
  if ('labels' in of) {
    const p = outputs.get('softmax')!;
    return -of.labels.reduce((sum, label, n) => sum + Math.log(p[n * 7 + label]!), 0) / of.labels.length;
  }
  const y = outputs.get(of.layer)!;
  const channels = of.layer === 'fc3' ? 7 : 9;
  return y.reduce((sum, value, i) => sum + (i % channels === of.channel ? value : 0), 0);
}

/** Central differences along a random direction of a part of the numbers. */
function along(
  values: ArrayLike<number>,
  of: GradientOf,
  seed: number,
): { direction: Float64Array; slope: number } {
  const random = seededRandom(seed);
  const changed = values as Float64Array;
  const direction = Float64Array.from(values, () => random.normal());
  const before = changed.slice();
  const h = 1e-7;
  const at = (step: number) => {
    changed.set(before.map((value, i) => value + step * direction[i]!));
    const result = lossOf(of);
    changed.set(before);
    return result;
  };
  return { direction, slope: (at(h) - at(-h)) / (2 * h) };
}

const dot = (a: ArrayLike<number>, b: Float64Array) => b.reduce((sum, value, i) => sum + value * a[i]!, 0);

const OF: readonly GradientOf[] = [
  { labels: LABELS },
  { layer: 'fc3', channel: 4 },
  { layer: 'block4_conv2', channel: 3 },
];

describe('gradients', () => {
  it.each(OF)('of %o by the input', async (of) => {
    const { data, shape } = (await model.gradients(PICTURES, { of, by: 'input' })).get('input')!;
    expect(shape).toEqual([2, SIDE, SIDE, 3]);
    const { direction, slope } = along(x, of, 3);
    expect(dot(data, direction) / slope).toBeCloseTo(1, 3);
  });

  it('of the loss by all parameters', async () => {
    const of = { labels: LABELS };
    const found = await model.gradients(PICTURES, { of, by: 'parameters' });
    expect([...found.keys()].length).toBe(2 * 16);
    for (const { layer, kernel, C, O } of network.convs) {
      const { data, shape } = found.get(`${layer}.kernel`)!;
      expect(shape).toEqual([3, 3, C, O]);
      const { direction, slope } = along(kernel, of, 4);
      // The float64 network's kernels are (O,C,3,3).
      const ours = Float64Array.from(direction, (_, i) => {
        const [o, c, tap] = [Math.floor(i / 9 / C), Math.floor(i / 9) % C, i % 9];
        return data[(tap * C + c) * O + o]!;
      });
      expect(Math.abs(dot(ours, direction) - slope), layer).toBeLessThan(1e-3 * Math.abs(slope) + 1e-5);
    }
    for (const { layer, bias } of [...network.convs, ...network.dense]) {
      const { direction, slope } = along(bias, of, 5);
      const { data } = found.get(`${layer}.bias`)!;
      expect(Math.abs(dot(data, direction) - slope), layer).toBeLessThan(1e-3 * Math.abs(slope) + 1e-5);
    }
  });

  it('by several layers at once are those by each alone, and not masked by a ReLU', async () => {
    const of = { layer: 'fc3', channel: 1 } as const;
    const by = ['block5_conv3', 'block3_conv2', 'block5_pool', 'input'] as const;
    const together = await model.gradients(PICTURES, { of, by });
    expect([...together.keys()].sort()).toEqual([...by].sort());
    for (const name of by) {
      const alone = (await model.gradients(PICTURES, { of, by: name })).get(name)!;
      expect(together.get(name)!.shape).toEqual(alone.shape);
      alone.data.forEach((value, i) => {
        expect(together.get(name)!.data[i]).toBeCloseTo(value, 4);
      });
    }
    // Where a ReLU gave 0, more would count all the same.
    const results = await model.forward(PICTURES, ['block3_conv2']);
    const zeros = results.get('block3_conv2')!;
    const gradient = together.get('block3_conv2')!.data;
    expect(gradient.some((value, i) => zeros[i] === 0 && value !== 0)).toBe(true);
  });

  it('of a network that is kept as f16 are those of its rounded weights', async () => {
    using half = await VGG16.load({
      ...{ weights: join(folder, 'narrow.safetensors'), gpu: gpu(), dtype: 'f16' },
    });
    const asked = { of: { labels: LABELS }, by: 'block2_pool' } as const;
    const [a, b] = [await model.gradients(PICTURES, asked), await half.gradients(PICTURES, asked)];
    const [full, rounded] = [a.get('block2_pool')!.data, b.get('block2_pool')!.data];
    const size = Math.sqrt(full.reduce((sum, value) => sum + value * value, 0));
    const off = Math.sqrt(full.reduce((sum, value, i) => sum + (value - rounded[i]!) ** 2, 0));
    expect(off / size).toBeLessThan(0.1);
  });

  it('frees what it took', async () => {
    const before = gpu().liveBuffers;
    await model.gradients(PICTURES, { of: { labels: LABELS }, by: ['parameters', 'input'] });
    expect(gpu().liveBuffers).toBe(before);
  });

  it.each([
    [{ of: { layer: 'fc3', channel: 7 }, by: 'input' }, 'channel 7 is none of the 7 of fc3'],
    [
      { of: { layer: 'softmax', channel: 1 }, by: 'input' },
      'the softmax has no gradients here; take those of fc3',
    ],
    [{ of: { labels: [1] }, by: 'input' }, '1 labels for 2 pictures'],
    [{ of: { labels: [1, 9] }, by: 'input' }, 'label 9 is none of the 7 classes'],
    [{ of: { layer: 'block2_pool', channel: 0 }, by: 'block4_conv1' }, 'block4_conv1 comes behind'],
    [{ of: { labels: LABELS }, by: [] }, 'gradients() needs to know by what'],
    [{ of: { labels: LABELS }, by: 'conv9' }, 'there is no layer "conv9"'],
  ])('refuses %o', async (options, message) => {
    await expect(model.gradients(PICTURES, options as never)).rejects.toThrow(message);
  });
});
