// A head put on its base: found wherever it is, and refused where it is another.

import { copyFileSync, mkdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { UsageError, WeightsError } from '../../src/errors.js';
import { embeddedBasePath } from '../../src/node/embedded.js';
import { knownSource } from '../../src/node/fetch/manifest.js';
import { convertWeights } from '../../src/node/weights/convert.js';
import { baseRefOf } from '../../src/node/weights/locate.js';
import { fingerprintOfFile, type OpenOptions, openWeights } from '../../src/node/weights/open.js';
import { openSafetensors, writeSafetensors } from '../../src/node/weights/safetensors.js';
import { readFloats } from '../../src/weights/floats.js';
import { describeVgg16, type Vgg16Weights } from '../../src/weights/vgg16.js';
import { type RandomHead, randomTensors, writeRandomHead } from '../support/heads.js';
import { type RandomVgg16, writeRandomVgg16 } from '../support/random_vgg16.js';
import { changedCopy, temporaryFolder, thrownBy } from './files.js';

const folder = temporaryFolder();
const at = (...names: string[]) => join(folder, ...names);
const NARROW = {
  widths: [4, 4, 4, 4, 4],
  hidden: 8,
  classes: 10,
  featureSide: 1,
  seed: 1,
  top: false,
} as const;

async function base(name: string, options: Partial<RandomVgg16> = {}): Promise<string> {
  await writeRandomVgg16(at(name), { ...NARROW, ...options });
  return at(name);
}

let plain: string;
beforeAll(async () => {
  plain = await base('base.safetensors', {
    metadata: { preprocess: 'caffe', license: 'CC-BY-4.0', dtype: 'F32' },
  });
});
afterEach(() => vi.unstubAllEnvs());

const head = (options: Partial<RandomHead> = {}) => writeRandomHead(at('head'), { base: plain, ...options });

/** What is opened is closed again. */
async function described(
  path: string | URL,
  options?: OpenOptions,
): Promise<Vgg16Weights & { basePath: string }> {
  const source = await openWeights(path, options);
  await source.close();
  return { ...describeVgg16(source), basePath: source.base!.path };
}

describe('a head with its base', () => {
  test('is a whole VGG16', async () => {
    const source = await openWeights(await head());
    const { convs, dense, ...rest } = describeVgg16(source);
    expect(rest).toMatchObject({
      ...{ pool: 'avg', features: 'block5_pool', size: 64, preprocess: 'caffe', classes: ['ant', 'bee'] },
      featureSide: undefined,
    });
    expect([convs.length, dense.map(({ inputs, outputs }) => [inputs, outputs])]).toEqual([13, [[4, 2]]]);
    expect(source.base).toEqual({
      ...{ ref: plain, path: plain, format: 'safetensors' },
      fingerprint: await fingerprintOfFile(plain, 'block5_pool'),
      isChanged: false,
    });
    const own = await openSafetensors(plain);
    for (const name of own.tensors.keys()) {
      expect(await readFloats(source, name)).toEqual(await readFloats(own, name));
    }
    for await (const { name, values } of randomTensors([4, 2])) {
      expect(await readFloats(source, name)).toEqual(values);
    }
    await expect(source.read('classifier.0.bias', 5, new Uint8Array(4))).rejects.toThrow(RangeError);
    await Promise.all([own.close(), source.close()]);
  });

  test('reads only the layers that it stands on, and leaves out its training and the head of its base', async () => {
    const whole = await base('whole', { top: true });
    const state = [{ name: 'fc1.kernel.m', shape: [1], read: async () => Float32Array.of(0) }];
    const path = await head({
      base: whole,
      features: 'block3_pool',
      units: [256, 3, 2],
      pool: 'flatten',
      state,
    });
    const { convs, dense, featureSide, source } = await described(path, {});
    expect([convs.at(-1)!.layer, featureSide, dense.length]).toEqual(['block3_conv3', 8, 2]);
    expect([...source.tensors.keys()].filter((name) => !/^features\.([02579]|1[024])\./.test(name))).toEqual([
      ...['classifier.0.weight', 'classifier.0.bias', 'classifier.3.weight', 'classifier.3.bias'],
    ]);
  });

  test.each([
    ['PyTorch', resolve('test/golden/pytorch/zip.pth')],
    ['Keras', resolve('test/golden/keras/keras2_full.h5')],
  ])('takes a base of %s', async (_, path) => {
    const file = await openWeights(path);
    const width = describeVgg16(file).convs.at(-1)!.outputChannels;
    await file.close();
    const { dense, basePath } = await described(await head({ base: path, units: [width, 2] }));
    expect([basePath, dense.length]).toEqual([path, 1]);
  });
});

describe('the base', () => {
  test.each(['embedded', undefined])('is the one in the package: %s', async (ref) => {
    const path = await head({
      ...{ base: embeddedBasePath(), features: 'block1_pool', units: [64, 2] },
      ...(ref && { ref }),
    });
    expect((await described(path)).basePath).toBe(embeddedBasePath());
  });

  test("is looked for beside the head, where its path begins at the head's folder", async () => {
    mkdirSync(at('runs', 'train'), { recursive: true });
    const path = await writeRandomHead(at('runs', 'train', 'best.safetensors'), {
      base: plain,
      ref: relative(at('runs', 'train'), plain),
    });
    expect((await described(path)).basePath).toBe(plain);
    expect((await described(at('runs', 'train'))).basePath).toBe(plain);
    expect((await described(pathToFileURL(at('runs', 'train')))).basePath).toBe(plain);
  });

  test('may be one of the cache, by its name', async () => {
    vi.stubEnv('VGG16_CACHE', at('cache'));
    const error = await thrownBy(async () => described(await head({ ref: 'timm' })));
    expect(error.message).toBe(
      `${at('head')}: its base, timm, is not in the cache; \`vgg16 weights fetch timm\` fetches it, ` +
        '--base FILE (base) names another',
    );
    const file = at('cache', 'weights', knownSource('timm').file);
    mkdirSync(at('cache', 'weights'), { recursive: true });
    await writeRandomVgg16(file, { ...NARROW, top: true, naming: 'timm', classes: 1000 });
    expect((await described(await head({ base: file, ref: 'timm' }))).basePath).toBe(file);
    expect(await baseRefOf(file)).toBe('timm');
  });

  test('may be named', async () => {
    const copy = at('copy.safetensors');
    copyFileSync(plain, copy);
    const path = await head({ ref: at('gone.safetensors') });
    expect((await described(path, { base: copy })).basePath).toBe(copy);
    expect((await described(path, { base: pathToFileURL(copy) })).basePath).toBe(copy);
    const error = await thrownBy(() => described(path));
    expect(error.message).toBe(
      `${path}: its base, ${at('gone.safetensors')}, is not there; --base FILE (base) names another`,
    );
  });

  test('is refused where a number of it is another', async () => {
    const other = await changedCopy(plain, at('other.safetensors'), {
      change: (name, values) => {
        if (name === 'features.28.weight') values[3]! += 1;
      },
    });
    const error = await thrownBy(async () => described(await head(), { base: other }));
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message).toMatch(
      /head was trained on another base than .*other\.safetensors: on ".*base\.safetensors" with the fingerprint [0-9a-f]{12}…, this one has [0-9a-f]{12}…; --base FILE \(base\) names another$/,
    );
    expect((await described(await head({ features: 'block4_pool' }), { base: other })).convs).toHaveLength(
      10,
    );
  });

  test('is no head, and none is for what is no head', async () => {
    const path = await head();
    const twice = await thrownBy(async () =>
      described(await writeRandomHead(at('second'), { base: plain, ref: path })),
    );
    expect(twice.message).toBe(
      `${at('second')}: its base, ${path}, is a head itself; --base FILE (base) names another`,
    );
    const none = await thrownBy(() => openWeights(plain, { base: plain }));
    expect(none).toBeInstanceOf(UsageError);
    expect(none.message).toContain('is no head: it has convolutions of its own');
  });

  test('must reach as far as the head', async () => {
    const path = await head({ features: 'block2_pool' });
    await convertWeights(path, at('short'));
    const error = await thrownBy(async () => described(await head(), { base: at('short') }));
    expect(error.message).toContain('stands on block5_pool, but its base');
  });

  test('is called by a name that is good elsewhere, or else by its whole path', async () => {
    expect(await baseRefOf(embeddedBasePath())).toBe('embedded');
    expect(await baseRefOf(relative('.', plain))).toBe(plain);
  });
});

describe('a head that does not fit', () => {
  test.each<[string, Partial<RandomHead>, string]>([
    ['inputs', { units: [5, 2] }, 'tensor "classifier.0.weight": expected shape (O, 4), found (2, 5)'],
    [
      'size',
      { units: [16, 2], pool: 'flatten', size: 112 },
      'metadata size is "112", of which block5_pool makes a map of side 3, but "classifier.0.weight" reads one of side 2',
    ],
  ])('its base is refused: %s', async (_, options, message) => {
    const error = await thrownBy(async () => described(await head(options)));
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message).toContain(message);
  });
});

test('a head with a tensor of a base in it is refused', async () => {
  const source = await openSafetensors(await head());
  const data = [new Uint8Array(16)];
  await source.close();
  await writeSafetensors(
    at('mixed'),
    [{ name: 'features.2.bias', dtype: 'F32', shape: [4], data }],
    source.metadata,
  );
  const error = await thrownBy(() => openWeights(at('mixed')));
  expect(error).toEqual(
    new WeightsError(`${at('mixed')}: a head with a tensor of a base, "features.2.bias"`),
  );
});

describe('what a head is converted to', () => {
  test('needs no base, and keeps what both said', async () => {
    const path = await head({
      ...{ features: 'block4_pool', size: 100, units: [144, 3], pool: 'flatten' },
      metadata: { 'train.epoch': '3', accuracy: '0.93' },
    });
    const { metadata } = await convertWeights(path, at('one'), { dtype: 'f32' });
    expect(metadata).toEqual({
      ...{
        features: 'block4_pool',
        pool: 'flatten',
        activation: 'softmax',
        size: '100',
        accuracy: '0.93',
        format: 'pt',
      },
      classes: '["ant","bee","kind 2"]',
      'base-license': 'CC-BY-4.0',
      preprocess: 'caffe (BGR, minus 103.939 116.779 123.68)',
      source: 'head (safetensors, a head)',
    });
    const source = await openWeights(at('one'));
    const { convs, dense, size, featureSide } = describeVgg16(source);
    expect([convs.length, dense.length, size, featureSide]).toEqual([10, 1, 100, 6]);
    for await (const { name, values } of randomTensors([144, 3])) {
      expect(await readFloats(source, name)).toEqual(values);
    }
    await source.close();
    expect(source.base).toBeUndefined();
    const again = await openWeights(await head({ base: at('one'), features: 'block4_pool' }));
    await again.close();
    expect(again.metadata['base-license']).toBe('CC-BY-4.0');
  });

  test.each([
    ['its base', () => plain],
    ['the head itself', () => at('head')],
  ])('is not written over %s', async (_, output) => {
    const path = await head();
    const error = await thrownBy(() => convertWeights(path, output(), { overwrite: true }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain('would be converted onto itself');
    expect((await described(path)).dense).toHaveLength(1);
  });
});
