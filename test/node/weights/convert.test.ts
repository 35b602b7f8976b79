import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { OutputError, UsageError, WeightsError } from '../../../src/errors.js';
import { type ConvertOptions, convertWeights } from '../../../src/node/weights/convert.js';
import { openSafetensors, writeSafetensors } from '../../../src/node/weights/safetensors.js';
import { diffWeights } from '../../../src/weights/diff.js';
import { decodeFloats, encodeFloats, readFloats } from '../../../src/weights/floats.js';
import type { Dtype } from '../../../src/weights/source.js';
import { describeVgg16 } from '../../../src/weights/vgg16.js';
import { type RandomVgg16, writeRandomVgg16 } from '../../support/random_vgg16.js';
import { changedCopy, temporaryFolder, thrownBy } from '../../weights/files.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const NARROW = { widths: [4, 4, 4, 4, 4], hidden: 8, classes: 10, featureSide: 2, seed: 1 } as const;

async function written(name: string, options: Partial<RandomVgg16> = {}): Promise<string> {
  await writeRandomVgg16(at(name), { ...NARROW, ...options });
  return at(name);
}

async function poisoned(tensor: string, index: number, value: number): Promise<string> {
  return changedCopy(await written('clean'), at('poisoned'), {
    change: (name, values) => {
      if (name === tensor) values[index] = value;
    },
  });
}

async function metadataAfter(input: string, options: ConvertOptions): Promise<Record<string, string>> {
  const output = at('metadata out');
  const { metadata } = await convertWeights(input, output, { ...options, overwrite: true });
  const source = await openSafetensors(output);
  await source.close();
  expect(source.metadata).toEqual(metadata);
  return metadata;
}

describe('the numbers', () => {
  test("are the input's, bit for bit, in torchvision's names, order and shapes", async () => {
    const input = await written('timm', { naming: 'timm' });
    const done = await convertWeights(pathToFileURL(input), at('tv'));
    expect(done).toMatchObject({ dtype: 'F32', layers: 16, preprocess: 'torchvision', classes: 10 });
    const [a, b] = [await openSafetensors(input), await openSafetensors(at('tv'))];
    const { tensors } = await diffWeights(describeVgg16(a), describeVgg16(b));
    await a.close();
    await b.close();
    expect(tensors.map(({ equal }) => equal)).toEqual(Array(32).fill('bits'));
    expect([...b.tensors.keys()]).toEqual(done.tensors.map(({ name }) => name));
    expect([...b.tensors.keys()].slice(-6)).toEqual([
      ...['classifier.0.weight', 'classifier.0.bias', 'classifier.3.weight', 'classifier.3.bias'],
      ...['classifier.6.weight', 'classifier.6.bias'],
    ]);
    expect(b.tensors.get('classifier.0.weight')!.shape).toEqual([8, 16]);
    expect(done.tensors.at(-6)!.from).toEqual({
      name: 'pre_logits.fc1.weight',
      shape: [8, 4, 2, 2],
      stored: 'F32',
    });
    const sizes = [...b.tensors.values()].map(({ byteLength }) => byteLength);
    expect(done.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
    expect(done.parameters).toBe(done.bytes / 4);
  });

  test('in f16 are rounded to nearest even', async () => {
    const input = await written('f32');
    const done = await convertWeights(input, at('f16'), { dtype: 'f16' });
    expect(done.bytes).toBe(done.parameters * 2);
    const [a, b] = [await openSafetensors(input), await openSafetensors(at('f16'))];
    for (const { name } of a.tensors.values()) {
      const expected = decodeFloats(encodeFloats(await readFloats(a, name), 'F16'), 'F16');
      expect(await readFloats(b, name)).toEqual(expected);
    }
    await a.close();
    await b.close();
  });

  test.each<[stored: Dtype, dtype: string]>([
    ['F32', 'F32'],
    ['F16', 'F16'],
    ['BF16', 'F32'],
  ])('that are kept as %s become %s where nothing else is asked for', async (stored, dtype) => {
    const input = await written(`own ${stored}`, { dtype: stored });
    const done = await convertWeights(input, at(`own ${stored} out`));
    expect(done.dtype).toBe(dtype);
    const [a, b] = [await openSafetensors(input), await openSafetensors(at(`own ${stored} out`))];
    for (const { name } of a.tensors.values())
      expect(await readFloats(b, name)).toEqual(await readFloats(a, name));
    await a.close();
    await b.close();
  });

  test('give the same bytes when they are converted again', async () => {
    const input = await written('again');
    await convertWeights(input, at('once'));
    await convertWeights(at('once'), at('twice'));
    expect(readFileSync(at('once')).equals(readFileSync(at('twice')))).toBe(true);
  });
});

describe('a number without a place in the output', () => {
  test.each([
    [Number.NaN, 'f32', 'NaN; the file is damaged, or its training diverged'],
    [Number.NEGATIVE_INFINITY, 'f16', '-Infinity; the file is damaged, or its training diverged'],
    [65520, 'f16', '65520, which does not fit f16 (65504 at most); dtype f32 has a place for it'],
  ] as const)('%d in %s: an error with tensor and place, and no file', async (value, dtype, said) => {
    const input = await poisoned('classifier.3.weight', 13, value);
    const error = await thrownBy(() => convertWeights(input, at('never'), { dtype }));
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message).toBe(`${input}: tensor "classifier.3.weight": element 13 is ${said}`);
    expect(readdirSync(folder).filter((name) => name.startsWith('never'))).toEqual([]);
  });

  test('is none where it can be rounded to one: 65519 in f16', async () => {
    const input = await poisoned('classifier.6.bias', 0, 65519);
    await convertWeights(input, at('largest out'), { dtype: 'f16' });
    const source = await openSafetensors(at('largest out'));
    expect((await readFloats(source, 'classifier.6.bias'))[0]).toBe(65504);
    await source.close();
  });
});

describe('the metadata', () => {
  test('says source, preprocess, pool; the rest only where it is known', async () => {
    const input = await written('plain.safetensors');
    expect(await metadataAfter(input, {})).toEqual({
      format: 'pt',
      source: 'plain.safetensors (safetensors)',
      preprocess: 'torchvision (RGB, / 255, minus 0.485 0.456 0.406, / 0.229 0.224 0.225)',
      pool: 'flatten',
      activation: 'softmax',
    });
  });

  test('carries on what the file says of itself, but for its dtype', async () => {
    const own = {
      author: 'K. S.',
      license: 'CC-BY-4.0',
      source: 'Oxford',
      preprocess: 'caffe',
      dtype: 'F16',
    };
    const input = await written('own', { metadata: own, top: false });
    expect(await metadataAfter(input, {})).toEqual({
      author: 'K. S.',
      license: 'CC-BY-4.0',
      source: 'Oxford',
      preprocess: 'caffe (BGR, minus 103.939 116.779 123.68)',
      format: 'pt',
    });
  });

  test('says what the caller knows better', async () => {
    const input = await written('known', { metadata: { classes: JSON.stringify(Array(10).fill('?')) } });
    const classes = Array.from({ length: 10 }, (_, i) => `class ${i}`);
    const given = { classes, source: 'trained here', licence: 'MIT', preprocess: 'caffe' } as const;
    const found = await metadataAfter(input, given);
    expect(found).toMatchObject({ source: 'trained here', license: 'MIT', classes: JSON.stringify(classes) });
    expect(found.preprocess).toMatch(/^caffe /);
    const source = await openSafetensors(at('metadata out'));
    expect(describeVgg16(source)).toMatchObject({ preprocess: 'caffe', classes });
    await source.close();
  });

  test.each([
    ['whole', true, 'has a classifier with 10 outputs'],
    ['notop', false, 'has no classifier'],
  ])('takes no classes that do not fit: %s', async (name, top, said) => {
    const input = await written(name, { top });
    const error = await thrownBy(() => convertWeights(input, at('never'), { classes: ['a', 'b'] }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(`2 classes were named, but ${input} ${said}`);
  });

  test('takes one output for two classes, and counts one class as one', async () => {
    const input = await written('single', { classes: 1 });
    const { classes, activation } = await convertWeights(input, at('of one'), { classes: ['a', 'b'] });
    expect([classes, activation]).toEqual([2, 'softmax']);
    const asked = await thrownBy(() => convertWeights(input, at('never'), { activation: 'softmax' }));
    expect(asked.message).toContain('softmax over a single output is 1 whatever the picture');
    const one = await thrownBy(() => convertWeights(at('whole'), at('never'), { classes: ['a'] }));
    expect(one.message).toBe(`1 class was named, but ${at('whole')} has a classifier with 10 outputs`);
  });

  test('carries on what a file says whose names have a prefix', async () => {
    const own = { author: 'K. S.', source: 'Oxford', preprocess: 'caffe' };
    const plain = await openSafetensors(await written('to be prefixed'));
    const tensors = await Promise.all(
      [...plain.tensors.values()].map(async ({ name, shape, dtype }) => {
        const data = [encodeFloats(await readFloats(plain, name), dtype)];
        return { name: `model.${name}`, dtype, shape, data };
      }),
    );
    await plain.close();
    await writeSafetensors(at('prefixed'), tensors, own);
    const found = await metadataAfter(at('prefixed'), {});
    expect(found).toMatchObject({ author: 'K. S.', source: 'Oxford', pool: 'flatten' });
    expect(found.preprocess).toMatch(/^caffe /);
  });
});

describe('an option that no type has kept out', () => {
  test.each<[options: object, said: string]>([
    [{ dtype: 'f8' }, 'dtype is "f8"; it must be f32 or f16'],
    [{ dtype: 'F16' }, 'dtype is "F16"; it must be f32 or f16'],
    [{ dtype: 'toString' }, 'dtype is "toString"; it must be f32 or f16'],
    [
      { preprocess: 'foo' },
      'preprocess is "foo"; it must be torchvision or caffe or unit or signed or raw, or a recipe in numbers, as \'rgb / 255 - 0.5 / 0.25\'',
    ],
    [{ classes: 'abcdefghij' }, 'classes must be a list of names'],
    [{ classes: { 0: 'a' } }, 'classes must be a list of names'],
    [{ classes: ['a', ''] }, 'classes: name 2 is empty or no text'],
    [{ classes: [' '] }, 'classes: name 1 is empty or no text'],
    [{ classes: ['a', 'b', 3] }, 'classes: name 3 is empty or no text'],
  ])('%j is refused before any file is looked at', async (options, said) => {
    const error = await thrownBy(() => convertWeights(at('absent'), at('never'), options));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(said);
  });
});

describe('the output', () => {
  test('is not replaced without being asked for', async () => {
    const input = await written('in');
    writeFileSync(at('there'), 'precious');
    const error = await thrownBy(() => convertWeights(input, at('there')));
    expect(error).toBeInstanceOf(OutputError);
    expect(error.message).toContain(`cannot write ${at('there')}: it is there already`);
    expect(readFileSync(at('there'), 'utf8')).toBe('precious');
    await convertWeights(input, at('there'), { overwrite: true });
    expect(readFileSync(at('there'))).not.toEqual(Buffer.from('precious'));
  });

  test('is never the input, under whatever name', async () => {
    const input = await written('same');
    symlinkSync(input, at('link'));
    for (const output of [input, join(folder, '.', 'same'), at('link')]) {
      const error = await thrownBy(() => convertWeights(input, output, { overwrite: true }));
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain('onto itself');
    }
  });

  test('is absent after an abort, and progress is told until then', async () => {
    const input = await written('aborted');
    const stop = new AbortController();
    const seen: number[] = [];
    const converting = convertWeights(input, at('aborted out'), {
      signal: stop.signal,
      onProgress: ({ loaded, total }) => {
        seen.push(loaded / total);
        if (loaded > total / 2) stop.abort(new Error('enough'));
      },
    });
    await expect(converting).rejects.toThrow('enough');
    expect(seen.at(-1)).toBeGreaterThan(0.5);
    expect(seen.at(-1)).toBeLessThan(1);
    expect(existsSync(at('aborted out'))).toBe(false);
  });
});
