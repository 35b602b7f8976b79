// Data sets from code, and samples for a head that is there already.

import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findSamples } from '../../src/node/datasets/find_samples.js';
import type { Sample } from '../../src/train/dataset.js';
import { datasetOf } from '../../src/train/dataset.js';
import { faultOf, numbered, useTrees } from '../node/datasets/support.js';

const tree = useTrees();

function samples(...labels: number[]): Sample[] {
  return labels.map((label, i) => ({ name: `${i}`, picture: `${i}.jpg`, label }));
}

const PAIR = ['a', 'b'];

describe('datasetOf', () => {
  it('takes classes in the order given and any pictures', () => {
    const pixels = { width: 1, height: 1, data: new Uint8Array(3) };
    const train = [...samples(1, 0), { name: 'dot', picture: pixels, label: 1 }];
    const dataset = datasetOf(['b', 'a'], { train, val: samples(0, 1) });
    expect(dataset).toEqual({
      ...{ name: 'the data set', classes: ['b', 'a'], train, val: samples(0, 1), test: [] },
      notes: [],
    });
  });

  it.each<[string, readonly string[], number[], number[], RegExp]>([
    ['one class', ['a'], [0], [0], /two classes or more to tell apart, not 1$/],
    ['classes of one name', ['a', 'b', 'a'], [0, 1, 2], [0], /two classes are called "a"$/],
    ['a label too high', PAIR, [0, 1, 2], [0], /train: 2 has the label 2; labels are 0 to 1/],
    ['a label that is none', PAIR, [0, 1], [0, 0.5], /val: 1 has the label 0.5/],
    ['a negative label', PAIR, [0, 1], [-1], /val: 0 has the label -1/],
    ['a class that is never trained', PAIR, [1, 1], [0], /train has no picture of a$/],
    ['nothing to validate with', PAIR, [0, 1], [], /val has no picture/],
  ])('refuses %s', async (_, classes, train, val, message) => {
    const made = async () => datasetOf(classes, { train: samples(...train), val: samples(...val) });
    expect(await faultOf(made(), '/')).toMatch(message);
  });
});

describe('findSamples', () => {
  const files = [...numbered('train/a', 2), ...numbered('train/b', 2), 'val/b/1.jpg', 'test/a/1.jpg'];

  it('gives val, or the part that is named, with the labels of the head', async () => {
    const root = await tree(files);
    const found = async (part?: 'train' | 'test') =>
      (await findSamples(root, ['b', 'x', 'a'], { part })).map(({ name, label }) => [
        relative(root, name),
        label,
      ]);
    expect(await found()).toEqual([['val/b/1.jpg', 0]]);
    expect(await found('test')).toEqual([['test/a/1.jpg', 2]]);
  });

  it('gives all where there are no parts, be it of one class', async () => {
    const root = await tree([...numbered('a', 3), 'empty/']);
    expect(await findSamples(root, PAIR)).toHaveLength(3);
  });

  it('refuses classes that the head does not know, parts that are not there, and nothing', async () => {
    const divided = await tree(files);
    const flat = await tree(['a/1.jpg', 'c/1.jpg']);
    const trainOnly = await tree(['train/a/1.jpg', 'train/b/1.jpg']);
    const nothing = await tree(['a/']);
    const fault = (root: string, part?: 'val') => faultOf(findSamples(root, PAIR, { part }), root);
    expect(await faultOf(findSamples(divided, ['a', 'c']), divided)).toBe(
      'photos has what the head does not know: b (it knows a, c)',
    );
    expect(await fault(flat)).toMatch(/^photos has what the head does not know: c/);
    expect(await fault(flat, 'val')).toMatch(/^photos has no parts, so no val either/);
    expect(await fault(trainOnly)).toBe('photos has no part called val; it has train');
    expect(await fault(nothing)).toBe('photos: there is no picture in a class folder');
  });
});
