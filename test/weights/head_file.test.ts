// Heads in files of their own: what is written, what is read, and what is refused.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WeightsError } from '../../src/errors.js';
import {
  openHeadFile,
  openSafetensors,
  writeHead,
  writeSafetensors,
} from '../../src/node/weights/safetensors.js';
import { readFloats } from '../../src/weights/floats.js';
import { type HeadTensor, type HeadToWrite, headLayout } from '../../src/weights/head_file.js';
import { randomTensors } from '../support/heads.js';
import { temporaryFolder, thrownBy } from './files.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const UNITS = [6, 5, 3];

function head(options: Partial<HeadToWrite> = {}): HeadToWrite {
  return {
    features: 'block4_pool',
    pool: 'avg',
    size: 112,
    classes: ['ant', 'bee', 'cat “big”'],
    preprocess: 'caffe',
    base: { ref: 'embedded', fingerprint: '0123456789abcdef'.repeat(4) },
    units: UNITS,
    tensors: randomTensors(UNITS),
    ...options,
  };
}

describe('a head', () => {
  test('is read as it was written', async () => {
    await writeHead(at('head'), head({ metadata: { note: 'mine' } }));
    const { tensors, source, ...file } = await openHeadFile(at('head'));
    expect(file).toMatchObject({
      ...{ path: at('head'), features: 'block4_pool', pool: 'avg', size: 112, preprocess: 'caffe' },
      classes: ['ant', 'bee', 'cat “big”'],
      base: { ref: 'embedded', fingerprint: '0123456789abcdef'.repeat(4) },
    });
    expect(file.metadata.note).toBe('mine');
    expect(tensors.map(({ name, shape }) => [name, shape])).toEqual([
      ['classifier.0.weight', [5, 6]],
      ['classifier.0.bias', [5]],
      ['classifier.3.weight', [3, 5]],
      ['classifier.3.bias', [3]],
    ]);
    expect(headLayout(UNITS)).toEqual(tensors.map(({ name, shape }) => ({ name, shape })));
    for await (const { name, values } of randomTensors(UNITS)) {
      expect(await readFloats(source, name)).toEqual(values);
    }
    await file.close();
  });

  test('gives the same bytes for the same head', async () => {
    await writeHead(at('once'), head());
    await writeHead(at('twice'), head());
    expect(readFileSync(at('once')).equals(readFileSync(at('twice')))).toBe(true);
  });

  test('may hold the state of its training, apart from the head', async () => {
    const moments = Float32Array.of(1, -2, 3);
    const state = [{ name: 'fc1.kernel.m', shape: [3], read: async () => moments }];
    await writeHead(at('last'), head({ state, metadata: { 'train.epoch': '7' } }));
    const file = await openHeadFile(at('last'));
    expect(file.tensors).toHaveLength(4);
    expect([...file.state.keys()]).toEqual(['fc1.kernel.m']);
    expect(await file.readState('fc1.kernel.m')).toEqual(moments);
    expect(file.metadata['train.epoch']).toBe('7');
    await expect(file.readState('fc1.kernel.v')).rejects.toThrow(RangeError);
    await file.close();
  });
});

describe('a head that cannot be', () => {
  async function* changed(
    change: (tensor: HeadTensor) => HeadTensor | undefined,
  ): AsyncGenerator<HeadTensor> {
    for await (const tensor of randomTensors(UNITS)) {
      const other = change(tensor);
      if (!other) return;
      yield other;
    }
  }

  test.each<[string, Partial<HeadToWrite>, string]>([
    [
      'ends early',
      { tensors: changed((tensor) => (tensor.name === 'classifier.3.bias' ? undefined : tensor)) },
      'the head to be written ends before "classifier.3.bias" (3,)',
    ],
    [
      'has other shapes than its units say',
      { tensors: randomTensors([6, 4, 3]) },
      'the head to be written has "classifier.0.weight" (4, 6) where its units need "classifier.0.weight" (5, 6)',
    ],
    [
      'is not finite',
      {
        tensors: changed((tensor) =>
          tensor.name === 'classifier.0.bias'
            ? { ...tensor, values: Float32Array.of(0, 1, NaN, 3, 4) }
            : tensor,
        ),
      },
      'tensor "classifier.0.bias": element 2 is NaN',
    ],
    ['has too few names', { classes: ['ant'] }, 'metadata classes has 1 names, but the head has 3 outputs'],
    [
      'stands on no pooling layer',
      { features: 'block4_conv1' },
      'metadata features is "block4_conv1", expected one of',
    ],
    [
      'was trained on tiny pictures',
      { size: 16 },
      'metadata size is "16", expected a side in pixels, 32 or more',
    ],
  ])('is not written where it %s', async (_, options, message) => {
    const error = await thrownBy(() => writeHead(at('never'), head(options)));
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message).toContain(`${at('never')}: ${message}`);
    expect(existsSync(at('never'))).toBe(false);
  });
});

describe('metadata that make no sense', () => {
  async function opened(change: Readonly<Record<string, string | undefined>>): Promise<Error> {
    await writeHead(at('good'), head());
    const source = await openSafetensors(at('good'));
    const metadata = Object.fromEntries(
      Object.entries({ ...source.metadata, ...change }).filter(([, text]) => text !== undefined),
    ) as Record<string, string>;
    const tensors = [...source.tensors.values()].map(({ name, dtype, shape, byteLength }) => {
      return { name, dtype, shape, data: [new Uint8Array(byteLength)] };
    });
    await source.close();
    await writeSafetensors(at('bad'), tensors, metadata);
    return thrownBy(() => openHeadFile(at('bad')));
  }

  test.each<[string, Readonly<Record<string, string | undefined>>, string]>([
    ['no head', { head: undefined }, 'not a head: its metadata do not say `head`'],
    [
      'a newer layout',
      { head: '2' },
      'metadata head is "2", expected "1"; a newer vgg16-webgpu may have written it',
    ],
    [
      'what is missing',
      { base: undefined, size: undefined },
      'a head without its base; its metadata lack "base", "size"',
    ],
    [
      'fingerprint',
      { 'base-fingerprint': '12' },
      'metadata base-fingerprint is "12", expected 64 digits of a SHA-256',
    ],
    ['base', { base: '' }, 'metadata base is empty'],
    ['features', { features: 'fc1' }, 'metadata features is "fc1", expected one of block1_pool block2_pool'],
    [
      'pool',
      { pool: 'min' },
      'metadata pool is "min", expected "flatten", "avg", "max", or "avg2" for windows of 2 x 2',
    ],
    ['size', { size: '224px' }, 'metadata size is "224px", expected a side in pixels, 32 or more'],
    ['classes', { classes: '{"0": "ant"}' }, 'metadata classes is not a JSON list of names'],
    [
      'preprocess',
      { preprocess: 'none' },
      'metadata preprocess is "none", expected one of torchvision, caffe, unit, signed, raw at its start, or a recipe in numbers',
    ],
  ])('are one clear line: %s', async (_, change, message) => {
    const error = await opened(change);
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message).toContain(`${at('bad')}: ${message}`);
    expect(error.message).not.toContain('\n');
  });
});
