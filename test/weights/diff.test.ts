import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSafetensors } from '../../src/node/weights/safetensors.js';
import { diffWeights, isSameNetwork, type WeightsDiff } from '../../src/weights/diff.js';
import { readFloats } from '../../src/weights/floats.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { type RandomVgg16, writeRandomVgg16 } from '../support/random_vgg16.js';
import { changedCopy, temporaryFolder } from './files.js';

const folder = temporaryFolder();
const NARROW = { widths: [4, 4, 4, 4, 4], hidden: 8, classes: 10, featureSide: 2, seed: 1 } as const;

async function written(name: string, options: Partial<RandomVgg16> = {}): Promise<string> {
  const path = join(folder, name);
  await writeRandomVgg16(path, { ...NARROW, ...options });
  return path;
}

const changed = (path: string, to: Parameters<typeof changedCopy>[2]) =>
  changedCopy(path, `${path}.changed`, to);

async function diff(pathA: string, pathB: string): Promise<WeightsDiff> {
  const [a, b] = [await openSafetensors(pathA), await openSafetensors(pathB)];
  try {
    return await diffWeights(describeVgg16(a), describeVgg16(b));
  } finally {
    await a.close();
    await b.close();
  }
}

test('a file and itself are the same in every bit', async () => {
  const path = await written('self');
  const found = await diff(path, path);
  expect(found.tensors).toHaveLength(32);
  for (const { equal, maxAbs, nmse } of found.tensors) expect([equal, maxAbs, nmse]).toEqual(['bits', 0, 0]);
  expect(isSameNetwork(found)).toBe(true);
});

test("torchvision's and timm's names are one network", async () => {
  const found = await diff(await written('tv'), await written('timm', { naming: 'timm' }));
  expect(found.tensors.map(({ equal }) => equal)).toEqual(Array(32).fill('bits'));
  expect(found.tensors.at(-6)).toMatchObject({ name: 'classifier.0.weight', shape: [8, 16] });
  expect(isSameNetwork(found)).toBe(true);
});

test.each(['F16', 'BF16'] as const)(
  'what is rounded to %s is the same, with the loss told',
  async (dtype) => {
    const original = await written(`original ${dtype}`);
    const rounded = await changed(original, { dtype });
    for (const [a, b] of [
      [original, rounded],
      [rounded, original],
    ] as const) {
      const found = await diff(a, b);
      expect(new Set(found.tensors.map(({ equal }) => equal))).toEqual(new Set(['rounded']));
      expect(isSameNetwork(found)).toBe(true);
      const step = dtype === 'F16' ? 2 ** -11 : 2 ** -8;
      for (const { nmse, maxAbs } of found.tensors) {
        expect(nmse).toBeGreaterThan(0);
        expect(nmse).toBeLessThan(step ** 2);
        expect(maxAbs).toBeLessThan(step * 4);
      }
    }
  },
);

test('one number that is not what rounding makes of it is found', async () => {
  const original = await written('one');
  const found = await diff(
    original,
    await changed(original, {
      dtype: 'F16',
      change: (name, values) => {
        if (name === 'features.12.weight') values[17] = values[17]! * (1 + 2 ** -9);
      },
    }),
  );
  expect(found.tensors.filter(({ equal }) => equal === 'no').map(({ name }) => name)).toEqual([
    'features.12.weight',
  ]);
  expect(isSameNetwork(found)).toBe(false);
});

test('largest difference and NMSE are those worked out by hand', async () => {
  const original = await written('by hand');
  const double = await changed(original, {
    change: (name, values) => {
      if (name === 'classifier.6.bias') for (let i = 0; i < values.length; i++) values[i]! *= 2;
    },
  });
  const source = await openSafetensors(original);
  const bias = await readFloats(source, 'classifier.6.bias');
  await source.close();
  const found = await diff(original, double);
  const largest = Math.max(...bias.map(Math.abs));
  expect(found.tensors.at(-1)).toMatchObject({ equal: 'no', maxAbs: largest, nmse: 1 });
  expect(isSameNetwork(found, largest)).toBe(true);
  expect(isSameNetwork(found, largest * 0.999)).toBe(false);
});

test('NaN is equal to itself and to nothing else', async () => {
  const original = await written('nan');
  const poisoned = await changed(original, {
    change: (name, values) => {
      if (name === 'features.0.bias') values[0] = Number.NaN;
    },
  });
  const found = await diff(original, poisoned);
  expect(found.tensors[1]).toMatchObject({ equal: 'no', maxAbs: Number.POSITIVE_INFINITY });
  expect(isSameNetwork(found, 1e30)).toBe(false);
  expect(isSameNetwork(await diff(poisoned, poisoned))).toBe(true);
});

test('tensors that one lacks, other shapes and other preprocessing are told', async () => {
  const whole = await written('whole');
  const notop = await diff(whole, await written('notop', { top: false }));
  expect(notop.tensors).toHaveLength(26);
  expect([notop.onlyA.length, notop.onlyB, notop.shapes]).toEqual([6, [], []]);
  expect(isSameNetwork(notop)).toBe(false);

  const wider = await diff(whole, await written('wider', { classes: 11 }));
  expect(wider.shapes).toEqual([
    { name: 'classifier.6.weight', a: [10, 8], b: [11, 8], dtypes: ['F32', 'F32'] },
    { name: 'classifier.6.bias', a: [10], b: [11], dtypes: ['F32', 'F32'] },
  ]);
  expect(isSameNetwork(wider)).toBe(false);

  const caffe = await diff(whole, await written('caffe', { metadata: { preprocess: 'caffe' } }));
  expect(caffe.preprocess).toEqual(['torchvision', 'caffe']);
  expect(caffe.tensors.every(({ equal }) => equal === 'bits')).toBe(true);
  expect(isSameNetwork(caffe)).toBe(false);
});

test('a signal stops it, and progress ends at the whole', async () => {
  const path = await written('signal');
  const [a, b] = [await openSafetensors(path), await openSafetensors(path)];
  try {
    const [weightsA, weightsB] = [describeVgg16(a), describeVgg16(b)];
    const stop = AbortSignal.abort(new Error('enough'));
    await expect(diffWeights(weightsA, weightsB, { signal: stop })).rejects.toThrow('enough');
    const seen: number[] = [];
    await diffWeights(weightsA, weightsB, {
      onProgress: ({ loaded, total }) => seen.push(loaded / total),
    });
    expect(seen).toHaveLength(32);
    expect(seen.at(-1)).toBe(1);
  } finally {
    await a.close();
    await b.close();
  }
});
