// How pixels are prepared, said by a name or a recipe in numbers.

import { describe, expect, it } from 'vitest';
import { UsageError, WeightsError } from '../../src/errors.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { convertWeights } from '../../src/node/weights/convert.js';
import { openWeights } from '../../src/node/weights/open.js';
import type { Preprocess } from '../../src/weights/archive.js';
import {
  arithmeticOf,
  PREPROCESSES,
  parsePreprocess,
  preprocessText,
  saidPreprocess,
} from '../../src/weights/preprocess.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { goldenPicture } from '../support/golden_weights.js';
import { useGpu } from '../support/gpu.js';
import { writeRandomVgg16 } from '../support/random_vgg16.js';
import { temporaryFolder, thrownBy } from './files.js';

const gpu = useGpu();
const folder = temporaryFolder();

describe('a recipe', () => {
  it.each<[string, Preprocess]>([
    ['rgb', 'raw'],
    ['rgb / 255', 'unit'],
    ['RGB/127.5-1', 'signed'],
    ['rgb /255 - 0.485,0.456,0.406 / 0.229, 0.224 ,0.225', 'torchvision'],
    ['bgr-103.939,116.779,123.68', 'caffe'],
    ['bgr', 'bgr'],
    ['bgr / 255', 'bgr / 255'],
    ['rgb / 255 - 0.5 / 0.25', 'rgb - 127.5 / 63.75'],
    ['rgb * 0.5 + 3', 'rgb - -6 / 2'],
    ['rgb - -6 / 2', 'rgb - -6 / 2'],
    ['rgb - 1,2,3', 'rgb - 1,2,3'],
    ['rgb / 1e1 / 10', 'rgb / 100'],
  ])('%s is %s', (text, expected) => {
    expect(parsePreprocess(text)).toBe(expected);
    expect(parsePreprocess(expected)).toBe(expected);
  });

  it.each([
    '',
    'imagenet',
    'rgba',
    'rgb255',
    'rgb / 0',
    'rgb * 0',
    'rgb / -2',
    'rgb - 1,2',
    'rgb - 1,2,3,4',
    'rgb 255',
    'rgb / 255 -',
    'rgb / 1e999',
    'rgb / 255 and more',
    `rgb${' / 2'.repeat(9)}`,
    `rgb / ${'1'.repeat(400)}`,
    'brg / 255',
  ])('%j is none', (text) => {
    expect(parsePreprocess(text)).toBeUndefined();
    expect(() => arithmeticOf(text as Preprocess)).toThrow(RangeError);
  });

  it('goes from left to right, in the order of the channels', () => {
    const { reverse, mean, scale } = arithmeticOf(parsePreprocess('bgr / 2 - 1,2,3 * 4')!);
    expect(reverse).toBe(true);
    for (const [c, shift] of [1, 2, 3].entries())
      expect((10 - mean[c]!) * scale[c]!).toBeCloseTo((10 / 2 - shift) * 4, 12);
  });

  it('is read from metadata, as names are', () => {
    const said = (preprocess: string) => saidPreprocess({ path: 'x', metadata: { preprocess } });
    for (const name of PREPROCESSES) expect(said(preprocessText(name))).toBe(name);
    expect(said('rgb / 255 - 0.5 / 0.25')).toBe('rgb - 127.5 / 63.75');
    for (const wrong of ['RAW', 'rgb / 0', 'torchvisions']) expect(() => said(wrong)).toThrow(WeightsError);
  });
});

describe('a network with a recipe', () => {
  const narrow = { widths: [2, 2, 3, 3, 4], hidden: 5, classes: 3, featureSide: 2, seed: 5 } as const;
  const framing = { resize: 'none', crop: 64 } as const;

  async function scores(weights: string, preprocess?: Preprocess) {
    const model = await VGG16.load({ weights, gpu: gpu(), preprocess });
    const found = await model.classify(goldenPicture(), { framing });
    model.dispose();
    return { preprocess: model.preprocess, found };
  }

  it('answers as with the name of the same arithmetic, and otherwise with another', async () => {
    const path = `${folder}/plain.safetensors`;
    await writeRandomVgg16(path, narrow);
    const unit = await scores(path, 'unit');
    expect(await scores(path, 'rgb / 255')).toEqual(unit);
    expect((await scores(path, 'rgb / 300')).found).not.toEqual(unit.found);
    const error = await thrownBy(() => scores(path, 'rgb / 0'));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(
      /preprocess is "rgb \/ 0"; it must be torchvision or .*, or a recipe in numbers/,
    );
  });

  it.each(['safetensors', 'onnx'] as const)('keeps it in %s', async (format) => {
    const [path, output] = [`${folder}/own.safetensors`, `${folder}/own.${format}.out`];
    await writeRandomVgg16(path, narrow);
    const recipe = parsePreprocess('bgr / 255 - 0.4,0.5,0.6 / 0.3,0.2,0.1')!;
    await convertWeights(path, output, { format, preprocess: recipe });
    const source = await openWeights(output);
    await source.close();
    expect(source.notes.filter((note) => note.includes('pixels'))).toEqual([]);
    const { reverse, mean, scale } = arithmeticOf(describeVgg16(source).preprocess);
    const wanted = arithmeticOf(recipe);
    expect(reverse).toBe(true);
    for (const c of [0, 1, 2]) {
      expect(mean[c]).toBeCloseTo(wanted.mean[c]!, 4);
      expect(scale[c]).toBeCloseTo(wanted.scale[c]!, 7);
    }
    const [own, before] = [await scores(output), await scores(path, recipe)];
    for (const [i, { score }] of own.found.entries()) expect(score).toBeCloseTo(before.found[i]!.score, 5);
  });
});
