// The benchmarks of the whole network, on a narrow one: engines agree with float64, and what cannot run is said.

import { describe, expect, it } from 'vitest';
import { benchE2e } from '../../src/bench/e2e.js';
import { SCOPES } from '../../src/bench/engine.js';
import { benchGrowth } from '../../src/bench/growth.js';
import { benchLadder } from '../../src/bench/ladder.js';
import { measurePeak } from '../../src/bench/peak.js';
import { reportFrame, reportJson } from '../../src/bench/report.js';
import { benchTrainStep } from '../../src/bench/train_step.js';
import { useGpu } from '../support/gpu.js';

const SIZES = { widths: [4, 4, 8, 8, 8], hidden: 16, classes: 5 };
/** Float32 through sixteen layers. */
const MAX_NMSE = 1e-10;

describe('e2e', () => {
  const gpu = useGpu();
  const common = { sizes: SIZES, rounds: 2, maxSeconds: 20 };

  it('holds every engine against float64, in every scope, for one picture and several', async () => {
    const steps: string[] = [];
    const { results, leftOut } = await benchE2e(gpu(), {
      ...common,
      batches: [1, 3],
      side: 64,
      scopes: SCOPES,
      peers: ['tfjs-webgpu', 'tfjs-wasm'],
      dtypes: ['f32'],
      rungs: [],
      onStep: (step) => steps.push(step),
    });
    const engines = ['vgg16-webgpu', 'tfjs-webgpu', 'tfjs-wasm'];
    const wanted = SCOPES.flatMap((scope) =>
      [1, 3].flatMap((batch) => engines.map((engine) => `${engine} ${scope} ${batch}`)),
    );
    expect(results.map(({ engine, scope, batch }) => `${engine} ${scope} ${batch}`)).toEqual(wanted);
    expect(leftOut).toEqual([]);
    for (const { engine, nmse, medianMs, minMs, maxMs } of results) {
      expect(nmse, engine).toBeLessThan(MAX_NMSE);
      expect(minMs).toBeGreaterThan(0);
      expect(medianMs).toBeGreaterThanOrEqual(minMs);
      expect(maxMs).toBeGreaterThanOrEqual(medianMs);
    }
    expect(steps.some((step) => step.includes('float64'))).toBe(true);
    expect(gpu().liveBuffers).toBe(0);
  });

  it('has an engine for every dtype and every rung', async () => {
    const asked = { ...common, batches: [1], side: 32, scopes: ['convs'], peers: [] } as const;
    const { results } = await benchE2e(gpu(), {
      ...asked,
      dtypes: ['f32', 'f16'],
      rungs: ['01_naive'],
    });
    const errors = new Map(results.map(({ engine, nmse }) => [engine, nmse]));
    expect(errors.get('vgg16-webgpu')).toBeLessThan(MAX_NMSE);
    expect(errors.get('vgg16-webgpu/01_naive')).toBeLessThan(MAX_NMSE);
    // Weights rounded to 11 bits.
    expect(errors.get('vgg16-webgpu-f16')).toBeLessThan(1e-5);
    expect(errors.get('vgg16-webgpu-f16')).toBeGreaterThan(1e-9);
  });

  it('leaves out what would take too long, and says for how long', async () => {
    const { results, leftOut } = await benchE2e(gpu(), {
      ...common,
      maxSeconds: 0.0001,
      batches: [1, 64],
      side: 32,
      scopes: ['convs'],
      peers: [],
      dtypes: ['f32'],
      rungs: [],
    });
    expect(results.map(({ batch, rounds }) => [batch, rounds])).toEqual([[1, 1]]);
    expect(leftOut.map(({ batch, reason }) => [batch, reason.replace(/\d+/, 'N')])).toEqual([
      [64, 'a pass would take about N s'],
    ]);
  });

  it('counts more pictures than the adapter binds at once', async () => {
    const { results } = await benchE2e(gpu(), {
      ...common,
      batches: [70],
      side: 32,
      scopes: ['convs'],
      peers: [],
      dtypes: ['f32'],
      rungs: [],
    });
    expect(results[0]!.batch).toBe(70);
    expect(results[0]!.nmse).toBeLessThan(MAX_NMSE);
  });
});

describe('growth', () => {
  const gpu = useGpu();
  // At 224 px, tfjs takes SwiftShader a minute.
  const peers = process.env.FULL ? (['tfjs-webgpu'] as const) : [];
  it('tells time and memory for batches and for sizes, of a fresh engine each', async () => {
    const { results, leftOut } = await benchGrowth(gpu(), {
      sizes: SIZES,
      batches: [1, 2],
      sides: [32, 64],
      peers,
      rounds: 1,
      maxSeconds: 30,
    });
    expect(leftOut).toEqual([]);
    const ours = results.filter(({ engine }) => engine === 'vgg16-webgpu');
    expect(ours.map(({ batch, side }) => [batch, side])).toEqual([
      [1, 224],
      [2, 224],
      [1, 32],
      [1, 64],
    ]);
    expect(results.length).toBe((1 + peers.length) * ours.length);
    expect(leftOut).toEqual([]);
    const [one, two, small] = ours.map(({ deviceBytes }) => deviceBytes!);
    expect(two!).toBeGreaterThan(one!);
    expect(small!).toBeLessThan(one!);
    expect(gpu().liveBuffers).toBe(0);
  });
});

describe('a peer that is not installed', () => {
  const gpu = useGpu();
  it('costs nothing of what others gave', async () => {
    const { results, leftOut } = await benchGrowth(gpu(), {
      ...{ sizes: SIZES, batches: [], sides: [32], rounds: 1, maxSeconds: 30 },
      peers: ['no-such-engine' as 'tfjs-cpu'],
    });
    expect(results.map(({ engine }) => engine)).toEqual(['vgg16-webgpu']);
    expect(leftOut).toHaveLength(1);
    expect(leftOut[0]).toMatchObject({ engine: 'no-such-engine', kind: 'absent' });
  });
});

describe('train-step', () => {
  const gpu = useGpu();
  it('holds the losses of both against float64', async () => {
    const { results } = await benchTrainStep(gpu(), {
      ...{
        scope: 'head',
        side: 32,
        width: 1,
        inputs: 32,
        hidden: 8,
        classes: 3,
        batch: 4,
        steps: 2,
        peers: ['tfjs-webgpu'],
      },
      ...{ rounds: 2, maxSeconds: 10 },
    });
    expect(results.map(({ engine }) => engine)).toEqual(['vgg16-webgpu', 'tfjs-webgpu']);
    for (const { nmse, flops } of results) {
      expect(nmse).toBeLessThan(1e-12);
      expect(flops).toBe(2 * 4 * (2 * (32 * 8 + 8 * 3) + 8 * 3));
    }
    expect(gpu().liveBuffers).toBe(0);
  });
});

describe('train-step of convolutions', () => {
  const gpu = useGpu();
  it.each(process.env.FULL ? (['block5', 'all'] as const) : (['block5'] as const))(
    'holds the losses of both against float64, with %s trained',
    async (scope) => {
      const { results, leftOut } = await benchTrainStep(gpu(), {
        ...{
          scope,
          side: 32,
          width: 1 / 16,
          inputs: 1,
          hidden: 1,
          classes: 3,
          batch: 3,
          steps: 1,
          peers: ['tfjs-webgpu'],
        },
        ...{ rounds: 1, maxSeconds: 10 },
      });
      expect(leftOut).toEqual([]);
      expect(results.map(({ engine }) => engine)).toEqual(['vgg16-webgpu', 'tfjs-webgpu']);
      for (const { nmse } of results) expect(nmse).toBeLessThan(1e-9);
      expect(gpu().liveBuffers).toBe(0);
    },
  );
});

// Of full width: 46 s on SwiftShader.
describe.skipIf(!process.env.FULL)('the ladder of gradients by kernels (FULL=1)', () => {
  const gpu = useGpu();
  it('holds every rung and the peer against float64, layer by layer', async () => {
    const rungs = ['02_register_blocked', '03_winograd'];
    const { results, leftOut } = await benchLadder(gpu(), 'conv3x3-dk', rungs, {
      ...{ batch: 1, side: 32, peers: ['tfjs-webgpu'], rounds: 1, maxSeconds: 20 },
    });
    expect(leftOut).toEqual([]);
    expect(new Set(results.map(({ engine }) => engine))).toEqual(new Set([...rungs, 'tfjs-webgpu']));
    expect(results).toHaveLength(3 * 13);
    for (const { nmse } of results) expect(nmse).toBeLessThan(1e-9);
    expect(gpu().liveBuffers).toBe(0);
  });
});

describe('the peak of an adapter', () => {
  const gpu = useGpu();
  it('is a speed that an adapter may have', async () => {
    const { gflops, gbps } = await measurePeak(gpu());
    // A core of a slow processor under load, and more than any card has.
    expect(gflops).toBeGreaterThan(0.05);
    expect(gflops).toBeLessThan(1e6);
    expect(gbps).toBeGreaterThan(0.05);
    expect(gbps).toBeLessThan(1e5);
    expect(gpu().liveBuffers).toBe(0);
  });
});

describe('a report', () => {
  const gpu = useGpu();
  it('says on what, with what and from which commit', () => {
    const frame = reportFrame('e2e', gpu(), { side: 64 });
    const report = JSON.parse(reportJson({ ...frame, results: [], leftOut: [] }));
    expect(Object.keys(report)).toEqual(
      'benchmark adapter driver host versions commit settings results leftOut'.split(' '),
    );
    expect(report.driver).toBe(gpu().info.description);
    expect(report.versions['vgg16-webgpu']).toMatch(/^\d/);
    expect(report.versions['@tensorflow/tfjs-core']).toMatch(/^4\./);
  });
});
