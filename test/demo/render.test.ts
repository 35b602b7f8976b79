import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ARTISTS, chooseDrawings, type Drawing, loadIconSets, mostPerClass } from '../../demo/drawings.js';
import { render, rendered } from '../../demo/render.js';

let drawings: Drawing[];
let folder: string;

beforeAll(async () => {
  const sets = await loadIconSets();
  drawings = chooseDrawings(sets, { perClass: mostPerClass(sets), seed: 0 });
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-render-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const fail = (reason: Error): never => {
  throw reason;
};

describe('every drawing that can be chosen', () => {
  it('renders to S x S px on white, and is not blank', async () => {
    for (const drawing of drawings) {
      const { data, info } = await sharp(await render(drawing, 48))
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([info.width, info.height, info.channels], drawing.name).toEqual([48, 48, 3]);
      const inked = data.filter((value) => value < 200).length / data.length;
      expect(inked, drawing.name).toBeGreaterThan(0.02);
    }
  });
});

describe('the cache', () => {
  it('gives the same pixels the second time, from one file', async () => {
    const drawing = drawings[0]!;
    const first = await rendered(drawing, 64, folder, fail);
    expect(first.picture).toMatchObject({ width: 64, height: 64 });
    expect(first.picture.data).toHaveLength(64 * 64 * 3);
    const files = await readdir(folder);
    expect(files).toHaveLength(1);
    // Overwritten with another picture of the right size: if that comes back, the cache was read.
    await writeFile(join(folder, files[0]!), await render(drawings[1]!, 64));
    const second = await rendered(drawing, 64, folder, fail);
    expect(second.png).toEqual(await render(drawings[1]!, 64));
  });

  it('keeps sizes and artists apart', async () => {
    const twice = ARTISTS.map((artist): Drawing => ({ ...drawings[0]!, artist }));
    for (const drawing of twice) for (const size of [32, 48]) await rendered(drawing, size, folder, fail);
    expect(await readdir(folder)).toHaveLength(4);
  });

  it.each([
    ['cut short', (png: Buffer) => png.subarray(0, png.length / 2)],
    ['empty', () => Buffer.alloc(0)],
    ['no picture at all', () => Buffer.from('hello')],
    [
      'damaged in the middle',
      (png: Buffer) => Buffer.concat([png.subarray(0, 60), Buffer.alloc(40), png.subarray(100)]),
    ],
  ])('renders anew what is %s', async (_, damage) => {
    const drawing = drawings[2]!;
    const good = await rendered(drawing, 48, folder, fail);
    const path = join(folder, (await readdir(folder))[0]!);
    await writeFile(path, damage(good.png));
    const again = await rendered(drawing, 48, folder, fail);
    expect(again.picture).toEqual(good.picture);
    expect(await readFile(path)).toEqual(good.png);
  });

  it('renders anew what has another size', async () => {
    const drawing = drawings[3]!;
    await rendered(drawing, 48, folder, fail);
    const path = join(folder, (await readdir(folder))[0]!);
    await writeFile(path, await render(drawing, 32));
    expect((await rendered(drawing, 48, folder, fail)).picture.width).toBe(48);
  });

  it('does without where it cannot be written, and says so', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const reasons: Error[] = [];
    const { picture } = await rendered(drawings[0]!, 48, join(file, 'emoji'), (reason) =>
      reasons.push(reason),
    );
    expect(picture.width).toBe(48);
    expect(reasons).toHaveLength(1);
  });
});
