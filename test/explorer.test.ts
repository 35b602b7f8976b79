// What the explorer page works out by itself: sums, receptive fields, likeness, the pages of kernels.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kernelPage } from '../explorer/kernel_page.js';
import { averagesOf, similarity, strongestChannels } from '../explorer/layer_map.js';
import { pixelSum, receptiveField } from '../explorer/pixel.js';
import { seededRandom } from '../src/random.js';
import { conv3x3 } from '../src/reference/conv3x3.js';

describe('the sum of a pixel', () => {
  const [H, W, C, O] = [4, 5, 3, 2];
  const random = seededRandom(1);
  const normal = (length: number) => Float32Array.from({ length }, () => random.normal());
  const data = normal(H * W * C);
  /** (O,C,3,3), as files have it. */
  const kernel = normal(O * C * 9);
  const bias = normal(O);

  it('is that of the reference, at borders and within', () => {
    const turned = new Float32Array(9 * C * O);
    for (let o = 0; o < O; o++)
      for (let c = 0; c < C; c++)
        for (let tap = 0; tap < 9; tap++) turned[(tap * C + c) * O + o] = kernel[(o * C + c) * 9 + tap]!;
    const y = conv3x3(data, turned, bias, { N: 1, H, W, C, O }, false);
    for (let h = 0; h < H; h++) {
      for (let w = 0; w < W; w++) {
        for (let o = 0; o < O; o++) {
          const { sum, terms } = pixelSum({ data, shape: [H, W, C] }, { kernel, bias }, { h, w, o });
          expect(sum).toBeCloseTo(y[(h * W + w) * O + o]!, 5);
          expect(terms.reduce((total, { product }) => total + product, bias[o]!)).toBeCloseTo(sum, 5);
        }
      }
    }
  });

  it('lists the largest terms first, and none of the border', () => {
    const { terms } = pixelSum({ data, shape: [H, W, C] }, { kernel, bias }, { h: 0, w: 0, o: 1 });
    expect(terms).toHaveLength(4 * C);
    const sizes = terms.map(({ product }) => Math.abs(product));
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(terms.every(({ row, column }) => row >= 0 && column >= 0)).toBe(true);
  });
});

describe('the receptive field', () => {
  it.each([
    ['block1_conv1', 3],
    ['block1_conv2', 5],
    ['block1_pool', 6],
    ['block3_conv3', 40],
    ['block5_conv3', 196],
    ['block5_pool', 212],
  ] as const)('of %s is %i px wide', (layer, side) => {
    expect(receptiveField(layer, 0, 0).side).toBe(side);
  });

  it('lies around the pixel, and moves by the poolings above it', () => {
    expect(receptiveField('block1_conv1', 5, 7)).toEqual({ top: 4, left: 6, side: 3 });
    expect(receptiveField('block1_pool', 0, 0)).toEqual({ top: -2, left: -2, side: 6 });
    const [a, b] = [receptiveField('block5_pool', 0, 0), receptiveField('block5_pool', 1, 0)];
    expect([b.top - a.top, b.left - a.left]).toEqual([32, 0]);
  });
});

describe('maps', () => {
  const map = { data: new Float32Array([1, 5, 0, 3, 5, 0]), shape: [1, 2, 3] };

  it('have their strongest channels first', () => {
    expect(strongestChannels(map)).toEqual([
      { channel: 1, mean: 5 },
      { channel: 0, mean: 2 },
      { channel: 2, mean: 0 },
    ]);
    expect([...averagesOf(map)]).toEqual([2, 5, 0]);
  });

  it('are alike by direction, not by size', () => {
    const row = new Float32Array([1, 2, 3]);
    expect(similarity(row, new Float32Array([2, 4, 6]))).toBeCloseTo(1);
    expect(similarity(row, new Float32Array([-3, 0, 1]))).toBeCloseTo(0);
    expect(similarity(row, new Float32Array(3))).toBe(0);
  });
});

describe('the page of a kernel', () => {
  const folder = 'src/kernels';
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.wgsl'),
  );

  it.each(files)('%s loses nothing of its header', (file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    const { title, entries, body } = kernelPage(text);
    const names = entries.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['Computes', 'Shapes', 'Threads', 'Cost', 'Requires', 'Source']),
    );
    const words = (from: string) => from.replaceAll('//', ' ').split(/\s+/).filter(Boolean);
    const said = [title, ...entries.flatMap(({ name, parts }) => [name, ...parts.map((part) => part.text)])];
    expect(words(said.join(' '))).toEqual(words(text.slice(0, text.indexOf('\n\n'))));
    expect(text.endsWith(`${body}\n`)).toBe(true);
  });

  it('keeps drawings line by line, and joins what runs on', () => {
    const { entries } = kernelPage(readFileSync(join(folder, 'avgpool/avgpool.wgsl'), 'utf8'));
    const { parts } = entries.find(({ name }) => name === 'Tile')!;
    expect(parts.map(({ isDrawing }) => isDrawing)).toEqual([false, true]);
    const cost = entries.find(({ name }) => name === 'Cost')!.parts;
    expect(cost).toHaveLength(1);
    expect(cost[0]!.text).not.toContain('\n');
  });
});
