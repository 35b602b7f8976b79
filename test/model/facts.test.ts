// What can be looked up: VGG16's size, ImageNet's labels; and the small functions around a forward pass.

import { describe, expect, it } from 'vitest';
import type { GpuInfo } from '../../src/gpu/device.js';
import { evenBatch, largestBatch } from '../../src/model/batches.js';
import { averageOverSpace, checkFinite } from '../../src/model/features.js';
import { IMAGENET_LABELS, labelsFor } from '../../src/model/labels.js';
import { topPredictions } from '../../src/model/predictions.js';
import { PAPER_WIDTHS, planLayers } from '../../src/network/layers.js';

describe('VGG16', () => {
  const layers = planLayers(PAPER_WIDTHS, 224, 224, 'softmax');

  it('has 138,357,544 parameters, 14,714,688 of them in its convolutions', () => {
    const sum = (operation?: string) =>
      layers
        .filter((layer) => !operation || layer.operation === operation)
        .reduce((total, { parameters }) => total + parameters, 0);
    expect(sum()).toBe(138_357_544);
    expect(sum('conv3x3')).toBe(14_714_688);
  });

  it('takes 15.47 billion multiplications and additions for a picture of 224 x 224 pixels', () => {
    const flops = layers
      .filter(({ operation }) => operation === 'conv3x3' || operation === 'linear')
      .reduce((total, layer) => total + layer.flops, 0);
    expect(flops / 2).toBe(15_470_264_320);
  });

  it('ends with a feature map of 7 x 7 x 512', () => {
    expect(layers.find(({ name }) => name === 'block5_pool')!.shape).toEqual([7, 7, 512]);
  });
});

describe('labels', () => {
  it('are the 1000 of ImageNet in their order', () => {
    expect(IMAGENET_LABELS.length).toBe(1000);
    const known = [0, 207, 281, 510, 817, 999].map((index) => IMAGENET_LABELS[index]!);
    expect(known.map(({ label }) => label)).toEqual([
      'tench',
      'golden retriever',
      'tabby',
      'container ship',
      'sports car',
      'toilet tissue',
    ]);
    expect(new Set(IMAGENET_LABELS.map(({ wnid }) => wnid)).size).toBe(1000);
    // ImageNet numbers its classes in the order of WordNet's numbers.
    const wnids = IMAGENET_LABELS.map(({ wnid }) => wnid!);
    expect([...wnids].sort()).toEqual(wnids);
  });

  it("are the file's own, ImageNet's, or numbers", () => {
    expect(labelsFor(2, ['ant', 'bee'])).toEqual([
      { wnid: null, label: 'ant' },
      { wnid: null, label: 'bee' },
    ]);
    expect(labelsFor(1000, undefined)).toBe(IMAGENET_LABELS);
    expect(labelsFor(3, undefined).map(({ label }) => label)).toEqual(['class 0', 'class 1', 'class 2']);
  });
});

describe('topPredictions', () => {
  it('puts the likeliest first, and of equals the one with the lower number', () => {
    const labels = labelsFor(4, undefined);
    const order = (values: number[], topK: number) =>
      topPredictions(new Float32Array(values), labels, topK).map(({ index }) => index);
    expect(order([0.25, 0.25, 0.25, 0.25], 4)).toEqual([0, 1, 2, 3]);
    expect(order([0.1, 0.4, 0.1, 0.4], 3)).toEqual([1, 3, 0]);
    expect(order([0.1, 0.2, 0.3, 0.4], 9)).toEqual([3, 2, 1, 0]);
  });
});

describe('batches', () => {
  it('are even', () => {
    expect([1, 8, 9, 16, 17].map((pictures) => evenBatch(pictures, 8))).toEqual([1, 8, 5, 8, 6]);
    expect(evenBatch(1000, 1000)).toBe(63);
    expect(() => evenBatch(3, 0)).toThrow('batch is 0');
  });

  it('are as large as the adapter can bind', () => {
    const layers = planLayers(PAPER_WIDTHS, 224, 224, 'block5_pool');
    const limits = (bytes: number) => ({ maxStorageBufferBindingSize: bytes, maxBufferSize: 2 ** 32 });
    // The largest activation is 224 x 224 x 64 floats, 12.8 MB.
    expect(largestBatch(limits(2 ** 27), layers, 224, 224)).toBe(10);
    expect(largestBatch(limits(224 * 224 * 64 * 4), layers, 224, 224)).toBe(1);
    expect(largestBatch(limits(1000), layers, 224, 224)).toBe(1);
  });
});

describe('features', () => {
  it('are averaged over height and width, and left alone without them', () => {
    const data = new Float32Array([1, 10, 3, 30, 5, 50, 7, 70]);
    expect(averageOverSpace({ data, shape: [2, 2, 2] })).toEqual({
      data: new Float32Array([4, 40]),
      shape: [2],
    });
    expect(averageOverSpace({ data, shape: [8] })).toEqual({ data, shape: [8] });
  });

  it('that are no numbers are refused by name', () => {
    const gpu = { info: { source: 'system' } as GpuInfo };
    checkFinite(gpu, 'fc3', new Float32Array([1, -2]));
    expect(() => checkFinite(gpu, 'fc3', new Float32Array([1, Number.NaN]))).toThrow(/^fc3: .*NaN/);
    expect(() => checkFinite(gpu, 'fc3', new Float32Array([1, Number.POSITIVE_INFINITY]))).toThrow(
      'infinity',
    );
  });
});
