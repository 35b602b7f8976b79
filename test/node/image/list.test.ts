import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findDataset } from '../../../src/node/datasets/find.js';
import { findSamples } from '../../../src/node/datasets/find_samples.js';
import { surveyDataset } from '../../../src/node/datasets/survey.js';
import { listPictures } from '../../../src/node/image/list.js';

let folder: string;

const FILES = [
  'b.JPG',
  'a.jpeg',
  'notes.txt',
  'no extension',
  'photo[1].jpg',
  '.hidden.jpg',
  'sub/c.Png',
  'sub/deep/d.webp',
  'sub/.ipynb_checkpoints/e.jpg',
  'odd {x} [y]/f.gif',
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-list-'));
  await mkdir(join(folder, 'sub', 'deep'), { recursive: true });
  await mkdir(join(folder, 'sub', '.ipynb_checkpoints'));
  await mkdir(join(folder, 'odd {x} [y]'));
  await mkdir(join(folder, 'empty', 'too'), { recursive: true });
  await Promise.all(FILES.map((name) => writeFile(join(folder, name), '')));
  await symlink(join(folder, 'b.JPG'), join(folder, 'sub', 'same as b.jpg'));
  await symlink(folder, join(folder, 'sub', 'deep', 'round and round'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Names in the folder, and what is said of those that stand for nothing. */
async function list(...names: string[]) {
  const errors: string[] = [];
  const paths = await listPictures(
    names.map((name) => join(folder, name)),
    ({ message }) => errors.push(message.replaceAll(folder, '')),
  );
  return { found: paths.map((path) => relative(folder, path)), errors };
}

const ALL = [
  ...['a.jpeg', 'b.JPG', 'odd {x} [y]/f.gif', 'photo[1].jpg'],
  ...['sub/c.Png', 'sub/deep/d.webp', 'sub/same as b.jpg'],
];

describe('listPictures', () => {
  it('takes a folder with its subfolders, sorted, nothing twice, nothing that begins with a dot', async () => {
    expect(await list('.')).toEqual({ found: ALL, errors: [] });
  });

  it.skipIf(process.platform === 'win32')('takes a pipe, so that reading it is refused aloud', async () => {
    await mkdir(join(folder, 'pipes'));
    execFileSync('mkfifo', [join(folder, 'pipes', 'pipe.png')]);
    expect((await list('pipes')).found).toEqual([join('pipes', 'pipe.png')]);
    await rm(join(folder, 'pipes'), { recursive: true });
  });

  it('takes named files whatever they are called, in the order in which they are named', async () => {
    const names = ['notes.txt', 'b.JPG', '.hidden.jpg', 'a.jpeg', 'no extension'];
    expect(await list(...names)).toEqual({ found: names, errors: [] });
  });

  it('takes each path once, where it is named first, and follows no circle of links', async () => {
    const { found } = await list('sub', 'b.JPG', '.', 'sub/../a.jpeg');
    expect(found).toEqual([
      ...['sub/c.Png', 'sub/deep/d.webp', 'sub/same as b.jpg', 'b.JPG'],
      ...['a.jpeg', 'odd {x} [y]/f.gif', 'photo[1].jpg'],
    ]);
    expect((await list('**/*.webp')).found).toEqual(['sub/deep/d.webp']);
  });

  it('takes what exists for a name, and anything else with special characters for a glob', async () => {
    expect(await list('photo[1].jpg')).toEqual({ found: ['photo[1].jpg'], errors: [] });
    expect(await list('odd {x} [y]')).toEqual({ found: ['odd {x} [y]/f.gif'], errors: [] });
    expect(await list('*.{jpeg,JPG,txt}')).toEqual({ found: ['a.jpeg', 'b.JPG'], errors: [] });
    expect((await list('sub/**/*.webp')).found).toEqual(['sub/deep/d.webp']);
    expect((await list('sub/.ipynb_checkpoints/*')).found).toEqual(['sub/.ipynb_checkpoints/e.jpg']);
  });

  it('says what stands for nothing, and goes on', async () => {
    const { found, errors } = await list('empty', 'missing.jpg', '*.bmp', 'a.jpeg', 'a.jpeg/b.jpg', '*.txt');
    expect(found).toEqual(['a.jpeg']);
    const looked = 'looked for .jpg .jpeg .jpe .jfif .png .webp .gif .tif .tiff .avif';
    expect(errors).toEqual([
      `/empty: this folder has no picture (${looked})`,
      '/missing.jpg does not exist',
      `/*.bmp: no picture matches (${looked})`,
      '/a.jpeg/b.jpg does not exist',
      `/*.txt: no picture matches (${looked})`,
    ]);
  });

  it('says which pictures of a folder cannot be decoded by their format', async () => {
    const mixed = await mkdtemp(join(tmpdir(), 'vgg16-foreign-'));
    try {
      const listed = async () => {
        const said: string[] = [];
        const say = (text: string) => said.push(text.replaceAll(mixed, ''));
        const found = await listPictures([mixed], ({ message }) => say(`error: ${message}`), say);
        return { found: found.map((path) => relative(mixed, path)), said };
      };
      await Promise.all(
        ['4.NEF', '1.heic', '2.HEIC', '3.bmp'].map((name) => writeFile(join(mixed, name), '')),
      );
      const foreign =
        '4 pictures in formats that cannot be read (1.heic, 2.HEIC, 3.bmp and 1 more); convert them to JPEG';
      const looked = 'looked for .jpg .jpeg .jpe .jfif .png .webp .gif .tif .tiff .avif';
      expect(await listed()).toEqual({
        found: [],
        said: [`error: : this folder has no picture (${looked}), only ${foreign}`],
      });
      await Promise.all(['a.jpg', 'notes.txt'].map((name) => writeFile(join(mixed, name), '')));
      expect(await listed()).toEqual({ found: ['a.jpg'], said: [`: left out: ${foreign}`] });
    } finally {
      await rm(mixed, { recursive: true });
    }
  });

  it('does not fetch pictures from the web, and says so', async () => {
    const errors: string[] = [];
    await listPictures(['https://example.org/cat.jpg'], ({ message }) => errors.push(message));
    expect(errors).toEqual([
      'https://example.org/cat.jpg is a web address; download the picture and name its file',
    ]);
  });

  it('keeps relative names relative', async () => {
    const here = relative(process.cwd(), folder);
    const paths = await listPictures([join(here, 'a.jpeg'), join(here, '*.JPG')], () => {});
    expect(paths).toEqual([join(here, 'a.jpeg'), join(here, 'b.JPG')]);
  });

  it('of nothing finds nothing', async () => {
    expect(await listPictures([], () => {})).toEqual([]);
  });
});

describe('a folder with links and what systems leave behind', () => {
  const PICTURES = [
    ...['ants/1.png', 'ants/deep/2.PNG', 'ants/linked.png', 'ants/w.webp'],
    ...['ants2/1.png', 'ants2/deep/2.PNG', 'ants2/linked.png', 'ants2/w.webp'],
    ...['bees/1.jpg', 'bees/2.jpg', 'bees/elsewhere/1.png', 'bees/elsewhere/deep/2.PNG'],
    ...['bees/elsewhere/linked.png', 'bees/elsewhere/w.webp'],
  ];
  const LEFT = [
    ...['ants/@eaDir/SYNO.jpg', 'ants/.hidden.jpg', 'ants/Thumbs.db', 'ants/.DS_Store'],
    ...['__MACOSX/ants/._1.png', '__MACOSX/x.jpg', 'bees/#recycle/old.jpg', '.git/x.png'],
    ...['bees/lost+found/y.png', 'bees/$RECYCLE.BIN/z.png', 'bees/.thumbnails/1.jpg'],
  ];
  let root: string;

  beforeAll(async () => {
    root = join(folder, 'walked', 'photos');
    for (const file of [...PICTURES.filter((path) => !/linked|elsewhere|ants2/.test(path)), ...LEFT]) {
      await mkdir(dirname(join(root, file)), { recursive: true });
      await writeFile(join(root, file), '');
    }
    await symlink('1.png', join(root, 'ants', 'linked.png'));
    await symlink('../ants', join(root, 'bees', 'elsewhere'));
    await symlink('ants', join(root, 'ants2'));
    // Links that lead back: to their own folder, to the root, above it, and to each other.
    await symlink('.', join(root, 'ants', 'loop'));
    await symlink('../../..', join(root, 'ants', 'deep', 'up'));
    await symlink('../../..', join(root, 'bees', 'above'));
    await symlink('.', join(root, 'round'));
  });

  it('is the same list for classify, features, data check, train and eval', async () => {
    const below = (paths: Iterable<string>) => [...paths].map((path) => relative(root, path)).sort();
    expect(below(await listPictures([root], () => {}))).toEqual(PICTURES);
    const { parts } = await surveyDataset(root);
    expect([...parts.train!.values()].flat().sort()).toEqual(PICTURES);
    const { classes, train, val } = await findDataset(root, { seed: 0 });
    expect(classes).toEqual(['ants', 'ants2', 'bees']);
    expect(below([...train, ...val].map(({ name }) => name))).toEqual(PICTURES);
    const samples = await findSamples(root, classes);
    expect(below(samples.map(({ name }) => name))).toEqual(PICTURES);
  });

  it('is walked to its end however many links lead from folder to folder', async () => {
    const tangle = join(folder, 'walked', 'tangle');
    const names = Array.from({ length: 5 }, (_, i) => `f${i}`);
    for (const name of names) {
      await mkdir(join(tangle, name), { recursive: true });
      await writeFile(join(tangle, name, '1.jpg'), '');
    }
    for (const name of names) {
      for (const other of names)
        if (other !== name) await symlink(`../${other}`, join(tangle, name, `to ${other}`));
    }
    const found = await listPictures([tangle], () => {});
    // Each folder has its own picture, and behind each of its links each other folder's once.
    expect(found).toHaveLength(5 * (1 + 4 * 4));
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'is listed but for what may not be read, which is said',
    async () => {
      const locked = join(folder, 'walked', 'locked');
      await mkdir(join(locked, 'private'), { recursive: true });
      await writeFile(join(locked, '1.jpg'), '');
      await chmod(join(locked, 'private'), 0);
      const errors: string[] = [];
      const found = await listPictures([locked], ({ message }) => errors.push(message));
      expect(found).toEqual([join(locked, '1.jpg')]);
      expect(errors).toEqual([`the folder ${join(locked, 'private')} may not be read: permission denied`]);
      await chmod(join(locked, 'private'), 0o700);
    },
  );
});
