// One layer alone: the check that every engine has to pass, and our own kernels behind it.

import { describe, expect, it } from 'vitest';
import { layerTask, plannedLayers } from '../../src/bench/layer_task.js';
import { layerTurns } from '../../src/bench/layers.js';
import { ourLayer } from '../../src/bench/our_layer.js';
import { randomNetwork } from '../../src/bench/random_network.js';
import { GpuError } from '../../src/errors.js';
import { planLayers, type Widths } from '../../src/network/layers.js';
import { conv3x3 } from '../../src/reference/conv3x3.js';
import { useGpu } from '../support/gpu.js';

const SIZES = { widths: [4, 8, 16, 20, 32], hidden: 12, classes: 5, featureSide: 2 };
const network = randomNetwork(SIZES, { seed: 5, top: true });
const widths: Widths = {
  convs: new Map(network.convs.map(({ layer, O }) => [layer, O])),
  dense: new Map(network.dense.map(({ layer, outputs }) => [layer as 'fc1', outputs])),
  activation: 'softmax',
  pool: 'flatten',
  featureSide: 2,
  features: 'block5_pool',
  size: 64,
};
const LAYERS = planLayers(widths, 64, 64, 'softmax');
/** Float32 sums; a wrong tap, channel or picture gives a hundredth and more. */
const MAX_NMSE = 1e-11;

describe('the layers for pictures of a size', () => {
  it('are those of the paper', () => {
    const layers = plannedLayers(96);
    expect(layers.length).toBe(22);
    expect(layers.find(({ name }) => name === 'fc1')!.inputShape).toEqual([3, 3, 512]);
  });
});

describe('the check of a layer', () => {
  const layer = LAYERS.find(({ name }) => name === 'block1_conv2')!;
  const task = layerTask(layer, network, 2);
  const [H, W, C] = layer.inputShape as [number, number, number];
  const right = Float32Array.from(conv3x3(task.x, task.k, task.b, { N: 2, H, W, C, O: 4 }, true));

  it('lets pass what float64 computes, rounded', () => {
    expect(task.errorOf(right)).toBeLessThan(1e-14);
  });

  it('sees pictures that changed places, a corner that is off, what is missing and what is no number', () => {
    const half = right.length / 2;
    const turned = Float32Array.from([...right.subarray(half), ...right.subarray(0, half)]);
    expect(task.errorOf(turned)).toBeGreaterThan(1e-2);
    const corner = Float32Array.from(right);
    corner.fill(5, right.length - 4);
    expect(task.errorOf(corner)).toBeGreaterThan(1e-4);
    expect(task.errorOf(right.subarray(1))).toBeNaN();
    const hole = Float32Array.from(right);
    hole[half + 17] = Number.NaN;
    expect(task.errorOf(hole)).toBeNaN();
  });
});

describe('our layers', () => {
  const gpu = useGpu();

  it.each(LAYERS)('$name is right for two pictures', async (layer) => {
    const task = layerTask(layer, network, 2);
    const ready = await ourLayer(gpu(), task);
    await ready.compute(3);
    expect(task.errorOf(await ready.run())).toBeLessThan(MAX_NMSE);
    ready.dispose();
    expect(gpu().liveBuffers).toBe(0);
  });

  it('that are wrong are told by their error, and those that cannot run by a reason', async () => {
    const task = layerTask(LAYERS.find(({ name }) => name === 'fc2')!, network, 1);
    const wrong = async () => {
      const ready = await ourLayer(gpu(), task);
      return { ...ready, run: async () => (await ready.run()).map((value) => value + 1) };
    };
    const refused = async () => {
      throw new GpuError('fc2: not here');
    };
    const engines = [
      ['right', () => ourLayer(gpu(), task, { rungs: { linear: '01_naive' } })],
      ['wrong', wrong],
      ['refused', refused],
    ] as const;
    const { results, leftOut } = await layerTurns(task, engines, 64, { rounds: 2, maxSeconds: 10 });
    expect(results.map(({ engine, scope, rounds }) => [engine, scope, rounds])).toEqual([
      ['right', 'fc2', 2],
      ['wrong', 'fc2', 2],
    ]);
    expect(results[0]!.nmse).toBeLessThan(MAX_NMSE);
    expect(results[1]!.nmse).toBeGreaterThan(1e-2);
    expect(results[0]!.flops).toBe(2 * 12 * 12);
    const about = { engine: 'refused', scope: 'fc2', batch: 1, kind: 'failed' };
    expect(leftOut).toEqual([{ ...about, reason: 'fc2: not here' }]);
    expect(gpu().liveBuffers).toBe(0);
  });
});
