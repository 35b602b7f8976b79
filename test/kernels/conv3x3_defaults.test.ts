// What is chosen without a tuner, on each kind of adapter: rungs for layers, scratch for Winograd's passes.

import { afterEach, describe, expect, it } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { defaultConv3x3 } from '../../src/kernels/conv3x3/candidates.js';
import { conv3x3 } from '../../src/kernels/conv3x3/conv3x3.js';
import { bestRung, defaultScratchBytes, fmasPerTile } from '../../src/kernels/conv3x3/defaults.js';
import { isWinograd, pointsOf } from '../../src/kernels/conv3x3/rungs.js';
import { chunksOf } from '../../src/kernels/conv3x3/winograd.js';
import { convShapeOf } from '../../src/network/build.js';
import { PAPER_WIDTHS, planLayers } from '../../src/network/layers.js';
import { useGpu } from '../support/gpu.js';
import { recorded } from '../support/kernel.js';

/** As `Gpu` would tell of an adapter that this machine does not have. */
function adapterLike(isSoftware: boolean, minSubgroup: number): Gpu {
  const limits = { maxStorageBufferBindingSize: 2 ** 31, maxBufferSize: 2 ** 31 };
  return {
    info: { isSoftware, minSubgroup, source: 'system' },
    features: new Set(),
    limits,
  } as unknown as Gpu;
}

const ADAPTERS = {
  'lavapipe, subgroups of 8': adapterLike(true, 8),
  'SwiftShader, subgroups of 4': adapterLike(true, 4),
  'a card, subgroups of 32': adapterLike(false, 32),
  'a card without subgroups': adapterLike(false, 0),
};

/** VGG16's thirteen. */
const layersAt = (side: number) =>
  planLayers(PAPER_WIDTHS, side, side, 'block5_pool').filter(({ operation }) => operation === 'conv3x3');
const LAYERS = layersAt(224);

describe('the default rung', () => {
  it.each([
    { adapter: 'lavapipe, subgroups of 8', first: '06_subgroup', others: '06_subgroup', narrow: '04_vec4' },
    {
      adapter: 'SwiftShader, subgroups of 4',
      first: '05_winograd_4x4',
      others: '05_winograd_4x4',
      narrow: '04_vec4',
    },
    {
      adapter: 'a card, subgroups of 32',
      first: '03_register_blocked',
      others: '05_winograd_4x4',
      narrow: '03_register_blocked',
    },
    {
      adapter: 'a card without subgroups',
      first: '03_register_blocked',
      others: '05_winograd_4x4',
      narrow: '03_register_blocked',
    },
  ] as const)(
    'on $adapter: $first for block1_conv1, $others after it',
    ({ adapter, first, others, narrow }) => {
      const gpu = ADAPTERS[adapter];
      const rungs = LAYERS.map((layer) => bestRung(gpu, convShapeOf(layer, 1)));
      expect(rungs).toEqual([first, ...Array(12).fill(others)]);
      expect(bestRung(gpu, { C: 512, O: 4 })).toBe(narrow);
    },
  );

  it('takes Winograd only where both sides are wide enough', () => {
    const isWinogradAt = (C: number, O: number) =>
      isWinograd(bestRung(ADAPTERS['a card, subgroups of 32'], { C, O }));
    expect([4, 8, 512].map((C) => isWinogradAt(C, 64))).toEqual([false, true, true]);
    expect([4, 8, 512].map((O) => isWinogradAt(64, O))).toEqual([false, true, true]);
    expect([4, 16, 512].map((O) => isWinogradAt(4, O))).toEqual([false, false, false]);
  });

  it('comes from what a tile costs: arithmetic as the headers have it, and numbers that go through memory', () => {
    expect(fmasPerTile({ C: 64, O: 64 }, 'hardware')).toEqual({
      direct: 144 * 64 * 64,
      winograd: 36 * 64 * 64 + (168 + 6 * 72) * 64 + (140 + 6 * 72) * 64,
    });
  });

  it('is what the tuner and the network begin with', () => {
    const gpu = ADAPTERS['a card, subgroups of 32'];
    expect(defaultConv3x3(gpu, { C: 4, O: 64 })).toEqual({ rung: '03_register_blocked' });
    expect(defaultConv3x3(gpu, { C: 64, O: 64 })).toEqual({ rung: '05_winograd_4x4' });
  });
});

describe('scratch', () => {
  it('is 8 MiB on CPUs and 64 MiB on cards, and never more than can be bound', () => {
    const bytes = Object.values(ADAPTERS).map(defaultScratchBytes);
    expect(bytes).toEqual([8, 8, 64, 64].map((mebibytes) => mebibytes * 2 ** 20));
    const { info } = ADAPTERS['a card without subgroups'];
    const limits = { maxStorageBufferBindingSize: 2 ** 25, maxBufferSize: 2 ** 31 } as Gpu['limits'];
    expect(defaultScratchBytes({ info, limits })).toBe(2 ** 25);
  });

  it.each([
    { batch: 1, on: 'a card without subgroups', dispatches: 37 },
    { batch: 32, on: 'a card without subgroups', dispatches: 148 },
    { batch: 1, on: 'lavapipe, subgroups of 8', dispatches: 63 },
    { batch: 32, on: 'lavapipe, subgroups of 8', dispatches: 1467 },
  ] as const)(
    'makes $dispatches dispatches of the base at batch $batch on $on',
    ({ batch, on, dispatches }) => {
      const gpu = ADAPTERS[on];
      const counts = LAYERS.map((layer) => {
        const sizes = convShapeOf(layer, batch);
        const rung = bestRung(gpu, sizes);
        if (!isWinograd(rung)) return 1;
        const { tiles, chunk } = chunksOf(rung, sizes, defaultScratchBytes(gpu));
        return 3 * Math.ceil(tiles / chunk);
      });
      expect(counts.reduce((sum, count) => sum + count)).toBe(dispatches);
    },
  );
});

describe("a card's defaults", () => {
  const gpu = useGpu({ adapter: 'null' });
  afterEach(() => {
    expect(gpu().liveBuffers).toBe(0);
  });

  // 112 px, because the null backend binds no more than 128 MiB.
  it.each(layersAt(112))('compile and fit for $name, 32 images of 112 px', async (layer) => {
    const sizes = convShapeOf(layer, 32);
    const { N, H, W, C, O } = sizes;
    const card = { ...gpu(), info: { ...gpu().info, isSoftware: false }, limits: gpu().limits } as Gpu;
    const { rung } = defaultConv3x3(card, sizes);
    const scratchBytes = defaultScratchBytes(card);
    expect(scratchBytes).toBe(2 ** 26);
    // One buffer for x and y: nothing is computed.
    using activations = await Tensor.create(gpu(), 'activations', [N * H * W * Math.max(C, O)]);
    using k = await Tensor.create(gpu(), 'k', isWinograd(rung) ? [pointsOf(rung), C, O] : [3, 3, C, O]);
    using b = await Tensor.create(gpu(), 'b', [O]);
    const dispatches = await recorded(gpu(), (recorder) =>
      conv3x3(recorder, {
        ...{ label: layer.name, relu: true, rung, scratchBytes },
        ...{ x: activations.view('x', [N, H, W, C]), k, b, y: activations.view('y', [N, H, W, O]) },
      }),
    );
    if (!isWinograd(rung)) return expect(dispatches.length).toBe(1);
    const { tiles, chunk } = chunksOf(rung, sizes, scratchBytes);
    expect(dispatches.length).toBe(3 * Math.ceil(tiles / chunk));
    const scratch = new Set(dispatches.flatMap(({ tensors }) => tensors).map(({ memory }) => memory));
    for (const { label, byteLength } of scratch) {
      if (/products|transformed/.test(label)) expect(byteLength).toBeLessThanOrEqual(scratchBytes);
    }
  });
});
