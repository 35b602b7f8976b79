// Data sets from code, and the record of what went where.

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { datasetOf } from '../../../src/train/data/dataset.js';
import { findDataset } from '../../../src/train/data/find.js';
import { findSamples } from '../../../src/train/data/find_samples.js';
import { readSplit, splitRecord, writeSplit } from '../../../src/train/data/record.js';
import type { Sample } from '../../../src/train/samples.js';
import { faultOf, numbered, useTrees } from './support.js';

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

describe('the record of a split', () => {
  it('gives the same data set again, in the same order, from a folder and from a table', async () => {
    const root = await tree({
      ...Object.fromEntries([...numbered('a', 9), ...numbered('b', 9)].map((file) => [file, ''])),
      'labels.csv': 'file,label\na/1.jpg,a\n/elsewhere/2.jpg,a\nb/1.jpg,b\n../x.jpg,b\n',
    });
    for (const path of [root, join(root, 'labels.csv'), relative('', root)]) {
      const dataset = await findDataset(path, { seed: 1 });
      await writeSplit(join(root, 'split.json'), dataset);
      const again = await readSplit(join(root, 'split.json'));
      const resolved = (all: readonly Sample[]) =>
        all.map(({ picture, label }) => [relative('', picture as string), label]);
      expect(resolved(again.train)).toEqual(resolved(dataset.train));
      expect(resolved(again.val)).toEqual(resolved(dataset.val));
      expect(again.classes).toEqual(dataset.classes);
      if (!path.endsWith('.csv')) expect({ ...again, notes: [] }).toEqual({ ...dataset, notes: [] });
    }
  });

  it('is readable: a picture a line', async () => {
    const root = await tree([...numbered('train/a', 1), ...numbered('train/b', 2), 'val/a/1.jpg']);
    const text = [...splitRecord(await findDataset(root, { seed: 0 }))].join('');
    expect(text.split('\n').slice(3)).toEqual([
      ...[`"folder": ${JSON.stringify(root)},`, '"classes": ["a","b"],'],
      ...['"train": [', '["train/a/1.jpg",0],', '["train/b/1.jpg",1],', '["train/b/2.jpg",1]', '],'],
      ...['"val": [', '["val/a/1.jpg",0]', '],', '"test": [', ']', '}', ''],
    ]);
  });

  it('comes in pieces, none as long as the data set', () => {
    const train = samples(...Array.from({ length: 5000 }, (_, i) => i % 2));
    const pieces = [...splitRecord(datasetOf(PAIR, { train, val: samples(0) }))];
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(pieces.join('').length / 4);
    expect(JSON.parse(pieces.join('')).train).toHaveLength(5000);
  });

  it('finds pictures from another working folder, under the names that they had', async () => {
    const root = await tree([...numbered('a', 2), ...numbered('b', 2)]);
    const path = join(root, 'split.json');
    await writeSplit(path, await findDataset(root, { seed: 0 }));
    const record = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...record, name: 'photos' }));
    const { train } = await readSplit(path);
    const file = record.train[0][0];
    expect(train[0]).toEqual({ name: join('photos', file), picture: join(root, file), label: 0 });
  });

  it('keeps file URLs as paths, and says so of pictures that are no files', async () => {
    const root = await tree([]);
    const path = join(root, 'split.json');
    const url: Sample = { name: 'u', picture: pathToFileURL(join(root, 'u.jpg')), label: 0 };
    await writeSplit(path, datasetOf(PAIR, { train: samples(0, 1), val: [url] }));
    expect((await readSplit(path)).val[0]!.picture).toBe(join(root, 'u.jpg'));
    const bytes: Sample = { name: 'bytes', picture: new Uint8Array(3), label: 0 };
    await writeSplit(path, datasetOf(PAIR, { train: samples(0, 1), val: [bytes] }));
    expect(await faultOf(readSplit(path), root)).toMatch(
      /its pictures were no files; take the run up from code/,
    );
  });

  it.each<[string, string | undefined, RegExp]>([
    ['is gone', undefined, /^photos\/split.json cannot be read \(ENOENT\)/],
    ['is cut off', '{"version": 1', /is damaged/],
    ['is null', 'null', /is damaged/],
    [
      'has rows of another kind',
      '{"version":1,"name":"x","folder":"/","classes":["a","b"],"train":[["x","0"]],"val":[],"test":[]}',
      /is damaged/,
    ],
    [
      'is of the future',
      '{"version":2,"name":"x","folder":"/","classes":["a","b"],"train":[],"val":[],"test":[]}',
      /version 2; this program reads version 1$/,
    ],
    [
      'is of a folder that is gone',
      '{"version":1,"name":"x","folder":"/no/such","classes":["a","b"],"train":[["1.jpg",0]],"val":[],"test":[]}',
      /its pictures were in \/no\/such, which does not exist any more/,
    ],
  ])('that %s says so', async (_, text, message) => {
    const root = await tree({ 'split.json': text ?? '' });
    if (text === undefined) await rm(join(root, 'split.json'));
    expect(await faultOf(readSplit(join(root, 'split.json')), root)).toMatch(message);
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
