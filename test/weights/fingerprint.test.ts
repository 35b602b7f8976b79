// The fingerprint of a base: the same numbers have the same one, whatever the format.

import { createHash } from 'node:crypto';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/errors.js';
import { embeddedBasePath } from '../../src/node/embedded.js';
import { convertWeights } from '../../src/node/weights/convert.js';
import { fingerprintOfFile, openWeights } from '../../src/node/weights/open.js';
import { fingerprintOf } from '../../src/weights/fingerprint.js';
import { readFloats } from '../../src/weights/floats.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { type RandomVgg16, writeRandomVgg16 } from '../support/random_vgg16.js';
import { changedCopy, temporaryFolder } from './files.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const NARROW = { widths: [4, 4, 5, 4, 6], hidden: 8, classes: 10, featureSide: 1, seed: 1 } as const;

async function written(name: string, options: Partial<RandomVgg16> = {}): Promise<string> {
  await writeRandomVgg16(at(name), { ...NARROW, ...options });
  return at(name);
}

describe('the fingerprint', () => {
  test('is the SHA-256 of names, shapes and numbers', async () => {
    const path = await written('plain');
    const source = await openWeights(path);
    const hash = createHash('sha256');
    for (const [name, shape] of [
      ['features.0.weight', '(4, 3, 3, 3)'],
      ['features.0.bias', '(4,)'],
      ['features.2.weight', '(4, 4, 3, 3)'],
      ['features.2.bias', '(4,)'],
    ] as const) {
      hash.update(`${name} ${shape}\n`).update(await readFloats(source, name));
    }
    const wanted = hash.digest('hex');
    expect(await fingerprintOf(describeVgg16(source), 'block1_pool')).toBe(wanted);
    expect(await fingerprintOfFile(path, 'block1_conv2')).toBe(wanted);
    await source.close();
  });

  // Computed of the file by Python's struct, numpy and hashlib. Caches on users' disks are named by it: it must not change.
  test('is what it always was', async () => {
    expect(await fingerprintOfFile(embeddedBasePath(), 'block1_pool')).toBe(
      '4baa3d10673c46e4420e3374d932280b37d4b3d809cbbb92be569f8e04a0a9c5',
    );
    expect(await fingerprintOfFile(embeddedBasePath(), 'block5_pool')).toBe(
      '3d7b8f6786fc19eac5e5d972dcada018775ff8798023b22c9dd3424ef2edf130',
    );
  });

  test('is the same in f16 and f32, in any naming, with and without a head', async () => {
    const f16 = await written('f16', { dtype: 'F16' });
    const wanted = await fingerprintOfFile(f16, 'block5_pool');
    const f32 = await changedCopy(f16, at('f32'), { dtype: 'F32' });
    expect(await fingerprintOfFile(f32, 'block5_pool')).toBe(wanted);
    const timm = await written('timm', { dtype: 'F16', naming: 'timm' });
    expect(await fingerprintOfFile(timm, 'block5_pool')).toBe(wanted);
    const base = await written('base', { dtype: 'F16', top: false });
    expect(await fingerprintOfFile(base, 'block5_pool')).toBe(wanted);
  });

  test.each([
    ['PyTorch', resolve('test/golden/pytorch/zip.pth')],
    ['Keras', resolve('test/golden/keras/keras2_full.h5')],
  ])('is the same in a file of %s and what it was converted to', async (name, path) => {
    const converted = at(`${name}.safetensors`);
    await convertWeights(path, converted);
    expect(await fingerprintOfFile(converted, 'block5_pool')).toBe(
      await fingerprintOfFile(path, 'block5_pool'),
    );
  });

  test('tells a single bit, and only below the layer', async () => {
    const path = await written('right');
    const other = await changedCopy(path, at('bit'), {
      change: (name, values) => {
        if (name === 'features.21.bias') new Uint32Array(values.buffer)[2]! ^= 1;
      },
    });
    expect(await fingerprintOfFile(other, 'block3_pool')).toBe(await fingerprintOfFile(path, 'block3_pool'));
    expect(await fingerprintOfFile(other, 'block4_conv2')).toBe(
      await fingerprintOfFile(path, 'block4_conv2'),
    );
    for (const layer of ['block4_pool', 'block4_conv3', 'block5_pool']) {
      expect(await fingerprintOfFile(other, layer)).not.toBe(await fingerprintOfFile(path, layer));
    }
  });

  test('is of layers of the base', async () => {
    const path = await written('whole');
    for (const layer of ['fc1', 'softmax', 'block6_pool', 'block1', '']) {
      await expect(fingerprintOfFile(path, layer)).rejects.toThrow(UsageError);
    }
  });

  test('is computed once for a file as it is, and again when the file has changed', async () => {
    const path = await written('hashed once');
    const open = () => fingerprintOfFile(path, 'block1_pool');
    const time = new Date(1_700_000_000_000);
    await utimes(path, time, time);
    const first = await open();
    // Other numbers under the same size and time are not looked at: nothing was read again.
    const bytes = await readFile(path);
    bytes[bytes.length - 3]! ^= 1;
    const header = 8 + Number(bytes.readBigUInt64LE());
    bytes[header + 1]! ^= 1;
    await writeFile(path, bytes);
    await utimes(path, time, time);
    expect(await open()).toBe(first);
    await utimes(path, time, new Date(time.getTime() + 1000));
    expect(await open()).not.toBe(first);
  });
});
