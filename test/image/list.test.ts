import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listPictures } from '../../src/image/list.js';

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

const ALL = ['a.jpeg', 'b.JPG', 'odd {x} [y]/f.gif', 'photo[1].jpg', 'sub/c.Png', 'sub/deep/d.webp'];

describe('listPictures', () => {
  it('takes a folder with its subfolders, sorted, nothing twice, nothing that begins with a dot', async () => {
    expect(await list('.')).toEqual({ found: ALL, errors: [] });
  });

  it('takes named files whatever they are called, in the order in which they are named', async () => {
    const names = ['notes.txt', 'b.JPG', '.hidden.jpg', 'a.jpeg', 'no extension'];
    expect(await list(...names)).toEqual({ found: names, errors: [] });
  });

  it('takes each file once, where it is named first, whatever links lead to it', async () => {
    const { found } = await list('sub', 'b.JPG', '.', 'sub/../a.jpeg');
    expect(found).toEqual([
      'sub/c.Png',
      'sub/deep/d.webp',
      // Reached through the link that leads back to the top, before it is named.
      'sub/deep/round and round/a.jpeg',
      'sub/deep/round and round/b.JPG',
      'sub/deep/round and round/odd {x} [y]/f.gif',
      'sub/deep/round and round/photo[1].jpg',
    ]);
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

  it('keeps relative names relative', async () => {
    const here = relative(process.cwd(), folder);
    const paths = await listPictures([join(here, 'a.jpeg'), join(here, '*.JPG')], () => {});
    expect(paths).toEqual([join(here, 'a.jpeg'), join(here, 'b.JPG')]);
  });

  it('of nothing finds nothing', async () => {
    expect(await listPictures([], () => {})).toEqual([]);
  });
});
