import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WeightsError } from '../../src/errors.js';
import { embeddedBasePath, isWithoutWeights } from '../../src/node/embedded.js';
import { openSafetensors } from '../../src/node/weights/safetensors.js';
import { decodeFloats, encodeFloats, findNonFinite, readFloats } from '../../src/weights/floats.js';
import type { WeightsSource } from '../../src/weights/source.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { temporaryFolder, thrownBy, write } from '../weights/files.js';

const DATA = process.env.VGG16_TEST_DATA ?? '../shared/data';
const ORIGINAL = join(DATA, 'vgg16-imagenet-base.safetensors');

describe('the path of the embedded base', () => {
  const folder = realpathSync(temporaryFolder());
  const root = join(folder, 'node_modules', 'vgg16-webgpu');
  const base = join(root, 'weights', 'vgg16-imagenet-base.safetensors');
  const moduleAt = (...path: string[]) => pathToFileURL(join(root, ...path)).href;

  beforeAll(() => {
    mkdirSync(join(root, 'weights'), { recursive: true });
    write(folder, 'package.json', '{"name":"an-app"}');
    write(root, 'package.json', '{"name":"vgg16-webgpu"}');
  });

  test('is this repository’s own, seen from here', () => {
    expect(embeddedBasePath()).toBe(join(process.cwd(), 'weights', 'vgg16-imagenet-base.safetensors'));
  });

  test.each([
    ['dist', 'index.js'],
    ['dist', 'chunks', 'chunk-ABC.js'],
    ['.build', 'verify.js'],
    ['src', 'weights', 'embedded.ts'],
  ])('is found from %s %s %s', (...path) => {
    write(join(root, 'weights'), 'vgg16-imagenet-base.safetensors', '');
    expect(embeddedBasePath(moduleAt(...path))).toBe(base);
  });

  test('passes over the package.json of others and broken ones', () => {
    const inner = join(root, 'dist', 'inner');
    mkdirSync(inner, { recursive: true });
    write(join(root, 'dist'), 'package.json', '{"type":"module"}');
    write(inner, 'package.json', 'null');
    expect(embeddedBasePath(moduleAt('dist', 'inner', 'index.js'))).toBe(base);
    write(inner, 'package.json', '{');
    expect(embeddedBasePath(moduleAt('dist', 'inner', 'index.js'))).toBe(base);
  });

  test('is an error where the file is missing, and where the package is', async () => {
    mkdirSync(join(folder, 'other'));
    write(join(folder, 'other'), 'package.json', '{"name":"vgg16-webgpu"}');
    const missing = await thrownBy(() => embeddedBasePath(pathToFileURL(join(folder, 'other', 'x.js')).href));
    expect(missing).toBeInstanceOf(WeightsError);
    expect(missing.message).toMatch(/other.weights.vgg16-imagenet-base.safetensors: no such file; install/);
    const bundled = await thrownBy(() => embeddedBasePath(pathToFileURL(join(folder, 'app.js')).href));
    expect(bundled).toBeInstanceOf(WeightsError);
    expect(bundled.message).toContain(`the package vgg16-webgpu is not above ${folder}`);
  });

  test('is not looked for in a bundle that leaves it out', async () => {
    mkdirSync(join(folder, 'bundle'));
    write(join(folder, 'bundle'), 'package.json', '{"name":"vgg16-webgpu","isWithoutWeights":true}');
    const module = pathToFileURL(join(folder, 'bundle', 'vgg16.js')).href;
    expect([isWithoutWeights(module), isWithoutWeights()]).toEqual([true, false]);
    expect((await thrownBy(() => embeddedBasePath(module))).message).toMatch(
      /this bundle leaves it out; name a/,
    );
  });
});

describe('the embedded base', () => {
  let source: WeightsSource;
  beforeAll(async () => {
    source = await openSafetensors(embeddedBasePath());
  });
  afterAll(() => source.close());

  test('is a VGG16 of full width without its top, in F16, for caffe’s preprocessing', () => {
    const { convs, dense, preprocess } = describeVgg16(source);
    const widths = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512];
    expect(convs.map(({ outputChannels }) => outputChannels)).toEqual(widths);
    expect({ dense, preprocess }).toEqual({ dense: [], preprocess: 'caffe' });
    const entries = [...source.tensors.values()];
    expect(entries.every(({ dtype }) => dtype === 'F16')).toBe(true);
    expect(entries.reduce((sum, { byteLength }) => sum + byteLength / 2, 0)).toBe(14_714_688);
    expect(entries[0]?.name).toBe('features.0.weight');
  });

  test('says whose it is, under which licence, and what was changed', () => {
    expect(source.metadata.license).toContain('CC-BY-4.0');
    expect(source.metadata.author).toContain('Simonyan');
    expect(source.metadata.attribution).toContain('arXiv:1409.1556');
    expect(source.metadata.changes).toContain('F32 to F16');
  });

  test('holds finite numbers, and the last bias that is published for the original', async () => {
    for (const { name, byteLength, dtype } of source.tensors.values()) {
      const bytes = new Uint8Array(byteLength);
      await source.read(name, 0, bytes);
      expect(findNonFinite(bytes, dtype)).toBe(-1);
    }
    const bias = await readFloats(source, 'features.28.bias');
    const mean = bias.reduce((sum, b) => sum + b, 0) / bias.length;
    expect(Math.abs(mean - 0.14986369)).toBeLessThan(2e-5); // F16 moves single values by up to 2e-3
    expect(Math.abs(Math.max(...bias) - 9.431553)).toBeLessThan(2 ** -8); // half a step of F16 from 8 to 16
    expect(Math.abs(Math.min(...bias) + 0.50036746)).toBeLessThan(2 ** -12);
  });

  test('has the size and the hash that its card tells', () => {
    const bytes = readFileSync(embeddedBasePath());
    const card = readFileSync('weights/README.md', 'utf8');
    expect(card).toContain(createHash('sha256').update(bytes).digest('hex'));
    expect(card).toContain(`${bytes.length.toLocaleString('en-US')} bytes`);
  });

  const absent = existsSync(ORIGINAL) ? '' : ` (SKIPPED: no ${ORIGINAL}; set VGG16_TEST_DATA)`;
  test.skipIf(absent)(`is the F32 original, rounded, value by value${absent}`, async () => {
    const original = await openSafetensors(ORIGINAL);
    expect([...source.tensors.keys()].sort()).toEqual([...original.tensors.keys()].sort());
    let squares = 0;
    let squaredErrors = 0;
    for (const { name, shape } of source.tensors.values()) {
      expect(original.tensors.get(name)?.shape).toEqual(shape);
      const values = await readFloats(original, name);
      const stored = await readFloats(source, name);
      const rounded = decodeFloats(encodeFloats(values, 'F16'), 'F16');
      expect(Buffer.from(stored.buffer).equals(Buffer.from(rounded.buffer)), name).toBe(true);
      for (let i = 0; i < values.length; i++) {
        squares += values[i]! ** 2;
        squaredErrors += (values[i]! - stored[i]!) ** 2;
      }
    }
    await original.close();
    expect(squaredErrors / squares).toBeLessThan(4.3e-8); // 2^-11 at worst a value; 4.27e-8 as the card tells
  });
});
