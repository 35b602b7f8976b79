// The commands on a VGG16 with a head of its own: two dense layers on the averaged feature map.

import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { blocks, NULL, useFolder, vgg16, writeNarrow } from './support.js';

const CLASSES = ['ant', 'bee', 'cat', 'dog', 'eel', 'fox'];

const at = useFolder();
let weights: readonly string[];
beforeAll(async () => {
  const head = ['classifier.0', 'classifier.3'];
  const metadata = { classes: JSON.stringify(CLASSES) };
  const file = await writeNarrow(at('averaged.safetensors'), { head, pool: 'avg', classes: 6, metadata });
  weights = ['--weights', file];
  await blocks(1, 70, 50).png().toFile(at('picture.png'));
});

describe('a head of its own', () => {
  it('is listed by summary at any size, at 224 px where none is given', async () => {
    const summary = async (...args: string[]) => {
      const { code, stdout, stderr } = await vgg16(['summary', ...weights, '--json', ...args]);
      expect([code, stderr]).toEqual([0, []]);
      return JSON.parse(stdout) as { input: number[]; layers: { layer: string; shape: number[] }[] };
    };
    const head = [
      ['block5_pool', [7, 7, 4]],
      ['avgpool', [4]],
      ['fc1', [8]],
      ['fc2', [6]],
      ['softmax', [6]],
    ];
    const usual = await summary();
    expect(usual.input).toEqual([224, 224, 3]);
    expect(usual.layers.slice(-5).map(({ layer, shape }) => [layer, shape])).toEqual(head);
    const other = await summary('--size', '64x96');
    expect(other.layers.slice(-5).map(({ layer, shape }) => [layer, shape])).toEqual([
      ['block5_pool', [2, 3, 4]],
      ...head.slice(1),
    ]);
  });

  it('classifies, whatever the size', async () => {
    for (const size of [[], ['--size', '64'], ['--resize', 'none', '--crop', 'none']]) {
      const args = ['classify', at('picture.png'), ...weights, '--json', '--top', '9', ...size];
      const { code, stdout } = await vgg16(args);
      expect(code).toBe(0);
      const [{ predictions }] = JSON.parse(stdout) as [{ predictions: { label: string; score: number }[] }];
      expect(predictions.map(({ label }) => label).sort()).toEqual(CLASSES);
      expect(predictions.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5);
    }
  });

  it('gives features of the layers that it has, and names them where there is no such layer', async () => {
    const until = (layer: string) =>
      vgg16(['features', at('picture.png'), '--until', layer, '--out', at(`${layer}.npy`), ...weights], NULL);
    const [average, dense, none] = await Promise.all([until('avgpool'), until('fc1'), until('fc3')]);
    expect([average.code, dense.code, none.code]).toEqual([0, 0, 2]);
    expect(await readFile(at('avgpool.npy'), 'latin1')).toContain("'shape': (1, 4)");
    expect(await readFile(at('fc1.npy'), 'latin1')).toContain("'shape': (1, 8)");
    expect(none.stderr[0]).toMatch(
      /^error: there is no layer "fc3" in these weights; their layers are .* block5_pool avgpool fc1 fc2 softmax$/,
    );
  });
});
