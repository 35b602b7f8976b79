import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ARTISTS, chooseDrawings, type Drawing, loadIconSets, mostPerClass } from '../../demo/drawings.js';
import { render, rendered } from '../../demo/render.js';
import { frame, framingForSize } from '../../src/image/framing.js';

let drawings: Drawing[];
let folder: string;

beforeAll(async () => {
  const sets = await loadIconSets();
  drawings = [...chooseDrawings(sets, { known: mostPerClass(sets), unseen: 0 }, 0).known];
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-render-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const fail = (reason: Error): never => {
  throw reason;
};

const pixelsOf = async (png: Buffer) => {
  const { width, height, channels } = await sharp(png).metadata();
  const data = new Uint8Array(await sharp(png).raw().toBuffer());
  return { width: width!, height: height!, channels, data };
};

describe('every drawing that can be chosen', () => {
  it('is not blank, and stands on white with just the margin that framing cuts off', async () => {
    for (const drawing of drawings) {
      const picture = await pixelsOf(await render(drawing, 48));
      expect([picture.width, picture.height, picture.channels], drawing.name).toEqual([55, 55, 3]);
      const seen = frame(picture, framingForSize(48));
      expect([seen.width, seen.height]).toEqual([48, 48]);
      const inked = ({ data }: { data: Uint8Array }) => data.filter((value) => value < 240).length;
      expect(inked(seen) / seen.data.length, drawing.name).toBeGreaterThan(0.02);
      // Half a pixel at most is lost where the margin is no whole number.
      expect(inked(seen) / inked(picture), drawing.name).toBeGreaterThan(0.95);
    }
  });
});

describe('the cache', () => {
  it('gives the same pixels the second time, from one file', async () => {
    const drawing = drawings[0]!;
    expect(await rendered(drawing, 64, folder, fail)).toEqual(await render(drawing, 64));
    const files = await readdir(folder);
    expect(files).toHaveLength(1);
    // Overwritten with another picture of the right size: if that comes back, the cache was read.
    await writeFile(join(folder, files[0]!), await render(drawings[1]!, 64));
    expect(await rendered(drawing, 64, folder, fail)).toEqual(await render(drawings[1]!, 64));
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
    await writeFile(path, damage(good));
    expect(await rendered(drawing, 48, folder, fail)).toEqual(good);
    expect(await readFile(path)).toEqual(good);
  });

  it('renders anew what has another size', async () => {
    const drawing = drawings[3]!;
    await rendered(drawing, 48, folder, fail);
    const path = join(folder, (await readdir(folder))[0]!);
    await writeFile(path, await render(drawing, 32));
    expect((await pixelsOf(await rendered(drawing, 48, folder, fail))).width).toBe(55);
  });

  it('does without where it cannot be written, and says so', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const reasons: Error[] = [];
    const png = await rendered(drawings[0]!, 48, join(file, 'emoji'), (reason) => reasons.push(reason));
    expect(png).toEqual(await render(drawings[0]!, 48));
    expect(reasons).toHaveLength(1);
  });
});
