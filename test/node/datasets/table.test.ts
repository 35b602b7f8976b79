// Data sets in tables.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findDataset } from '../../../src/node/datasets/find.js';
import type { Dataset } from '../../../src/train/dataset.js';
import { faultOf, placed, useTrees } from './support.js';

const tree = useTrees();

async function find(
  text: string | Uint8Array,
  file = 'labels.csv',
): Promise<{ root: string; dataset: Promise<Dataset> }> {
  const root = await tree({ [file]: text });
  return { root, dataset: findDataset(join(root, file), { seed: 0 }) };
}

async function fault(text: string): Promise<string> {
  const { root, dataset } = await find(text);
  return faultOf(dataset, root);
}

describe('a table', () => {
  it('says for each picture its class and part, relative to its own folder', async () => {
    const rows = ['x/2.jpg,b,Train', 'x/1.jpg,a,training', 'z.jpg,a,VALID', '"with, comma.jpg",b,test'];
    const { root, dataset } = await find(['File,Label,Split', ...rows].join('\n'));
    const found = await dataset;
    expect(found.classes).toEqual(['a', 'b']);
    expect(placed(found, found.train, root)).toEqual([
      ['x/1.jpg', 'a'],
      ['x/2.jpg', 'b'],
    ]);
    expect(placed(found, found.val, root)).toEqual([['z.jpg', 'a']]);
    expect(placed(found, found.test, root)).toEqual([['with, comma.jpg', 'b']]);
  });

  it.each([
    ['path', 'class'],
    ['IMAGE', 'LABEL'],
    ['filename', 'Class'],
  ])('may call its columns %s and %s, in any order and among others', async (file, label) => {
    const rows = [1, 2, 3, 4].map((i) => `${i},${'ab'[i % 2]},${i}.png,x`);
    const { dataset } = await find([`id,${label},${file},notes`, ...rows].join('\n'));
    const { train, val } = await dataset;
    expect([train.length, val.length]).toEqual([2, 2]);
  });

  it.each([
    ['fastai', 'name,label', 'is_valid'],
    ['Kaggle', 'image_id,category', 'source'],
    ['Kaggle', 'id,breed', 'colour'],
    ['Keras', 'filename,class', 'width'],
    ['a table of species', 'img,species', 'date'],
  ])('may call its columns as %s does: %s', async (_, header, more) => {
    const rows = [1, 2, 3, 4].map((i) => `${i}.png,${'ab'[i % 2]},x`);
    const { dataset } = await find([`${header},${more}`, ...rows].join('\n'));
    const { classes, train, val } = await dataset;
    expect([classes, train.length, val.length]).toEqual([['a', 'b'], 2, 2]);
  });

  it('says which column to rename, where that is not plain', async () => {
    expect(await fault('id,name,label\n1,1.png,a')).toBe(
      'photos/labels.csv: its columns name and id may both be meant; rename the right one to "file"',
    );
    expect(await fault('file,kind,width\n1.png,a,3')).toBe(
      'photos/labels.csv: it has no column of classes that is called so: rename the one that holds them (kind, width) ' +
        'to "label"; its first line is "file,kind,width"',
    );
    expect(await fault('where,label\n1.png,a')).toMatch(/no column of pictures .* \(where\) to "file"/);
  });

  it('understands the paths of Windows', async () => {
    const root = await tree({
      'labels.csv': 'file,label\ncats\\1.jpg,cat\ncats\\2.jpg,cat\ndogs\\1.jpg,dog\n',
      ...{ 'cats/1.jpg': '', 'cats/2.jpg': '', 'dogs/1.jpg': '' },
    });
    const { train, val, notes } = await findDataset(join(root, 'labels.csv'), { seed: 0 });
    const names = [...train, ...val].map(({ name }) => name.slice(root.length + 1)).sort();
    expect(names).toEqual(['cats/1.jpg', 'cats/2.jpg', 'dogs/1.jpg']);
    expect(notes[0]).toBe('its paths have the backslashes of Windows, which are read as /');
    expect(await fault('file,label\nC:\\Users\\me\\1.jpg,a\n')).toBe(
      'photos/labels.csv: line 2 names C:\\Users\\me\\1.jpg, which is a place on a Windows machine; name files ' +
        'relative to the table',
    );
  });

  it('may name pictures by identifiers, without their extension', async () => {
    const files = { 'a1.png': '', 'a2.png': '', 'b1.png': '' };
    const root = await tree({ 'labels.csv': 'id,breed\na1,a\na2,a\nb1,b\n', ...files });
    const { train, val, notes } = await findDataset(join(root, 'labels.csv'), { seed: 0 });
    expect([...train, ...val].map(({ name }) => name.slice(root.length + 1)).sort()).toEqual(
      Object.keys(files),
    );
    expect(notes[0]).toMatch(/have no extension; \.png is added/);
    expect(await fault('id,breed\na1,a\na2,b\n')).toMatch(
      /^photos\/labels.csv: line 2 names "a1", which is not there/,
    );
  });

  it.each([
    ['a byte order mark and Windows lines', '\ufefffile,label\r\n', ','],
    ['semicolons', 'file;label\n', ';'],
    ['tabs', 'file\tlabel\n', '\t'],
  ])('may have %s', async (_, header, separator) => {
    const rows = [1, 2, 3, 4].map((i) =>
      [`a, b; ${i}.png`, 'ab'[i % 2]].map((cell) => `"${cell}"`).join(separator),
    );
    const { root, dataset } = await find(header + rows.join('\n'));
    const found = await dataset;
    expect(placed(found, found.train, root).map(([file]) => file)).toHaveLength(2);
    expect(found.train[0]!.name).toMatch(/a, b; \d\.png$/);
  });

  it('may be UTF-16, as Excel writes it, or a .tsv', async () => {
    const text = 'file\tlabel\nä1.jpg\ta\nä2.jpg\ta\n3.jpg\tb\n';
    for (const bytes of [Buffer.from(`\ufeff${text}`, 'utf16le'), Buffer.from(text)]) {
      const { dataset } = await find(bytes, 'labels.TSV');
      const { train, val } = await dataset;
      expect([...train, ...val].map(({ name }) => name.split('/').at(-1)).sort()).toEqual([
        '3.jpg',
        'ä1.jpg',
        'ä2.jpg',
      ]);
    }
  });

  it('takes absolute paths as they are, and repeats once', async () => {
    const { dataset } = await find('file,label\n/data/1.jpg,a\n/data/2.jpg,a\n/data/2.jpg,a\n3.jpg,b\n');
    const { train, val, notes } = await dataset;
    expect([...train, ...val].map(({ name }) => name)).toContain('/data/2.jpg');
    expect(train.length + val.length).toBe(3);
    expect(notes[0]).toBe('1 of its lines repeats another and is left out');
  });

  it('is divided the same whatever the order of its lines', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => `${i}.jpg,${'ab'[i % 2]}`);
    const held = async (lines: readonly string[]) => {
      const { root, dataset } = await find(['file,label', ...lines].join('\n'));
      const found = await dataset;
      return placed(found, found.val, root);
    };
    expect(await held([...rows].reverse())).toEqual(await held(rows));
  });

  it.each<[string, string, string | RegExp]>([
    [
      'has no header',
      '1.jpg,cat\n2.jpg,dog\n',
      'photos/labels.csv: its first line must name a column of pictures (file, path, image, filename) and one of classes (label, class), as "file,label"; it is "1.jpg,cat"',
    ],
    ['is empty', '', 'photos/labels.csv: it is empty; its first line must name the columns, as "file,label"'],
    ['has a header only', 'file,label\n', /^photos\/labels.csv: it has no line but its first/],
    [
      'names columns twice over',
      'file,label,class\n1.jpg,0,a',
      'photos/labels.csv: it has columns label and class, which mean the same; rename all but one',
    ],
    ['has a short line', 'file,label\n1.jpg,a\n2.jpg\n', /cannot be read as a table: .*line 3/],
    [
      'has a quotation mark left open',
      'file,label\n"1.jpg,a\n2.jpg,b\n',
      /cannot be read as a table: .*[Qq]uote/,
    ],
    ['has no file in a line', 'file,label\n1.jpg,a\n,b\n', 'photos/labels.csv: line 3 names no picture'],
    [
      'has no class in a line',
      'file,label\n\n1.jpg,a\n2.jpg, \n',
      'photos/labels.csv: line 4 gives 2.jpg no class',
    ],
    [
      'has an unknown part',
      'file,label,split\n1.jpg,a,dev\n',
      'photos/labels.csv: line 2 puts 1.jpg into the part "dev"; it must be train, val or test',
    ],
    ['has no part in a line', 'file,label,split\n1.jpg,a,\n', /line 2 puts 1.jpg into the part ""/],
    [
      'contradicts itself',
      'file,label\n1.jpg,a\n2.jpg,b\n1.jpg,b\n',
      'photos/labels.csv: 1.jpg is a in line 2 and b in line 4; keep one of them',
    ],
    [
      'has a picture in two parts',
      'file,label,set\n1.jpg,a,train\n1.jpg,a,val\n',
      'photos/labels.csv: 1.jpg is a (train) in line 2 and a (val) in line 3; keep one of them',
    ],
    [
      'has one class',
      'file,label\n1.jpg,a\n2.jpg,a\n',
      'photos/labels.csv: there is one class only, a (2 pictures); it takes two to tell apart',
    ],
  ])('that %s is refused in one line', async (_, text, expected) => {
    const message = await fault(text);
    if (typeof expected === 'string') expect(message).toBe(expected);
    else expect(message).toMatch(expected);
  });

  it('with a line without end is not read to its end', async () => {
    expect(await fault(`file,label\n1.jpg,${'x'.repeat(300_000)}\n`)).toMatch(
      /cannot be read as a table: .*100000/,
    );
  });

  it('stops when it is told to', async () => {
    const root = await tree({ 'labels.csv': 'file,label\n1.jpg,a\n' });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(findDataset(join(root, 'labels.csv'), { seed: 0, signal })).rejects.toThrow('enough');
  });
});
