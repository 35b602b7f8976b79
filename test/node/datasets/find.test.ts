// Data sets in folders: what is found, what is held back to validate, and what is said of those that are wrong.

import { chmod, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findDataset } from '../../../src/node/datasets/find.js';
import { faultOf, numbered, placed, useTrees } from './support.js';

const tree = useTrees();
const seed = 0;

async function fault(files: readonly string[]): Promise<string> {
  const root = await tree(files);
  return faultOf(findDataset(root, { seed }), root);
}

describe('a folder with train and val', () => {
  it('is found in any case, whatever val is called, with extensions in any case and pictures in subfolders', async () => {
    for (const [train, val, test] of [
      ['train', 'val', 'test'],
      ['Train', 'VALID', 'Testing'],
      ['training', 'validation', 'TEST'],
    ]) {
      const files = [`${train}/b/1.JPG`, `${train}/a/2.jpeg`, `${train}/a/deep/er/3.Png`];
      const root = await tree([...files, `${val}/a/4.webp`, `${val}/b/5.tif`, `${test}/b/6.gif`]);
      const dataset = await findDataset(root, { seed });
      expect(dataset.name).toBe(root);
      expect(dataset.classes).toEqual(['a', 'b']);
      expect(placed(dataset, dataset.train)).toEqual([
        [`${train}/a/2.jpeg`, 'a'],
        [`${train}/a/deep/er/3.Png`, 'a'],
        [`${train}/b/1.JPG`, 'b'],
      ]);
      expect(placed(dataset, dataset.val).map(([file]) => file)).toEqual([
        `${val}/a/4.webp`,
        `${val}/b/5.tif`,
      ]);
      expect(placed(dataset, dataset.test)).toEqual([[`${test}/b/6.gif`, 'b']]);
      expect(dataset.notes).toEqual([]);
      expect(dataset.train[0]!.picture).toBe(dataset.train[0]!.name);
    }
  });

  it('takes val from train where there is a test only, and leaves test as it is', async () => {
    const root = await tree([
      ...numbered('train/a', 10),
      ...numbered('train/b', 5),
      ...numbered('test/a', 3),
    ]);
    const { train, val, test } = await findDataset(root, { seed });
    expect([train.length, val.length, test.length]).toEqual([12, 3, 3]);
  });

  it('notes what is left out and what val lacks', async () => {
    const files = [...numbered('train/a', 2), ...numbered('train/b', 2), 'val/a/1.jpg', 'raw/c/1.jpg'];
    const root = await tree([...files, 'train/stray.jpg', 'cover.png', 'README.md', 'val/b/']);
    const { notes, classes } = await findDataset(root, { seed });
    expect(classes).toEqual(['a', 'b']);
    expect(notes).toEqual([
      'left out, for beside train/ only val/ and test/ are looked into: raw/',
      'left out, for lying in no class folder: 2 pictures, cover.png, train/stray.jpg',
      'val has no picture of b: how well they are told apart will not be known',
    ]);
  });

  it('notes pictures whose format cannot be decoded, and names them where there are no others', async () => {
    const foreign = '1 picture in a format that cannot be read (a/9.heic); convert it to JPEG';
    const mixed = await tree([...numbered('a', 2), ...numbered('b', 2), 'a/9.heic', 'a/notes.txt']);
    expect((await findDataset(mixed, { seed })).notes).toEqual([`left out: ${foreign}`]);
    expect(await fault(['a/9.heic', 'b/notes.txt'])).toContain(`.avif), only ${foreign}; what is needed is`);
  });

  it('must not have in val or test what train lacks, which would shift all labels', async () => {
    const train = [...numbered('train/b', 2), ...numbered('train/c', 2)];
    expect(await fault([...train, 'val/a/1.jpg', 'val/b/1.jpg', 'test/B/1.jpg'])).toBe(
      'photos: val has what train lacks: a (train has b, c); give it pictures in train or the name that it has there ' +
        '(and 1 more: `vgg16 data check` lists them)',
    );
  });

  it('must have train, pictures in val, and each part once', async () => {
    expect(await fault(['val/a/1.jpg', 'test/b/1.jpg'])).toMatch(
      /part called val or test, but none called train$/,
    );
    expect(await fault(['train/a/1.jpg', 'train/b/1.jpg', 'val/'])).toMatch(
      /val has no picture; add some, or remove/,
    );
    expect(await fault(['train/a/1.jpg', 'val/a/1.jpg', 'valid/a/1.jpg'])).toBe(
      'photos has val/ and valid/, which both mean val; keep one',
    );
  });
});

describe('a folder of classes', () => {
  it('sorts classes by code points, as Python does', async () => {
    const names = ['z', 'Z', 'ä', 'a10', 'a2', '\u{1f41c}', '\uff21'];
    const root = await tree(names.flatMap((name) => numbered(name, 2)));
    expect((await findDataset(root, { seed })).classes).toEqual([
      ...['Z', 'a10', 'a2', 'z', 'ä'],
      ...['\uff21', '\u{1f41c}'],
    ]);
  });

  it('keeps the share of each class, at least one picture and never all', async () => {
    const sizes = { a: 100, b: 3, c: 2, d: 1 };
    const root = await tree(Object.entries(sizes).flatMap(([name, size]) => numbered(name, size)));
    const held = async (valShare?: number) => {
      const { train, val, notes } = await findDataset(root, { seed, ...(valShare && { valShare }) });
      const names = [...train, ...val].map(({ name }) => name);
      expect(new Set(names).size).toBe(106);
      expect(notes[0]).toBe('only one picture each of d: it is trained on');
      return [0, 1, 2, 3].map((label) => val.filter((sample) => sample.label === label).length);
    };
    expect(await held()).toEqual([20, 1, 1, 0]);
    expect(await held(0.9)).toEqual([90, 2, 1, 0]);
    expect(await held(0.001)).toEqual([1, 1, 1, 0]);
  });

  it('divides by the seed alone: not by other classes, nor by when files were made', async () => {
    const first = await tree([...numbered('a', 40), ...numbered('b', 40)]);
    const second = await tree([...numbered('c', 7), ...numbered('b', 5), ...numbered('a', 40).reverse()]);
    const held = async (root: string, someSeed: number) => {
      const dataset = await findDataset(root, { seed: someSeed });
      return placed(dataset, dataset.val).filter(([, name]) => name === 'a');
    };
    expect(await held(second, 3)).toEqual(await held(first, 3));
    expect(await held(first, 4)).not.toEqual(await held(first, 3));
  });

  it('moves next to nothing between parts when a picture is added', async () => {
    const root = await tree([...numbered('a', 200), ...numbered('b', 2)]);
    const held = async () => (await findDataset(root, { seed })).val.map(({ name }) => name);
    const before = new Set(await held());
    await writeFile(join(root, 'a', 'new.jpg'), '');
    expect((await held()).filter((name) => !before.has(name)).length).toBeLessThanOrEqual(1);
  });

  it('leaves out what systems and tools leave behind, and follows no circle of links', async () => {
    const left = [
      '.ipynb_checkpoints/1.jpg',
      '__MACOSX/a/._1.jpg',
      '.git/x.png',
      'Thumbs.db',
      '@eaDir/1.jpg',
    ];
    const inside = [
      'a/.DS_Store',
      'a/.hidden.jpg',
      'a/desktop.ini',
      'a/.ipynb_checkpoints/1-checkpoint.jpg',
      'a/notes.txt',
    ];
    const root = await tree([...left, ...inside, 'a/1.jpg', 'a/2.jpg', 'b/sub/1.jpg', 'b/2.jpg']);
    await symlink(root, join(root, 'b', 'sub', 'round and round'));
    await symlink(join(root, 'b'), join(root, 'b', 'sub', 'again'));
    await symlink(join(root, 'a', '1.jpg'), join(root, 'b', 'linked.jpg'));
    await symlink(join(root, 'a'), join(root, 'c'));
    const dataset = await findDataset(root, { seed });
    expect([...placed(dataset, dataset.train), ...placed(dataset, dataset.val)].sort()).toEqual([
      ...[
        ['a/1.jpg', 'a'],
        ['a/2.jpg', 'a'],
        ['b/2.jpg', 'b'],
        ['b/linked.jpg', 'b'],
        ['b/sub/1.jpg', 'b'],
      ],
      ...[
        ['c/1.jpg', 'c'],
        ['c/2.jpg', 'c'],
      ],
    ]);
  });

  it('may have a class that is called as a part is', async () => {
    const root = await tree([...numbered('test', 2), ...numbered('real', 2)]);
    expect((await findDataset(root, { seed })).classes).toEqual(['real', 'test']);
  });

  it('is noted to be unequal beyond 5 to 1', async () => {
    const notes = async (count: number) =>
      (await findDataset(await tree([...numbered('a', count), ...numbered('b', 2)]), { seed })).notes;
    expect(await notes(6)).toEqual([]);
    expect(await notes(30)).toEqual([
      'the classes are very unequal: a has 24 pictures to train on, b 1 (24.0 to 1); ' +
        '--class-weights balanced makes them count the same',
    ]);
  });
});

describe('a folder that is no data set', () => {
  it.each<[string, readonly string[], string | RegExp]>([
    [
      'is empty',
      [],
      /^photos: there is no picture \(looked for \.jpg .*\); what is needed is one folder a class, as photos\/cats\/1.jpg and photos\/dogs\/2.jpg$/,
    ],
    ['has files only', ['a/1.txt', 'b/2.svg'], /^photos: there is no picture \(looked for/],
    [
      'has pictures but no classes',
      ['1.jpg', '2.jpg', '3.png'],
      'photos: its 3 pictures lie in no class folder (1.jpg, 2.jpg, 3.png); what is needed is one folder a class, as photos/cats/1.jpg and photos/dogs/2.jpg',
    ],
    [
      'has classes in the names of its pictures',
      ['cat.0.jpg', 'cat.1.jpg', 'dog.0.jpg', 'dog.1.jpg'],
      'photos: its 4 pictures lie in no class folder (cat.0.jpg, cat.1.jpg, dog.0.jpg, dog.1.jpg); their names tell the ' +
        'classes cat, dog: make a folder of each and move its pictures there, as photos/cat/cat.0.jpg, or write a CSV ' +
        'with the lines "file,label" and "cat.0.jpg,cat" and so on',
    ],
    [
      'has numbered photos of a camera',
      ['IMG_001.jpg', 'IMG_002.jpg'],
      /; what is needed is one folder a class/,
    ],
    [
      'has pictures but no classes in train',
      ['train/1.jpg', 'val/2.jpg'],
      /^photos: its 2 pictures lie in no class folder .* as photos\/train\/cats\/1.jpg and/,
    ],
    [
      'has one class',
      numbered('a', 3),
      'photos: there is one class only, a (3 pictures); it takes two to tell apart, a folder each',
    ],
    [
      'has one picture',
      ['a/1.jpg'],
      'photos: there is one class only, a (1 picture); it takes two to tell apart, a folder each',
    ],
    [
      'has a class without pictures',
      [...numbered('a', 3), ...numbered('b', 3), 'c/notes.txt'],
      'photos: the class c has no picture; add some or remove its folder',
    ],
    [
      'has a class without pictures in train',
      ['train/a/1.jpg', 'train/b/', 'train/c/1.jpg', 'val/a/1.jpg'],
      'photos: the class b has no picture in train; add some or remove its folder',
    ],
    [
      'has one folder too many around it',
      ['set/a/1.jpg', 'set/b/1.jpg'],
      /one class only, set \(2 pictures\).*; did you mean photos\/set\?$/,
    ],
    ['has one picture a class', ['a/1.jpg', 'b/1.jpg'], /^photos: no class has two pictures/],
  ])('because it %s, says so', async (_, files, expected) => {
    const message = await fault(files);
    if (typeof expected === 'string') expect(message).toBe(expected);
    else expect(message).toMatch(expected);
  });

  it('because it is not there, or no folder, says so', async () => {
    const root = await tree({ 'photos.zip': 'PK' });
    const at = (name: string) => faultOf(findDataset(join(root, name), { seed }), root);
    expect(await at('nowhere')).toBe('photos/nowhere does not exist');
    expect(await at('photos.zip/a')).toBe('photos/photos.zip/a does not exist');
    expect(await at('photos.zip')).toMatch(
      /^photos\/photos.zip is a file and no CSV; a data set is a folder/,
    );
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'because it may not be read, says so',
    async () => {
      const root = await tree([...numbered('a', 2), ...numbered('b', 2)]);
      await chmod(join(root, 'b'), 0);
      expect(await faultOf(findDataset(root, { seed }), root)).toBe(
        'the folder photos/b may not be read: permission denied',
      );
      await chmod(join(root, 'b'), 0o700);
    },
  );
});

describe('findDataset', () => {
  it.each([0, 1, -0.1, Number.NaN])('refuses to hold back a share of %s', async (valShare) => {
    expect(await faultOf(findDataset('anywhere', { seed, valShare }), 'anywhere')).toMatch(
      /must lie between 0 and 1$/,
    );
  });

  it('stops when it is told to', async () => {
    const root = await tree([...numbered('a', 2), ...numbered('b', 2)]);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(findDataset(root, { seed, signal })).rejects.toThrow('enough');
  });

  it('names pictures as the path was given', async () => {
    const root = await tree([...numbered('a', 2), ...numbered('b', 2)]);
    const { train } = await findDataset(`${root}/./`, { seed });
    expect(train[0]!.name.startsWith(`${root}/a/`)).toBe(true);
  });
});
