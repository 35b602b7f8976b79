// vgg16 features, as its users run it, and the array that it writes.

import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LayerName } from '../../src/architecture.js';
import type { FeaturesOptions } from '../../src/model/options.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { blocks, NULL, type Surroundings, spawned, useFolder, vgg16, writeNarrow } from './support.js';

const at = useFolder();
let weights: readonly string[];
/** Upright, the same picture lying on its side with a note to turn it, and another. */
const FILES = ['upright.png', 'turned.webp', 'other.png'];

beforeAll(async () => {
  weights = ['--weights', await writeNarrow(at('narrow.safetensors'))];
  const upright = await blocks(1).png().toBuffer();
  await Promise.all([
    sharp(upright).toFile(at('upright.png')),
    sharp(upright)
      .rotate(270)
      .webp({ lossless: true })
      .withMetadata({ orientation: 6 })
      .toFile(at('turned.webp')),
    blocks(2, 64, 40).png().toFile(at('other.png')),
    blocks(3, 40, 36).png().toFile(at('new\nline.png')),
  ]);
});

/** Runs vgg16 features in the folder of the pictures. */
function features(args: readonly string[], options: Surroundings = {}) {
  return vgg16(['features', ...args, ...weights], { cwd: at(), ...options });
}

interface Npy {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Reads what the format's page describes and checks all that it demands. */
async function readNpy(name: string): Promise<Npy> {
  const bytes = await readFile(at(name));
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from('\x93NUMPY\x01\x00', 'latin1'));
  const start = 10 + bytes.readUInt16LE(8);
  expect(start % 64).toBe(0);
  const header = bytes.toString('latin1', 10, start);
  const match = /^\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d+(?:, \d+)+)\), \} *\n$/.exec(
    header,
  );
  expect(match).not.toBeNull();
  const shape = match![1]!.split(', ').map(Number);
  const values = new Float32Array(new Uint8Array(bytes.subarray(start)).buffer);
  expect(values).toHaveLength(shape.reduce((product, side) => product * side, 1));
  return { shape, values };
}

async function byTheLibrary(layer: LayerName, options: FeaturesOptions): Promise<Npy> {
  const model = await VGG16.load({ weights: weights[1] });
  try {
    const rows = await model.features(
      FILES.map((name) => at(name)),
      layer,
      options,
    );
    return {
      shape: [rows.length, ...rows[0]!.shape],
      values: Float32Array.from(rows.flatMap(({ data }) => [...data])),
    };
  } finally {
    model.dispose();
  }
}

describe('the array', () => {
  it("holds the library's numbers, the names in its order go to stdout, orientation is applied", async () => {
    const ran = await features([...FILES, '--until', 'block1_pool', '--out', 'all.npy']);
    const expected = await byTheLibrary('block1_pool', {});
    expect([ran.code, ran.stdout]).toEqual([0, 'upright.png\nturned.webp\nother.png\n']);
    expect(ran.stderr.filter((line) => !line.startsWith('features '))).toEqual([
      'all.npy: (3, 16, 16, 4) f32, 12.3 kB',
    ]);
    const written = await readNpy('all.npy');
    expect(written).toEqual(expected);
    const row = (i: number) => written.values.slice(i * 1024, (i + 1) * 1024);
    expect(row(1)).toEqual(row(0));
    expect(row(2)).not.toEqual(row(0));
  });

  it('is averaged with --pool avg, whatever the batch', async () => {
    const args = [...FILES, '--until', 'block1_pool', '--pool', 'avg', '--size', '48', '--out', 'mean.npy'];
    const options = { pool: 'avg', framing: { resize: 55, crop: 48 }, batch: 2 } as const;
    const ran = await features([...args, '--batch', '2']);
    const expected = await byTheLibrary('block1_pool', options);
    expect(ran.code).toBe(0);
    const written = await readNpy('mean.npy');
    expect(written.shape).toEqual([3, 4]);
    expect(written).toEqual(expected);
  });

  it('has the shape that --resize and --crop ask for, and (pictures, D) from fc1 on', async () => {
    const until = (layer: string, name: string, ...flags: string[]) =>
      features(['upright.png', 'turned.webp', '--until', layer, '--out', name, ...flags], NULL);
    const runs = await Promise.all([
      until('block1_conv1', 'crop.npy', '--resize', '64', '--crop', '32x48'),
      until('block1_pool', 'whole.npy', '--resize', 'none', '--crop', 'none'),
      until('fc1', 'fc1.npy'),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect((await readNpy('crop.npy')).shape).toEqual([2, 32, 48, 4]);
    expect((await readNpy('whole.npy')).shape).toEqual([2, 18, 20, 4]);
    expect((await readNpy('fc1.npy')).shape).toEqual([2, 8]);
  });

  it('leaves out what cannot be used, and its header knows', async () => {
    // Twelve pictures at most, two at last: their number has a digit less than was thought.
    const broken = Array.from({ length: 9 }, (_, i) => `broken ${i}.jpg`);
    await Promise.all(broken.map((name) => writeFile(at(name), 'x')));
    const names = ['nowhere.png', ...broken, 'new\nline.png', 'other.png'];
    const { code, stdout, stderr } = await features(
      [...names, '--until', 'block1_pool', '--out', 'some.npy'],
      NULL,
    );
    expect([code, stdout]).toEqual([3, 'new\\nline.png\nother.png\n']);
    expect(stderr.filter((line) => line.startsWith('skipped: '))).toHaveLength(10);
    expect(stderr[0]).toBe('skipped: nowhere.png does not exist');
    expect((await readNpy('some.npy')).shape).toEqual([2, 16, 16, 4]);
  });
});

describe('nothing is written', () => {
  const UNTIL = ['--until', 'block1_pool'];

  it('where pictures give different shapes; the message names both', async () => {
    const args = ['upright.png', 'other.png', ...UNTIL, '--resize', 'none', '--crop', 'none'];
    const { code, stdout, stderr } = await features([...args, '--out', 'never.npy'], NULL);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.at(-1)).toBe(
      'error: other.png gives features of (20, 32, 4), upright.png gave (18, 20, 4); ' +
        'one array needs one shape: use --crop or --pool avg',
    );
    const averaged = await features([...args, '--pool', 'avg', '--out', 'averaged.npy'], NULL);
    expect(averaged.code).toBe(0);
    expect((await readNpy('averaged.npy')).shape).toEqual([2, 4]);
  });

  it('where no picture can be used', async () => {
    const { code, stdout, stderr } = await features(['nowhere.png', ...UNTIL, '--out', 'never.npy']);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toEqual([
      'skipped: nowhere.png does not exist',
      'error: no picture could be used; never.npy is not written',
    ]);
  });

  it.each([
    ['a missing folder', 'missing/never.npy', 'its folder does not exist'],
    ['a folder', 'folder', 'it is a folder'],
    ['a file for a folder', 'upright.png/never.npy', 'its folder is not a folder'],
    ['a device', '/dev/null', 'it is not a regular file'],
  ])('over %s, and no adapter is looked for', async (_, out, reason) => {
    await mkdir(at('folder'), { recursive: true });
    const args = ['upright.png', ...UNTIL, '--out', out];
    const { code, stdout, stderr } = await features(args, { env: { VGG16_ADAPTER: 'nosuch' } });
    expect([code, stdout, stderr]).toEqual([8, '', [`error: cannot write ${out}: ${reason}`]]);
  });

  it.skipIf(process.platform === 'win32')('where the disk is full', async () => {
    const args = [...FILES, ...UNTIL, '--out', 'never.npy'];
    const limited = { ...NULL, cwd: at(), fileBlocks: 8 };
    const { code, stdout, stderr } = await spawned(['features', ...args, ...weights], limited);
    expect([code, stdout]).toEqual([8, '']);
    expect(stderr.at(-1)).toBe('error: cannot write never.npy: the file would be larger than is allowed');
  });

  it('in all these cases, not even half a file', async () => {
    expect(existsSync(at('never.npy'))).toBe(false);
    expect((await readdir(at())).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });
});
