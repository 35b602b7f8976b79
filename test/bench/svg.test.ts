// The drawings of benchmarks: well-formed, complete, and without a number that is none.

import { describe, expect, it } from 'vitest';
import type { BenchReport, BenchResult } from '../../src/bench/report.js';
import { enginesBars, ladderBars, layersBars } from '../../src/bench/svg/bars.js';
import { rooflineSvg } from '../../src/bench/svg/roofline.js';

const result = (
  engine: string,
  scope: string,
  medianMs: number,
  more: Partial<BenchResult> = {},
): BenchResult => ({
  ...{
    engine,
    scope,
    batch: 1,
    side: 224,
    medianMs,
    minMs: medianMs,
    maxMs: medianMs,
    rounds: 1,
    nmse: 1e-12,
  },
  ...more,
});

const report = (benchmark: string, results: BenchResult[]): BenchReport => ({
  benchmark,
  adapter: {
    vendor: 'v',
    architecture: 'a',
    device: 'd',
    source: 'system',
    isSoftware: true,
    minSubgroup: 8,
    maxSubgroup: 8,
    subgroupMatrixConfigs: [],
  },
  driver: 'A <driver> & more',
  host: { cpu: 'c', cores: 2, platform: 'linux x64' },
  versions: {},
  commit: 'test',
  settings: { side: 224, batch: 1 },
  results,
  leftOut: [],
  peak: { gflops: 40, gbps: 5 },
});

function expectSound(svg: string): void {
  expect(svg).toMatch(/^<\?xml .*<svg [^>]*xmlns=/s);
  expect(svg).not.toMatch(/NaN|Infinity|undefined|<driver>/);
  // Every element that is opened is closed.
  const open: string[] = [];
  for (const [, slash, name, self] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (slash) expect(open.pop()).toBe(name);
    else if (!self) open.push(name!);
  }
  expect(open).toEqual([]);
}

describe('drawings', () => {
  it('of engines have a bar for each, as long as it is fast, and cold starts apart', () => {
    const svg = enginesBars(
      report('e2e', [
        result('vgg16-webgpu', 'convs', 1000),
        result('tfjs-webgpu', 'convs', 10_000),
        result('vgg16-webgpu', 'convs', 3000, { start: 'cold' }),
        result('tfjs-webgpu', 'convs', 12_000, { start: 'cold' }),
      ]),
    );
    expectSound(svg);
    const widths = [...svg.matchAll(/<rect class="(?:hit|miss)"[^>]* width="([\d.]+)"/g)].map(([, w]) =>
      Number(w),
    );
    expect(widths[0]! / widths[1]!).toBeCloseTo(10, 1);
    expect(widths[2]! / widths[3]!).toBeCloseTo(4, 1);
    expect(svg).toContain('1,000 ms, 10x');
    expect(svg).toContain('convs, from the start of a process');
  });

  it('of layers and of a ladder name each', () => {
    const layers = report('layers', [
      result('vgg16-webgpu', 'block1_conv1', 5),
      result('tfjs-wasm', 'block1_conv1', 4),
      result('vgg16-webgpu', 'fc1', 80),
    ]);
    const drawn = layersBars(layers);
    expectSound(drawn);
    expect(drawn).toContain('block1_conv1');
    const size = { flops: 1e9, bytes: 1e7 };
    const ladder = report('ladder conv3x3', [
      result('01_naive', 'block1_conv1', 500, size),
      result('06_subgroup', 'block1_conv1', 50, size),
      result('tfjs-webgpu', 'block1_conv1', 200, size),
      result('tfjs-wasm', 'block1_conv1', 40, size),
    ]);
    const bars = ladderBars(ladder);
    expectSound(bars);
    expect(bars).toContain('20.0 GFLOP/s, 50.0 ms');
    // The fastest rung stands out, and not a peer that is faster.
    expect(bars.match(/class="hit"/g)).toHaveLength(1);
    const roofline = rooflineSvg(ladder);
    expectSound(roofline);
    expect(roofline).toContain('block1_conv1, 06_subgroup: 20.0 GFLOP/s');
    // It does not run under this roof.
    expect(roofline).not.toContain('tfjs-wasm');
  });
});
