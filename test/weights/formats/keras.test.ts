// Files that Keras 2, Keras 3 and TensorFlow.js' converter wrote: the same tensors to the bit, and the same answers.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openFile } from '../../../src/node/files.js';
import { openKerasH5 } from '../../../src/node/hdf5/keras_h5.js';
import { openKerasZip } from '../../../src/node/hdf5/keras_zip.js';
import { openWeights } from '../../../src/node/weights/open.js';
import type { KerasArchive } from '../../../src/weights/formats/keras_layers.js';
import { openTfjs } from '../../../src/weights/formats/tfjs.js';
import { describeVgg16 } from '../../../src/weights/vgg16.js';
import { logitsOf, relativeError } from '../../support/golden_weights.js';
import { useGpu } from '../../support/gpu.js';
import { temporaryFolder, thrownBy, write } from '../files.js';
import { zipBytes } from '../zip_writer.js';

interface Golden {
  /** Null without a top. */
  readonly logits: readonly number[] | null;
  /** Of each tensor's numbers as F32, by its path in the file. */
  readonly sha256: Readonly<Record<string, string>>;
}

/** Sums of some hundred products in 32 bits; the libraries add in another order. */
const TOLERANCE = 1e-5;

const CASES = ['keras/keras2', 'keras/keras3', 'tfjs/tfjs'].flatMap((json) => {
  const folder = `test/golden/${json.split('/')[0]}`;
  const cases = JSON.parse(readFileSync(`test/golden/${json}.json`, 'utf8')) as Record<string, Golden>;
  return Object.entries(cases).map(([name, golden]) => [name, `${folder}/${name}`, golden] as const);
});

const zipped = (entries: Readonly<Record<string, string>>) =>
  zipBytes(Object.entries(entries).map(([name, text]) => ({ name, bytes: Buffer.from(text) })));

const gpu = useGpu();
const folder = temporaryFolder();

async function openArchive(path: string): Promise<KerasArchive> {
  if (path.endsWith('.keras')) return openKerasZip(await openFile(path));
  return path.includes('tfjs')
    ? openTfjs(await openFile(`${path}/model.json`))
    : openKerasH5(await openFile(path));
}

describe.each(CASES)('%s', (_, path, { logits, sha256 }) => {
  it('has every tensor, bit for bit', async () => {
    const archive = await openArchive(path);
    try {
      const found: Record<string, string> = {};
      for (const [name, { storage }] of archive.tensors) {
        const values = new Float32Array(storage.length);
        await storage.read(0, values);
        found[name] = createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex');
      }
      expect(found).toEqual(sha256);
    } finally {
      await archive.close();
    }
  });

  it('gives the same logits', async () => {
    if (logits) expect(relativeError(await logitsOf(path, gpu()), logits)).toBeLessThan(TOLERANCE);
    else {
      const source = await openWeights(path);
      expect(describeVgg16(source)).toMatchObject({ dense: [], preprocess: 'caffe' });
      await source.close();
    }
  });
});

describe('how a file keeps its numbers', () => {
  it.each([
    ['keras/keras2_float16.h5', 'fc1/fc1/kernel:0', 'F16'],
    ['keras/keras2_gzip.h5', 'block3_conv2/block3_conv2/kernel:0', 'F64'],
    ['tfjs/uint8', 'fc1/kernel', 'U8 (quantised)'],
    ['tfjs/uint16', 'fc1/kernel', 'U16 (quantised)'],
    ['tfjs/float16', 'fc1/kernel', 'F16'],
  ])('%s: %s is %s', async (path, name, stored) => {
    const archive = await openArchive(`test/golden/${path}`);
    expect(archive.tensors.get(name)?.storage.stored).toBe(stored);
    await archive.close();
  });
});

describe('a .keras file', () => {
  const unpacked = join(folder, 'unpacked');
  beforeAll(() => {
    mkdirSync(unpacked);
    vi.stubEnv('TMPDIR', unpacked);
  });
  afterAll(() => vi.unstubAllEnvs());

  it('leaves nothing unpacked behind', async () => {
    const archive = await openKerasZip(await openFile('test/golden/keras/keras3_full.keras'));
    await archive.tensors.values().next().value?.storage.read(0, new Float32Array(1));
    await archive.close();
    expect(readdirSync(unpacked)).toEqual([]);
  });

  it('with bad weights is refused by its own name, and leaves nothing either', async () => {
    const path = write(
      folder,
      'bad.keras',
      zipped({ 'config.json': '{}', 'metadata.json': '{}', 'model.weights.h5': 'garbage' }),
    );
    const error = await thrownBy(async () => openKerasZip(await openFile(path)));
    expect(error.message).toBe(`${path}: model.weights.h5: HDF5 says "file signature not found"`);
    expect(readdirSync(unpacked)).toEqual([]);
  });

  it.each([
    ['without weights', { 'config.json': '{}' }, /without model.weights.h5/],
    ['without a description', { 'model.weights.h5': 'x' }, /zip entry "config.json": there is no such entry/],
    ['with a bad description', { 'config.json': '{', 'model.weights.h5': 'x' }, /config.json is not JSON/],
  ] as const)('%s is refused', async (_, entries, message) => {
    const error = await thrownBy(async () =>
      openKerasZip(await openFile(write(folder, 'other.keras', zipped(entries)))),
    );
    expect(error.message).toMatch(message);
  });
});
