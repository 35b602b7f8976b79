// vgg16 doctor and vgg16 summary, as their users run them.

import { describe, expect, it } from 'vitest';
import type { Findings } from '../../src/cli/doctor_findings.js';
import { describeSubgroups } from '../../src/cli/doctor_meaning.js';
import type { GpuInfo } from '../../src/gpu/device.js';
import { embeddedBasePath } from '../../src/node/embedded.js';
import { NULL, useFolder, vgg16, writeNarrow } from './support.js';

const at = useFolder();

describe('doctor', () => {
  it('finds an adapter that computes rightly, and the embedded base whole', async () => {
    const { code, stdout, stderr } = await vgg16(['doctor', '--json']);
    expect([code, stderr]).toEqual([0, []]);
    const findings = JSON.parse(stdout) as Findings;
    expect(findings.code).toBe(0);
    expect(findings.fault).toBeNull();
    expect(findings.embeddedBase).toEqual({ ok: true, message: embeddedBasePath() });
    expect(findings.versions).toEqual({
      package: expect.stringMatching(/^\d+\.\d+\.\d+/),
      node: process.version,
      webgpu: '0.6.2',
      platform: `${process.platform} ${process.arch}`,
    });
    const { selfTest, features, limits, largestBatch } = findings.adapter!;
    expect(selfTest.passed).toBe(true);
    expect(Number(/NMSE (\S+)\)$/.exec(selfTest.message)![1])).toBeLessThan(1e-12);
    expect(features.map(({ name }) => name)).toEqual([
      'timestamp-query',
      'shader-f16',
      'subgroups',
      'chromium-experimental-subgroup-matrix',
    ]);
    const { minSubgroup, maxSubgroup, subgroupMatrixConfigs } = findings.adapter!;
    expect(maxSubgroup).toBeGreaterThanOrEqual(minSubgroup);
    for (const { M, N, K } of subgroupMatrixConfigs) expect(M * N * K).toBeGreaterThan(0);
    const binding = limits.find(({ name }) => name === 'maxStorageBufferBindingSize')!.value;
    // block1_conv1's output of a picture of 224 px.
    expect(largestBatch).toBe(Math.min(64, Math.floor(binding / (224 * 224 * 64 * 4))));
  });

  it('tells what the limits mean, and fails an adapter that computes nothing', async () => {
    const { code, stdout } = await vgg16(['doctor', '--adapter', 'null']);
    expect(code).toBe(6);
    expect(stdout).toMatch(/^ {2}kind +NOTHING: programs are checked and not run$/m);
    expect(stdout).toMatch(/^ {2}subgroups +128 threads, matrices of 16x16x16$/m);
    expect(stdout).toMatch(
      /^ {2}chromium-experimental-subgroup-matrix +yes {2}matrices multiplied by hardware/m,
    );
    expect(stdout).toMatch(
      /^ {2}binding +128 MiB {2}what a kernel sees of a buffer: fc1 \(411 MB\) is bound in 4 pieces$/m,
    );
    expect(stdout).toMatch(/^ {2}largest batch +10 {2}pictures of 224 px/m);
    expect(stdout).toMatch(/^ {2}FAIL {2}a convolution on the adapter DISAGREES with float64/m);
    expect(stdout).toMatch(/^ {2}OK {2}.*vgg16-imagenet-base\.safetensors$/m);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThan(110);
  });

  it('says that a named adapter is not there, by option and by environment', async () => {
    const line = 'error: no adapter whose name contains "nosuch"; see `vgg16 doctor` for the one there is';
    const byOption = await vgg16(['doctor', '--json', '--adapter', 'nosuch'], NULL);
    expect([byOption.code, byOption.stderr]).toEqual([5, [line]]);
    expect(JSON.parse(byOption.stdout)).toMatchObject({ code: 5, adapter: null, fault: line.slice(7) });
    const byEnvironment = await vgg16(['doctor'], { env: { VGG16_ADAPTER: 'nosuch' } });
    expect([byEnvironment.code, byEnvironment.stderr]).toEqual([5, [line]]);
  });
});

describe('subgroups', () => {
  const of = (componentType: string, resultComponentType: string, M: number) => ({
    ...{ componentType, resultComponentType, M, N: 16, K: 8 },
  });
  it.each([
    { min: 0, max: 0, configs: [], text: 'none' },
    { min: 8, max: 8, configs: [], text: '8 threads' },
    { min: 8, max: 32, configs: [of('f16', 'f16', 8)], text: '8 to 32 threads' },
    {
      ...{ min: 32, max: 32, configs: [of('f16', 'f32', 16), of('u8', 'u32', 4), of('f16', 'f32', 8)] },
      text: '32 threads, matrices of 16x16x8, 8x16x8',
    },
  ])('are told as $text', ({ min, max, configs, text }) => {
    const info = { minSubgroup: min, maxSubgroup: max, subgroupMatrixConfigs: configs };
    expect(describeSubgroups(info as unknown as GpuInfo)).toBe(text);
  });
});

describe('summary', () => {
  interface Summary {
    readonly weights: object;
    readonly input: readonly number[];
    readonly layers: readonly { layer: string; shape: readonly number[]; parameters: number }[];
    readonly total: object;
  }

  /** Needs no adapter: any use of one fails. */
  const summary = (...args: string[]) => vgg16(['summary', ...args], { env: { VGG16_ADAPTER: 'nosuch' } });

  it('knows the embedded base', async () => {
    const { code, stdout, stderr } = await summary('--json');
    expect([code, stderr]).toEqual([0, []]);
    const { weights, input, layers, total } = JSON.parse(stdout) as Summary;
    expect(weights).toEqual({
      file: embeddedBasePath(),
      bytes: 2 * 14_714_688,
      dtypes: ['F16'],
      preprocess: 'caffe',
      classes: 0,
      activation: 'softmax',
    });
    expect(input).toEqual([224, 224, 3]);
    expect(layers).toHaveLength(18);
    expect(layers[0]).toEqual({
      layer: 'block1_conv1',
      operation: 'conv3x3',
      shape: [224, 224, 64],
      parameters: 1792,
      flops: 2 * 224 * 224 * 27 * 64,
      weightBytes: 4 * 1792,
      activationBytes: 4 * 224 * 224 * 64,
    });
    // Table 2 of the paper counts 138 million with the dense layers; these are the thirteen convolutions.
    expect(total).toMatchObject({ parameters: 14_714_688, weightBytes: 4 * 14_714_688 });
  });

  it('prints a table with units', async () => {
    const { code, stdout, stderr } = await summary();
    expect([code, stderr]).toEqual([0, []]);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe(
      'VGG16 from the embedded ImageNet base: F16, 29.4 MB, no classifier, caffe preprocessing',
    );
    const cells = (layer: string) => lines.find((line) => line.startsWith(`${layer} `))!.split(/ {2,}/);
    expect(cells('layer')).toEqual(['layer', 'output', 'parameters', 'FLOPs', 'weights', 'activations']);
    expect(cells('block1_conv2')).toEqual([
      'block1_conv2',
      '224 x 224 x 64',
      '36,928',
      '3.70 GFLOP',
      '148 kB',
      '12.8 MB',
    ]);
    expect(cells('block5_pool')).toEqual(['block5_pool', '7 x 7 x 512', '75.3 kFLOP', '100 kB']);
    expect(cells('total')).toEqual(['total', '14,714,688', '30.7 GFLOP', '58.9 MB', '60.3 MB']);
    expect(
      new Set(
        lines
          .slice(2, -1)
          .filter((line) => / B$| [kM]B$/.test(line))
          .map(({ length }) => length),
      ).size,
    ).toBe(1);
  });

  it('knows a file with its classifier, and leaves the dense layers out at another size', async () => {
    const weights = ['--weights', await writeNarrow(at('narrow.safetensors'))];
    const own = JSON.parse((await summary(...weights, '--json')).stdout) as Summary;
    expect(own).toMatchObject({ weights: { preprocess: 'torchvision', classes: 10, dtypes: ['F32'] } });
    expect(own.input).toEqual([32, 32, 3]);
    expect(own.layers.map(({ layer }) => layer).slice(-4)).toEqual(['fc1', 'fc2', 'fc3', 'softmax']);
    expect(own.layers.find(({ layer }) => layer === 'fc1')).toMatchObject({
      shape: [8],
      parameters: 4 * 8 + 8,
    });

    const { code, stdout, stderr } = await summary(...weights, '--size', '64x96', '--json');
    const other = JSON.parse(stdout) as Summary;
    expect([code, stderr]).toEqual([
      0,
      ['note: fc1 to softmax take pictures of 32 x 32 pixels only and are left out'],
    ]);
    expect(other.input).toEqual([64, 96, 3]);
    expect(other.layers.at(-1)).toMatchObject({ layer: 'block5_pool', shape: [2, 3, 4] });
  });
});
