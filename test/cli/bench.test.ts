// vgg16 bench, as a user runs it: on pictures so small that it is quick, with no peers.

import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { spawned, useFolder, vgg16 } from './support.js';

const at = useFolder();
const QUICK = ['--side', '32', '--rounds', '1', '--peers', 'none'];

describe('vgg16 bench', () => {
  it('e2e prints a table, and writes JSON and a drawing', async () => {
    const files = ['--out', at('e2e.json'), '--svg', at('e2e.svg')];
    const { code, stdout } = await spawned(['bench', 'e2e', '--scope', 'convs', ...QUICK, ...files]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Adapter {2}\S/);
    expect(stdout).toMatch(/vgg16-webgpu +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +\d\.\de-1\d/);
    expect(stdout).toContain(`Written  ${at('e2e.json')}`);
    const report = JSON.parse(await readFile(at('e2e.json'), 'utf8'));
    expect(report.results).toHaveLength(1);
    expect(report.results[0]).toMatchObject({ engine: 'vgg16-webgpu', scope: 'convs', batch: 1, rounds: 1 });
    expect(report.results[0].nmse).toBeLessThan(1e-10);
    expect(report.commit).toMatch(/^[0-9a-f]{7}/);
    expect(await readFile(at('e2e.svg'), 'utf8')).toContain('vgg16-webgpu');
  });

  it('e2e --cold starts a process, and prints nothing but JSON where it is asked to', async () => {
    const args = ['bench', 'e2e', '--scope', 'convs', ...QUICK, '--cold', '--json'];
    const { code, stdout } = await spawned(args);
    expect(code).toBe(0);
    const { results } = JSON.parse(stdout);
    const [warm, cold] = results;
    expect([warm.start, cold.start]).toEqual([undefined, 'cold']);
    expect(cold.medianMs).toBeGreaterThan(warm.medianMs);
    expect(cold.nmse).toBeLessThan(1e-10);
    expect(cold.peakBytes).toBeGreaterThan(50e6);
  });

  it('ladder climbs, with the gain of each rung', async () => {
    const args = ['bench', 'ladder', 'conv3x3', ...QUICK, '--rungs', '04_vec4,05_winograd_4x4'];
    const { code, stdout } = await vgg16([...args, '--roofline', at('roofline.svg')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Peak {5}\S+ GFLOP\/s in registers, \S+ GB\/s from memory/);
    expect(stdout).toMatch(/04_vec4 +\S+ +\S+ +\S+ % +\d\.\de-1\d/);
    expect(stdout).toMatch(/05_winograd_4x4 +\S+ +\S+ +\S+ % +[\d.]+x +\d\.\de-1\d/);
    // The faster of the two, whichever that is on pictures so small.
    expect(await readFile(at('roofline.svg'), 'utf8')).toMatch(/04_vec4|05_winograd_4x4/);
  });

  it('layers times those that it is told', async () => {
    const args = ['bench', 'layers', ...QUICK, '--layers', 'block1_conv1,block5_pool', '--json'];
    const { code, stdout } = await vgg16(args);
    expect(code).toBe(0);
    const { results, peak } = JSON.parse(stdout);
    expect(results.map(({ scope }: { scope: string }) => scope)).toEqual(['block1_conv1', 'block5_pool']);
    expect(peak.gflops).toBeGreaterThan(0);
  });

  it.skipIf(!process.env.FULL)(
    "memory measures processes of its own, at the paper's size (FULL=1)",
    async () => {
      const { code, stdout } = await spawned(['bench', 'memory', '--batch', '1', ...QUICK]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/vgg16-webgpu +224 px +1 +\S+ +\S+ +\d+ +\d+ MB/);
    },
  );

  it('train-step prints what it found', async () => {
    const small = ['--inputs', '32', '--hidden', '8', '--batch', '4', '--rounds', '1', '--peers', 'none'];
    const { code, stdout } = await vgg16(['bench', 'train-step', ...small]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/vgg16-webgpu +[\d.]+/);
  });

  it.each([
    [['e2e', '--peers', 'tensorflow'], /There is no "tensorflow"; there are tfjs-webgpu, tfjs-wasm/],
    [['e2e', '--batch', '1,0'], /whole number of at least 1/],
    [['e2e', '--scope', 'top'], /There is no "top"; there are convs, dense, all/],
    [['e2e', '--side', '16'], /too small for VGG16/],
    [['ladder', 'pool'], /conv3x3, conv3x3-dk, linear/],
    [['ladder', 'conv3x3', '--rungs', '99_magic'], /conv3x3 has no rung "99_magic"; it has 01_naive/],
    [['layers', '--layers', 'block9'], /there is no layer "block9"; there are block1_conv1/],
  ])('%j makes no sense, and says why in a line', async (args, message) => {
    const { code, stdout, stderr } = await vgg16(['bench', ...args]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toHaveLength(1);
    expect(stderr[0]).toMatch(message);
  });

  it('finds out before it measures that a file cannot be written', async () => {
    const { code, stdout, stderr } = await vgg16(['bench', 'e2e', '--out', at('no', 'such', 'x.json')]);
    expect([code, stdout]).toEqual([8, '']);
    expect(stderr[0]).toMatch(/cannot write .*x\.json: its folder does not exist/);
  });
});
