// What is written down of which picture is used for what, and found again.

import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findDataset } from '../../../src/node/datasets/find.js';
import { digestOf, readSplit, splitRecord, writeSplit } from '../../../src/node/runs/split.js';
import type { Dataset, Sample } from '../../../src/train/dataset.js';
import { datasetOf } from '../../../src/train/dataset.js';
import { faultOf, numbered, useTrees } from '../datasets/support.js';

const tree = useTrees();

const PAIR = ['a', 'b'];

/** Pictures of both classes in turn, which need not be there. */
function samples(count: number): Sample[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${i}.jpg`, picture: `${i}.jpg`, label: i % 2 }));
}

const digest = ({ classes, train, val }: Dataset) => digestOf(classes, train, val);

describe('split.json', () => {
  it('gives the same data set again, in the same order, from a folder and from a table', async () => {
    const root = await tree({
      ...Object.fromEntries([...numbered('a', 9), ...numbered('b', 9)].map((file) => [file, ''])),
      'labels.csv': 'file,label\na/1.jpg,a\n/elsewhere/2.jpg,a\nb/1.jpg,b\n../x.jpg,b\n',
    });
    for (const path of [root, join(root, 'labels.csv'), relative('', root)]) {
      const dataset = await findDataset(path, { seed: 1 });
      await writeSplit(join(root, 'split.json'), dataset);
      const again = await readSplit(join(root, 'split.json'), dataset.classes);
      const resolved = (all: readonly Sample[]) =>
        all.map(({ name, picture, label }) => [name, relative('', picture as string), label]);
      expect(resolved(again.train)).toEqual(resolved(dataset.train));
      expect(resolved(again.val)).toEqual(resolved(dataset.val));
      expect(digest(again)).toBe(digest(dataset));
      if (!path.endsWith('.csv')) expect({ ...again, notes: [] }).toEqual({ ...dataset, notes: [] });
    }
  });

  it('is readable: a picture a line', async () => {
    const root = await tree([...numbered('train/a', 1), ...numbered('train/b', 2), 'val/a/1.jpg']);
    const text = [...splitRecord(await findDataset(root, { seed: 0 }))].join('');
    expect(text.split('\n')).toEqual([
      ...['{', '"version": 1,', `"name": ${JSON.stringify(root)},`, `"folder": ${JSON.stringify(root)},`],
      ...['"train": [', '["train/a/1.jpg","a"],', '["train/b/1.jpg","b"],', '["train/b/2.jpg","b"]', '],'],
      ...['"val": [', '["val/a/1.jpg","a"]', '],', '"test": [', ']', '}', ''],
    ]);
  });

  it('comes in pieces, none as long as the data set', () => {
    const pieces = [...splitRecord(datasetOf(PAIR, { train: samples(5000), val: samples(1) }))];
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(pieces.join('').length / 4);
    expect(JSON.parse(pieces.join('')).train).toHaveLength(5000);
  });

  it('finds pictures from another working folder and after a move, under the names that they had', async () => {
    const root = await tree([...numbered('photos/a', 2), ...numbered('photos/b', 2)]);
    const path = join(root, 'split.json');
    const dataset = await findDataset(join(root, 'photos'), { seed: 0 });
    await writeSplit(path, dataset);
    const record = JSON.parse(await readFile(path, 'utf8'));
    const file = record.train[0][0];
    await writeFile(path, JSON.stringify({ ...record, name: 'photos' }));
    const elsewhere = await readSplit(path, PAIR);
    const name = join('photos', file);
    expect(elsewhere.train[0]).toEqual({ name, picture: join(root, 'photos', file), label: 0 });
    await rename(join(root, 'photos'), join(root, 'moved'));
    expect(await faultOf(readSplit(path, PAIR), root)).toMatch(
      /its pictures were in photos.photos, which does not exist any more; put them back, or say there, as "folder"/,
    );
    await writeFile(path, JSON.stringify({ ...record, name: 'photos', folder: join(root, 'moved') }));
    const moved = await readSplit(path, PAIR);
    expect(moved.train[0]).toEqual({ name, picture: join(root, 'moved', file), label: 0 });
    expect(digest(moved)).toBe(digest(elsewhere));
  });

  it('goes by itself, whatever the folder holds by then', async () => {
    const root = await tree([...numbered('a', 4), ...numbered('b', 4)]);
    const path = join(root, 'split.json');
    const dataset = await findDataset(root, { seed: 0 });
    await writeSplit(path, dataset);
    await rm(join(root, 'a'), { recursive: true });
    expect(digest(await readSplit(path, PAIR))).toBe(digest(dataset));
  });

  it('keeps the names that code gave, be they no paths, and file URLs as paths', async () => {
    const root = await tree([]);
    const path = join(root, 'split.json');
    const file = join(root, 'u.jpg');
    const val: Sample[] = [
      { name: 'by URL', picture: pathToFileURL(file), label: 0 },
      { name: 'by path', picture: file, label: 1 },
      { name: file, picture: file, label: 1 },
    ];
    const dataset = datasetOf(PAIR, { train: samples(2), val });
    await writeSplit(path, dataset);
    const again = await readSplit(path, PAIR);
    expect(again.val).toEqual(val.map((sample) => ({ ...sample, picture: file })));
    expect(digest(again)).toBe(digest(dataset));
  });

  it('of pictures that are no files says how the run goes on', async () => {
    const root = await tree([]);
    const path = join(root, 'split.json');
    const bytes: Sample = { name: 'bytes', picture: new Uint8Array(3), label: 0 };
    await writeSplit(path, datasetOf(PAIR, { train: samples(2), val: [bytes] }));
    expect(await faultOf(readSplit(path, PAIR), root)).toMatch(
      /split\.json: bytes was no file; resume the run from code, with the data set$/,
    );
  });

  const whole = { version: 1, name: 'x', folder: '/', train: [], val: [], test: [] };
  it.each<[string, object | string | null | undefined, RegExp]>([
    ['is gone', undefined, /^photos\/split.json cannot be read \(ENOENT\): it says which pictures/],
    ['is cut off', '{"version": 1', /is damaged/],
    ['is null', null, /is damaged/],
    ['is without a version', { ...whole, version: undefined }, /is damaged/],
    ['lacks a part', { ...whole, test: undefined }, /is damaged/],
    ['has rows of another kind', { ...whole, train: [['x', 0]] }, /is damaged/],
    ['has a picture without file and name', { ...whole, train: [[null, 'a']] }, /is damaged/],
    ['is of the future', { version: 2 }, /version 2; this program reads version 1$/],
    [
      'has another class',
      { ...whole, folder: '/', val: [['/1.jpg', 'c']] },
      /"c" is none of the run's classes$/,
    ],
    ['has nothing', whole, /train has no picture of a/],
    [
      'is of a folder that is gone',
      { ...whole, folder: '/no/such', train: [['1.jpg', 'a']] },
      /its pictures were in \/no\/such, which does not exist any more/,
    ],
  ])('that %s says so', async (_, record, message) => {
    const text = typeof record === 'string' ? record : JSON.stringify(record);
    const root = await tree({ 'split.json': text ?? '' });
    if (record === undefined) await rm(join(root, 'split.json'));
    expect(await faultOf(readSplit(join(root, 'split.json'), PAIR), root)).toMatch(message);
  });
});
