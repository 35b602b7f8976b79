// A VGG16 out of a made-up archive: names, shapes, order of reading, and shapes that are wrong.

import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.js';
import type { Archive, FoundLayer, FoundVgg16 } from '../../src/weights/archive.js';
import { canonicalSource } from '../../src/weights/canonical.js';
import { FileFault } from '../../src/weights/file.js';
import { decodeFloats, encodeFloats } from '../../src/weights/floats.js';
import type { Dtype, Storage } from '../../src/weights/source.js';
import { permuted, reshaped, sizeOf, wholeTensor } from '../../src/weights/strided.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { thrownBy } from './files.js';

const WIDTHS = [1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3];

/** Halves of whole numbers, which every dtype holds. */
function counting(length: number, dtype: Dtype = 'F32'): Storage {
  return {
    length,
    stored: dtype,
    dtype,
    read: async (start, target) => {
      for (let i = 0; i < target.length; i++) target[i] = (start + i) / 2;
    },
  };
}

function layer(name: string, shape: readonly number[], dtype?: Dtype): FoundLayer {
  const tensor = (suffix: string, sides: readonly number[]) =>
    wholeTensor(`${name}/${suffix}`, sides, counting(sizeOf(sides), dtype));
  return { kernel: tensor('kernel', shape), bias: tensor('bias', shape.slice(0, 1)) };
}

function found(change: Partial<FoundVgg16> = {}): FoundVgg16 {
  return {
    convs: WIDTHS.map((width, i) => layer(`conv${i}`, [width, WIDTHS[i - 1] ?? 3, 3, 3])),
    dense: [],
    pool: 'flatten',
    preprocess: 'caffe',
    notes: ['a note'],
    ...change,
  };
}

let closed = 0;
const archive: Archive = {
  path: 'folder/file.h5',
  format: 'Made-up',
  tensors: new Map(),
  close: async () => {
    closed++;
  },
};

const open = (change?: Partial<FoundVgg16>) => canonicalSource(archive, found(change), 1000);

async function floatsOf(source: ReturnType<typeof open>, name: string): Promise<number[]> {
  const { byteLength, dtype } = source.tensors.get(name)!;
  const bytes = new Uint8Array(byteLength);
  await source.read(name, 0, bytes);
  return [...decodeFloats(bytes, dtype)];
}

describe('what is there', () => {
  it('torchvision names, flat dense kernels, metadata and notes', () => {
    const dense = [layer('fc1', [5, 3, 2, 2]), layer('fc2', [4, 5])];
    const source = open({ dense, classes: ['a', 'b', 'c', 'd'] });
    expect([...source.tensors.keys()].filter((name) => name.endsWith('.weight'))).toEqual([
      ...[0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28].map((n) => `features.${n}.weight`),
      'classifier.0.weight',
      'classifier.3.weight',
    ]);
    expect(source.tensors.get('classifier.0.weight')).toEqual({
      name: 'classifier.0.weight',
      dtype: 'F32',
      shape: [5, 12],
      byteLength: 240,
    });
    expect(source.metadata).toEqual({
      preprocess: 'caffe',
      pool: 'flatten',
      activation: 'softmax',
      classes: '["a","b","c","d"]',
      source: 'file.h5 (Made-up)',
    });
    expect([source.format, source.notes]).toEqual([
      'Made-up',
      ['a note', expect.stringContaining('softmax is assumed; --activation sigmoid')],
    ]);
    expect(describeVgg16(source)).toMatchObject({
      featureSide: 2,
      pool: 'flatten',
      classes: ['a', 'b', 'c', 'd'],
    });
  });

  it('a head over the average, and none', () => {
    expect(describeVgg16(open({ dense: [layer('fc', [2, 3])], pool: 'avg' })).pool).toBe('avg');
    expect(open().metadata).toEqual({ preprocess: 'caffe', source: 'file.h5 (Made-up)' });
  });
});

describe('reading', () => {
  const inKerasOrder = (dtype: Dtype): FoundLayer => {
    const whole = wholeTensor('fc1/kernel', [2 * 2 * 3, 5], counting(60, dtype));
    const kernel = permuted(reshaped(whole, 0, [2, 2, 3]), [3, 2, 0, 1]);
    return { kernel, bias: layer('fc1', [5], dtype).bias };
  };
  const expected = Array.from({ length: 60 }, (_, i) => {
    const [o, c, y, x] = [Math.floor(i / 12), Math.floor(i / 4) % 3, Math.floor(i / 2) % 2, i % 2];
    return (((y * 2 + x) * 3 + c) * 5 + o) / 2;
  });

  it.each<Dtype>(['F32', 'F16', 'BF16'])('%s: any bytes, within numbers as well', async (dtype) => {
    const source = open({ dense: [inKerasOrder(dtype)] });
    expect(await floatsOf(source, 'classifier.0.weight')).toEqual(expected);
    const all = encodeFloats(Float32Array.from(expected), dtype);
    for (let start = 0; start < all.length; start += 7) {
      for (const length of [0, 1, 2, 5, 8, 41]) {
        const odd = new Uint8Array(length + 1).subarray(1, 1 + Math.min(length, all.length - start));
        await source.read('classifier.0.weight', start, odd);
        expect(odd).toEqual(all.slice(start, start + odd.length));
      }
    }
  });

  it('calls that overlap in time, of several tensors', async () => {
    const source = open({ dense: [inKerasOrder('F32')] });
    const names = ['classifier.0.weight', 'features.0.weight', 'classifier.0.weight', 'features.28.weight'];
    const [a, b, c, d] = await Promise.all(names.map((name) => floatsOf(source, name)));
    expect([a, c]).toEqual([expected, expected]);
    expect([b!.length, d!.length]).toEqual([27, 81]);
  });

  it('a fault names file and tensor, as the file calls it; the next call is answered', async () => {
    const broken = layer('fc1', [5, 3, 2, 2]);
    let failures = 1;
    const storage: Storage = {
      ...counting(60),
      read: async (start, target) => {
        if (failures-- > 0) throw new FileFault('the file ends at byte 7: it was shortened');
        await counting(60).read(start, target);
      },
    };
    const source = open({ dense: [{ ...broken, kernel: { ...broken.kernel, storage } }] });
    expect(await thrownBy(() => floatsOf(source, 'classifier.0.weight'))).toEqual(
      new WeightsError('folder/file.h5: tensor "fc1/kernel": the file ends at byte 7: it was shortened'),
    );
    expect((await floatsOf(source, 'classifier.0.weight')).length).toBe(60);
  });

  it('unknown names and bytes outside a tensor are a caller’s mistake', async () => {
    const source = open();
    await expect(source.read('fc9', 0, new Uint8Array(1))).rejects.toThrow(RangeError);
    await expect(source.read('features.0.bias', 1, new Uint8Array(4))).rejects.toThrow(RangeError);
    await expect(source.read('features.0.bias', -1, new Uint8Array(1))).rejects.toThrow(RangeError);
    await expect(source.read('features.0.bias', 0.5, new Uint8Array(1))).rejects.toThrow(RangeError);
  });

  it('closing it closes the archive', async () => {
    const before = closed;
    await open().close();
    expect(closed).toBe(before + 1);
  });
});

describe('wrong shapes, with the name in the file', () => {
  const replaced = (i: number, other: FoundLayer) => found().convs.map((conv, n) => (n === i ? other : conv));
  it.each<[string, Partial<FoundVgg16>]>([
    [
      'tensor "x/kernel": expected shape (O, 1, 3, 3), found (2, 1, 5, 5)',
      { convs: replaced(2, layer('x', [2, 1, 5, 5])) },
    ],
    [
      'tensor "x/kernel": expected shape (O, 2, 3, 3), found (2, 3, 3, 3)',
      { convs: replaced(4, layer('x', [2, 3, 3, 3])) },
    ],
    [
      'tensor "y/bias": expected shape (1,), found (4,)',
      { convs: replaced(0, { kernel: layer('x', [1, 3, 3, 3]).kernel, bias: layer('y', [4]).bias }) },
    ],
    [
      'tensor "fc/kernel": expected shape (O, 3, S, S), found (5, 3, 2, 3)',
      { dense: [layer('fc', [5, 3, 2, 3])] },
    ],
    [
      'tensor "fc/kernel": expected shape (O, 3), found (5, 4)',
      { dense: [layer('fc', [5, 4])], pool: 'avg' },
    ],
    [
      'tensor "fc2/kernel": expected shape (O, 5), found (2, 6)',
      { dense: [layer('fc', [5, 3, 2, 2]), layer('fc2', [2, 6])] },
    ],
  ])('%s', (message, change) => {
    expect(() => open(change)).toThrow(new WeightsError(`folder/file.h5: ${message}`));
  });
});
