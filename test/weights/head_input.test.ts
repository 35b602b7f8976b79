// Files that say which layer their head stands on.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { featureSideOf, poolingsUntil } from '../../src/architecture.js';
import { openWeights } from '../../src/node/weights/open.js';
import { openSafetensors, writeSafetensors } from '../../src/node/weights/safetensors.js';
import { describeVgg16, type Vgg16Weights } from '../../src/weights/vgg16.js';
import { type RandomVgg16, writeRandomVgg16 } from '../support/random_vgg16.js';
import { temporaryFolder, thrownBy } from './files.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const NARROW: RandomVgg16 = { widths: [4, 4, 4, 4, 4], hidden: 8, classes: 3, featureSide: 2, seed: 1 };

async function described(options: Partial<RandomVgg16>, keep = (_: string) => true): Promise<Vgg16Weights> {
  await writeRandomVgg16(at('all'), { ...NARROW, ...options });
  const all = await openSafetensors(at('all'));
  const kept = [...all.tensors.values()].filter(({ name }) => keep(name));
  const tensors = kept.map(({ name, dtype, shape, byteLength }) => {
    return { name, dtype, shape, data: [new Uint8Array(byteLength)] };
  });
  await all.close();
  await writeSafetensors(at('some'), tensors, all.metadata);
  const source = await openWeights(at('some'));
  try {
    return describeVgg16(source);
  } finally {
    await source.close();
  }
}

const isEarly = (name: string) => !/^features\.2[468]/.test(name);

describe('a VGG16 whose head stands on block4_pool', () => {
  const metadata = { features: 'block4_pool', preprocess: 'caffe' };

  test('needs no later layers, and leaves them out where they are there', async () => {
    for (const keep of [isEarly, () => true]) {
      const { convs, dense, features, size } = await described({ metadata }, keep);
      expect([features, convs.length, convs.at(-1)!.layer, size]).toEqual([
        ...['block4_pool', 10, 'block4_conv3', undefined],
      ]);
      expect(dense.map(({ outputs }) => outputs)).toEqual([8, 8, 3]);
    }
  });

  test('has to say so: a file that does not lacks tensors', async () => {
    const error = await thrownBy(() => described({}, isEarly));
    expect(error.message).toContain('not a VGG16: missing tensors of the base: "features.24.weight"');
  });

  test('misses what lies below its head', async () => {
    const error = await thrownBy(() => described({ metadata }, (name) => name !== 'features.21.bias'));
    expect(error.message).toContain('missing tensors of the base: "features.21.bias"');
  });

  test('is found under a prefix as well', async () => {
    await writeRandomVgg16(at('plain'), { ...NARROW, metadata: { ...metadata, size: '32' } });
    const plain = await openSafetensors(at('plain'));
    const tensors = [...plain.tensors.values()].map(({ name, dtype, shape, byteLength }) => {
      return { name: `model.${name}`, dtype, shape, data: [new Uint8Array(byteLength)] };
    });
    await plain.close();
    await writeSafetensors(at('prefixed'), tensors, plain.metadata);
    const source = await openWeights(at('prefixed'));
    await source.close();
    const { features, convs, size } = describeVgg16(source);
    expect([features, convs.length, size]).toEqual(['block4_pool', 10, 32]);
  });
});

describe('metadata of a whole VGG16', () => {
  test.each([
    [{ features: 'block6_pool' }, 'metadata features is "block6_pool", expected one of block1_pool'],
    [{ size: '7' }, 'metadata size is "7", expected a side in pixels, 32 or more'],
    [{ size: '224' }, 'metadata size is "224", of which block5_pool makes a map of side 7, but'],
  ])('that make no sense are one line: %o', async (metadata, message) => {
    const error = await thrownBy(() => described({ metadata: { preprocess: 'caffe', ...metadata } }));
    expect(error.message).toContain(message);
  });
});

test('each pooling halves a side, and drops an odd pixel', () => {
  expect([224, 225, 112, 63, 32].map((side) => featureSideOf(side, 'block5_pool'))).toEqual([7, 7, 3, 1, 1]);
  expect([224, 63].map((side) => featureSideOf(side, 'block2_pool'))).toEqual([56, 15]);
  expect(poolingsUntil('block3_pool')).toBe(3);
});
