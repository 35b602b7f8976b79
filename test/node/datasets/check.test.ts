// What is found to be wrong with dirty data sets.

import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { PictureError } from '../../../src/errors.js';
import { checkDataset, notesOn } from '../../../src/node/datasets/check.js';
import { findDataset } from '../../../src/node/datasets/find.js';
import { BrokenCount } from '../../../src/node/datasets/refusals.js';
import { surveyDataset } from '../../../src/node/datasets/survey.js';
import { blocks } from '../../cli/support.js';
import { useTrees } from './support.js';

const tree = useTrees();

/** Six different pictures. */
let jpegs: Buffer[];
let png: Buffer;

beforeAll(async () => {
  jpegs = await Promise.all([0, 1, 2, 3, 4, 5].map((seed) => blocks(seed).jpeg().toBuffer()));
  png = await blocks(9).png().toBuffer();
});

async function problemsOf(root: string): Promise<[kind: string, path: string, reason: string][]> {
  const problems: [string, string, string][] = [];
  for await (const { kind, path, reason } of checkDataset(root)) {
    problems.push([kind, path.replace(root, 'photos').replace('photos/labels.csv', 'photos'), reason]);
  }
  return problems;
}

describe('checkDataset', () => {
  it('finds nothing in a clean folder', async () => {
    const root = await tree({
      'a/1.jpg': jpegs[0]!,
      'a/2.JPEG': jpegs[1]!,
      'b/1.jpe': jpegs[2]!,
      'b/2.PNG': png,
    });
    expect(await problemsOf(root)).toEqual([]);
  });

  it('tells the ways apart in which a file can be no usable picture', async () => {
    const root = await tree({
      ...{ 'a/1.jpg': jpegs[0]!, 'b/1.jpg': jpegs[1]!, 'b/2.jpg': jpegs[2]! },
      'a/cut.jpg': jpegs[3]!.subarray(0, jpegs[3]!.length / 2),
      'a/empty.png': '',
      'a/page.gif': '<!DOCTYPE html><title>404</title>',
      'a/phone.jpg': Buffer.from('\0\0\0\x18ftypheic\0\0\0\0', 'latin1'),
      'b/empty.png': '',
    });
    await symlink(join(root, 'nowhere.jpg'), join(root, 'b', 'gone.jpg'));
    expect(await problemsOf(root)).toEqual([
      [
        'damaged',
        'a/cut.jpg',
        expect.stringMatching(/^it is damaged or incomplete: this JPEG cannot be decoded/),
      ],
      ['empty', 'a/empty.png', 'it is empty (0 bytes)'],
      ['not-a-picture', 'a/page.gif', expect.stringMatching(/^it is not a picture .*: it is a web page$/)],
      ['not-a-picture', 'a/phone.jpg', expect.stringMatching(/it is a HEIC picture$/)],
      ['empty', 'b/empty.png', 'it is empty (0 bytes)'],
      ['unreadable', 'b/gone.jpg', 'it does not exist'],
      ['refused', 'photos', '6 of 9 pictures (67 %) cannot be read, more than 5 %'],
    ]);
  });

  it('tells harmless copies from contradictions and from what is both learnt and asked', async () => {
    const [one, two, three, four] = jpegs as [Buffer, Buffer, Buffer, Buffer];
    const root = await tree({
      ...{ 'train/a/1.jpg': one, 'train/a/2.jpg': one, 'train/a/3.jpg': two },
      ...{ 'train/b/1.jpg': three, 'train/b/2.jpg': two, 'train/b/3.jpg': four },
      ...{ 'val/a/1.jpg': one, 'val/b/1.jpg': two },
    });
    expect(await problemsOf(root)).toEqual([
      ['duplicate', 'train/a/2.jpg', 'it is the same as train/a/1.jpg'],
      ['contradiction', 'train/b/2.jpg', 'it is the same as train/a/3.jpg, which is of the class a'],
      ['leak', 'val/a/1.jpg', 'it is the same as train/a/1.jpg, which is in train'],
      ['contradiction', 'val/b/1.jpg', 'it is the same as train/a/3.jpg, which is of the class a'],
    ]);
  });

  it('looks at names: wrong extensions, files that are called otherwise, pictures in no class', async () => {
    const root = await tree({
      ...{ 'a/1.jpg': png, 'b/1.jpg': jpegs[0]!, 'b/2.jpg': jpegs[1]!, 'stray.jpg': jpegs[2]! },
      ...{ 'a/photo': jpegs[3]!, 'b/list.txt': 'cats and dogs', 'b/empty.txt': '', 'b/Thumbs.db': 'x' },
    });
    expect(await problemsOf(root)).toEqual([
      ['stray', 'stray.jpg', 'it lies in no class folder'],
      ['extension', 'a/1.jpg', 'it is a PNG'],
      ['other', 'a/photo', 'it is a JPEG: were it called .jpg, it would be used'],
      ['other', 'b/empty.txt', 'it is empty (0 bytes)'],
      ['other', 'b/list.txt', 'it is text that begins "cats and dogs"'],
    ]);
  });

  it('says once that nothing lies in a class folder', async () => {
    const root = await tree({
      'cat.0.jpg': jpegs[0]!,
      'cat.1.jpg': jpegs[1]!,
      'dog.0.jpg': jpegs[2]!,
      'dog.1.jpg': png,
    });
    expect(await problemsOf(root)).toEqual([
      [
        'structure',
        'photos',
        expect.stringMatching(/^its 4 pictures lie in no class folder .* a folder of each/),
      ],
    ]);
    expect(notesOn(await surveyDataset(root))).toEqual([]);
  });

  it('lists all that is wrong with the structure, and the pictures besides', async () => {
    const root = await tree({
      ...{ 'train/a/1.jpg': jpegs[0]!, 'train/b/2.jpg': jpegs[1]!, 'val/a/1.jpg': '' },
      ...{ 'train/c/': '', 'train/d/': '', 'val/e/1.jpg': jpegs[2]! },
    });
    expect(await problemsOf(root)).toEqual([
      ['structure', 'photos', expect.stringMatching(/^the class c has no picture in train/)],
      ['structure', 'photos', expect.stringMatching(/^the class d has no picture in train/)],
      ['structure', 'photos', expect.stringMatching(/^val has what train lacks: e /)],
      ['empty', 'val/a/1.jpg', 'it is empty (0 bytes)'],
    ]);
  });

  it('looks at all that a table names', async () => {
    const text = 'file,label\nx.jpg,a\ny.jpg,a\nz.jpg,b\n';
    const root = await tree({ 'labels.csv': text, 'x.jpg': jpegs[0]!, 'z.jpg': jpegs[0]! });
    expect(await problemsOf(join(root, 'labels.csv'))).toEqual([
      ['unreadable', 'y.jpg', 'it does not exist'],
      ['contradiction', 'z.jpg', 'it is the same as x.jpg, which is of the class a'],
      ['refused', 'photos', 'val: the only picture cannot be read'],
    ]);
  });

  it('says how far it is, and stops when it is told to', async () => {
    const root = await tree({
      'a/1.jpg': jpegs[0]!,
      'a/2.txt': '',
      'b/1.jpg': jpegs[1]!,
      'b/2.jpg': jpegs[2]!,
    });
    const seen: [number, number][] = [];
    const controller = new AbortController();
    const onProgress = (done: number, total: number) => seen.push([done, total]);
    for await (const _ of checkDataset(root, { onProgress }));
    expect(seen).toEqual([
      [1, 4],
      [2, 4],
      [3, 4],
      [4, 4],
    ]);
    const stopped = (async () => {
      const onStep = () => controller.abort(new Error('enough'));
      for await (const _ of checkDataset(root, { onProgress: onStep, signal: controller.signal }));
    })();
    await expect(stopped).rejects.toThrow('enough');
  });
});

describe('checkDataset and training agree', () => {
  /** `count` different pictures of a class, the last `broken` of them cut off. */
  const classOf = (name: string, count: number, broken = 0) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, i) => {
        const jpeg = Buffer.concat([jpegs[i % jpegs.length]!, Buffer.from(`${name} ${i}`)]);
        return [`${name}/${i + 1}.jpg`, i < count - broken ? jpeg : ''];
      }),
    );
  const refusals = async (root: string) =>
    (await problemsOf(root)).filter(([kind]) => kind === 'refused').map(([, , reason]) => reason);

  it('on how many broken pictures are too many', async () => {
    for (const [total, broken, text] of [
      [24, 1, undefined],
      [24, 2, '2 of 24 pictures (8.3 %) cannot be read, more than 5 %'],
      [48, 5, '5 of 48 pictures (10 %) cannot be read, more than 5 %'],
      [48, 2, undefined],
    ] as const) {
      const root = await tree({ ...classOf('a', total / 2, broken), ...classOf('b', total / 2) });
      expect(await refusals(root)).toEqual(text === undefined ? [] : [text]);
      const count = new BrokenCount(total);
      const train = () => {
        for (let i = 0; i < broken; i++) count.add(new PictureError('x is damaged'));
      };
      if (text === undefined) train();
      else expect(train).toThrow(/^stopped: .* pictures .* cannot be read, more than 5 %/);
    }
  });

  it('on a class or a part of which nothing can be read, though that is few of all', async () => {
    const many = { ...classOf('train/a', 30), ...classOf('train/b', 30), ...classOf('val/a', 2) };
    expect(await refusals(await tree({ ...many, ...classOf('train/c', 1, 1) }))).toEqual([
      'no picture of c can be read to train on',
    ]);
    expect(await refusals(await tree({ ...many, ...classOf('val/a', 2, 2) }))).toEqual([
      'val: none of the 2 pictures can be read',
    ]);
  });

  it('on what the owner should know, however the pictures are divided', async () => {
    const root = await tree({ ...classOf('a', 30), ...classOf('b', 2), ...classOf('c', 1) });
    for (const division of [{}, { seed: 3, valShare: 0.5 }]) {
      const notes = notesOn(await surveyDataset(root), division);
      expect(notes).toEqual((await findDataset(root, { seed: 0, ...division })).notes);
      expect(notes[0]).toBe('only one picture each of c: it is trained on');
      expect(notes.at(-1)).toMatch(/^the classes are very unequal: a has \d+ pictures to train on, b 1 /);
    }
  });

  it('notes sizes of which the network sees next to nothing', async () => {
    const png = (width: number, height: number) =>
      blocks(width + height, width, height)
        .png()
        .toBuffer();
    const root = await tree({
      ...{ ...classOf('a', 2), ...classOf('b', 2), 'a/dot.png': await png(1, 1) },
      ...{
        'a/line.png': await png(300, 3),
        'a/small.png': await png(32, 32),
        'b/wide.png': await png(256, 32),
      },
    });
    expect(await problemsOf(root)).toEqual([
      ['tiny', 'a/dot.png', "it has only 1 x 1 px, much smaller than the network's input, and is enlarged"],
      [
        'oblong',
        'a/line.png',
        'it has an extreme shape, 300 x 3 px: the square in its middle that the network sees is 1/100 of it',
      ],
    ]);
  });
});
